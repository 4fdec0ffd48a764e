"""What a run without end costs, and how late its rows are.

    python benchmarks/live.py [--quick] [--pages ../shared/data/extraction/fundus.A.jsonl.gz]

Prints, in one run:

1. Beam's share of the CPU of a cycle. Feeds that nobody has seen, ten entries each, go through all stages and the
   commit: once as a cycle of the graph, once as the same pure functions called in a loop. Pages are those of --pages
   (JSON Lines, gzip: url, html), else generated: 40 to 80 KB with about 500 words, which take half the time to extract
   of recorded ones of that size. Downloads answer from memory and the pool works in this process, on both sides.
2. CPU of an idle minute: `wirebeam run` with 100 feeds, all polled once and none due for an hour, with its pool.
3. Polls per core second, 60 % answered 304, 20 % with the body that is known, 20 % with one new entry: 1,000 feeds of
   30 entries. A cycle here is what is due from state.db, the graph, and the commit with the new entries' places in the
   queue; their pages are never ready. HTTP and the pool's pipes are not in it.
4. Delay beyond schedule, from an entry's appearance in its feed to the warehouse that has its row: `wirebeam run` with
   1,000 small feeds, each on a host of its own, and no delay between two requests to a host. An entry is on schedule
   at the poll before plus the interval, or when it appears, if that is later. A row can be queried from the moment in
   which the catalog names the table's new metadata.

CPU is that of all processes of a run. Figures move with whatever else the machine does: compare within one run.
"""

import argparse
import contextlib
import datetime as dt
import gzip
import html
import itertools
import json
import logging
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar, cast
from urllib.parse import urlsplit

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.engine import MAX_PAGES, Cycle
from pipeline.graph import Parts, Work
from pipeline.live import MAX_FEEDS
from pipeline.memory import StateMemory
from pipeline.newsroom.loopback import SUFFIX, Answer, Asked, LoopbackServer, conditional, text
from pipeline.sinks.iceberg import CATALOG_FILE
from pipeline.state import State
from schemas import ids
from schemas.memory import KnownAlias, KnownCapture, Sketch
from schemas.records import Article, Capture, Entry, Feed, FeedDue, Page
from transforms.copies.index import CopyIndex, Layered
from transforms.extract import Failed, capture_of, from_feed
from transforms.feeds.output import PollResult
from transforms.feeds.reading import read_feed
from transforms.feeds.window import last_shown
from transforms.fetch import page_of, request_for, validators_of
from transforms.identify import identify, names_of
from transforms.link import link, sketch_of
from transforms.names.tagger import Tagger, load_tagger
from transforms.outcomes import utc_now
from transforms.poll import needs_reading, poll, scheduled
from transforms.pool import Pool, Task
from transforms.revise import revise
from transforms.schedule import Limits, any_chance
from transforms.shared import Shared
from transforms.tag import tag
from transforms.visits import Policy
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, HttpConfig, Request, Response
from transforms.write import Gathered, publish

P = ParamSpec("P")
T = TypeVar("T")
Get = Callable[[Request], Response | Failure | None]

ENTRIES_OF_NEW_FEED = 10
ENTRIES_OF_FEED = 30
NOT_MODIFIED_OF_TEN, SAME_BODY_OF_TEN = 6, 2  # polls; the others bring a new entry
ALWAYS_DUE = Limits(fixed_s=0.001)
POLICY = Policy()
FLUSHES_S = (30.0, 1.0)
FIRST_POLLS_S = 180.0  # that a run may take for the first poll of each feed
LOOK_S = 0.02  # between two looks at the catalog
PAGE_BYTES = (40_000, 80_000)
SLOT = '{"name":"top","size":[300,250]},'  # of a script
PARAGRAPHS, WORDS_OF_PARAGRAPH = 10, 50
_TEXT = """
    the of and to in a is that for on with as was at by it from be are has this have an not were which or after
    about more their they than been would who will there when one its city council harbour road bridge school budget
    winter summer money people house police court judge report study water power price market trade river rain storm
    fire train station line service worker union strike company bank tax rent housing hospital doctor nurse patient
    health minister party vote election member leader plan project work week month year day night morning two three
    four five hundred thousand million early late long short high low new old public private local national foreign
    small large said told asked added found made took gave opened closed built moved raised cut agreed refused
    warned expected
"""
WORDS = _TEXT.split()
NAMES = ("Anna Lindqvist", "Robert Hale", "Maria Duarte", "James Okafor", "London", "Hamburg", "Lisbon", "Norway")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and feeds, shorter runs")
    parser.add_argument("--pages", type=Path, help="recorded pages for the first figure")
    arguments = parser.parse_args()
    is_quick: bool = arguments.quick
    logging.disable(logging.WARNING)  # Beam's hints
    print(f"load average {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory(prefix="wirebeam-live-") as name:
        folder = Path(name)
        _measure_share(folder, arguments.pages, cycles=3 if is_quick else 8)
        _measure_idle(folder, seconds=20.0 if is_quick else 60.0)
        _measure_polls(folder, feeds=200 if is_quick else 1_000, rounds=3 if is_quick else 6)
        _measure_delays(folder, is_quick=is_quick)


# ── material ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _prose(chance: random.Random, words: int) -> str:
    """So many words in sentences, with a name here and there."""
    sentences = []
    while words > 0:
        sentence = chance.choices(WORDS, k=min(words, chance.randint(8, 20)))
        if chance.random() < 0.5:
            sentence.insert(len(sentence) // 2, chance.choice(NAMES))
        sentences.append(" ".join(sentence).capitalize() + ".")
        words -= len(sentence)
    return " ".join(sentences)


def _page(url: str, title: str, published: str) -> bytes:
    """A news page: head, navigation, story, teasers of others, comments, and scripts up to a size that is usual."""
    chance = random.Random(url)
    data = json.dumps({"@type": "NewsArticle", "headline": title, "datePublished": published, "mainEntityOfPage": url})
    tags = "".join(f'<meta property="article:tag" content="{word}">' for word in chance.choices(WORDS, k=10))
    links = "".join(
        f'<li class="nav-item"><a class="nav-link" href="/section/{word}"><span class="label">{word}</span></a></li>'
        for word in WORDS[40:80]
    )
    story = "".join(
        f'<p class="text">{_prose(chance, WORDS_OF_PARAGRAPH // 2)} <a href="/topic/{number}">{_prose(chance, 4)}</a> '
        f"<em>{_prose(chance, 3)}</em> {_prose(chance, WORDS_OF_PARAGRAPH // 2 - 7)}</p>"
        f'<div class="ad-slot"><div id="ad-{number}" class="ad"><span>Advertisement</span></div></div>'
        for number in range(PARAGRAPHS)
    )
    picture = f'<figure><img src="/{chance.random()}.jpg"><figcaption>{_prose(chance, 12)}</figcaption></figure>'
    teasers = "".join(
        f'<div class="teaser"><div class="media"><a href="/story/{number}"><img src="/{number}.jpg"></a></div>'
        f'<div class="words"><h3><a href="/story/{number}">{_prose(chance, 8)}</a></h3><p>{_prose(chance, 15)}</p>'
        f'<time datetime="{published}">today</time><span class="author">{chance.choice(NAMES)}</span></div></div>'
        for number in range(40)
    )
    start = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="canonical" href="{url}"><meta property="og:title" content="{title}">{tags}'
        f'<meta name="description" content="{_prose(chance, 20)}"><script type="application/ld+json">{data}</script>'
        f'</head><body><header><nav><ul class="menu">{links}</ul></nav></header><main class="page"><div class="column">'
        f'<article><header><h1>{title}</h1><div class="byline">By <a href="/anna">Anna Lindqvist</a></div></header>'
        f'{picture}<div class="body">{story}</div></article><aside class="related">{teasers}</aside></div></main>'
    )
    missing = (chance.randint(*PAGE_BYTES) - len(start)) // len(SLOT)
    return f"{start}<script>window.slots=[{SLOT * missing}]</script><footer><ul>{links}</ul></footer></html>".encode()


@dataclass(frozen=True, slots=True)
class _Story:
    """An entry that a feed shows."""

    url: str
    title: str
    summary: str
    published: dt.datetime


def _story(site: str, number: int, words: int = 40) -> _Story:
    chance = random.Random(f"{site} {number}")
    published = dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + number * dt.timedelta(minutes=7)
    return _Story(f"{site}/story/{number}", _prose(chance, 9)[:-1], _prose(chance, words), published)


def _rss(site: str, stories: Sequence[_Story]) -> bytes:
    entries = "".join(
        f"<item><title>{html.escape(story.title)}</title><link>{story.url}</link>"
        f'<guid isPermaLink="true">{story.url}</guid><pubDate>{story.published:%a, %d %b %Y %H:%M:%S +0000}</pubDate>'
        f"<description>{html.escape(story.summary)}</description><category>news</category></item>\n"
        for story in stories
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>{site}</title><link>{site}</link>'
        f"<description>{site}</description><language>en</language>\n{entries}</channel></rss>\n"
    ).encode()


def _response(url: str, content_type: str, body: bytes, status: int = 200) -> Response:
    headers = {
        "cache-control": "max-age=60",
        "content-type": content_type,
        "date": "Mon, 01 Jan 2024 00:00:00 GMT",
        "etag": f'"{ids.hash_id("etag", body)[:16]}"',
        "server": "benchmark",
        "vary": "Accept-Encoding",
    }
    return Response(request_url=url, url=url, status=status, headers=headers, body=body, observed_at=utc_now())


# ── stand-ins that work in this process ────────────────────────────────────────────────────────────────────────────


class _Answers:
    """In the place of `Downloads`: what `get` gives is ready at once; None is never ready."""

    def __init__(self) -> None:
        self.get: Get = _nothing
        self._started: dict[str, Request] = {}

    def start(self, key: str, request: Request) -> None:
        """As `Downloads.start`."""
        self._started[key] = request

    def take(self, keys: Sequence[str], _deadline_s: float, _max_bytes: int = 0) -> dict[str, Response | Failure]:
        """As `Downloads.take`."""
        answers = {key: self.get(self._started.pop(key)) for key in keys}
        return {key: answer for key, answer in answers.items() if answer is not None}


def _nothing(_request: Request) -> None:
    return None


class _InProcess:
    """In the place of `Pool`."""

    def submit(self, function: Callable[..., T], *args: Any, timeout_s: float) -> Task[T]:
        """As `Pool.submit`, done when it returns."""
        future: Future[tuple[T, float]] = Future()
        future.set_result((function(*args), 0.0))
        return Task(future, timeout_s)


class _Bench:
    """A cycle with its state.db, and what answers it.

    Args:
        folder: where the state.db is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.state = State(folder)
        self.answers = _Answers()
        downloads = Shared(Downloads, (HttpConfig(contact=str(folder)),))  # a name for this object's own
        downloads.put(cast("Downloads", self.answers))
        pool = Shared(Pool)
        pool.put(cast("Pool", _InProcess()))
        self._memory: Shared[Any] = Shared(StateMemory, (str(folder),))
        self._cycle = Cycle(
            Parts(
                work=Shared(Work),
                gathered=Shared(Gathered),
                downloads=downloads,
                pool=pool,
                aliases=self._memory,
                articles=self._memory,
                copies=self._memory,
                initial=None,
                limits=ALWAYS_DUE,
                policy=POLICY,
                deadline_s=1.0,
                max_pages=MAX_PAGES,
            )
        )

    @property
    def memory(self) -> StateMemory:
        """Of identify, revise and link."""
        return cast("StateMemory", self._memory.get())

    def run(self, feeds: Sequence[FeedDue]) -> Gathered:
        """A cycle of the graph."""
        return self._cycle.run(Work(feeds=feeds))

    def commit(self, gathered: Gathered) -> None:
        """What a cycle produced, into state.db."""
        self.state.commit([], gathered, utc_now(), POLICY)

    def close(self) -> None:
        """Close the files."""
        self.memory.close()
        self._memory.forget()
        self.state.close()


def _cpu_of(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[float, T]:
    """CPU seconds of this process for `work`, and what it gave."""
    started = time.process_time()
    result = work(*args, **kwargs)
    return time.process_time() - started, result


# ── 1: Beam's share ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Pure:
    """The stages' pure functions, called one after the other.

    Args:
        get: the downloads.
        memory: of identify, revise and link.
        tagger: what finds the entities.
    """

    get: Get
    memory: StateMemory
    tagger: Tagger

    def run(self, feeds: Sequence[FeedDue]) -> Gathered:
        """What a cycle produces."""
        gathered = Gathered()
        entries = [entry for due in feeds for entry in self._polled(due, gathered)]
        pages = [page for entry in entries if (page := self._fetched(entry, gathered))]
        extracted = [capture for page in pages if (capture := _extracted(page))]
        captures = self._identified(extracted, gathered)
        for capture in self._linked(self._revised(captures, gathered), gathered):
            tagged = replace(capture, article=tag(capture.article, self.tagger))
            for record in publish(tagged, utc_now):
                gathered.add(record)
        return gathered

    def _polled(self, due: FeedDue, gathered: Gathered) -> Sequence[Entry]:
        result = _poll(due, self.get)
        for record in (result.poll, result.state, *result.entries, *result.dead_letters):
            gathered.add(record)
        return result.entries

    def _fetched(self, entry: Entry, gathered: Gathered) -> Page | None:
        request = request_for(entry)
        answer = self.get(request) if isinstance(request, Request) else request
        if not isinstance(answer, Response):
            return None
        gathered.add(validators_of(entry, answer))
        page = page_of(entry, answer)
        return page if isinstance(page, Page) else None

    def _identified(self, captures: Sequence[Capture], gathered: Gathered) -> list[Capture]:
        held: dict[str, KnownAlias] = {}
        identified = []
        for capture in captures:
            keys = [name.key for name in names_of(capture)]
            known = [*self.memory.known(keys), *(held[key] for key in keys if key in held)]
            found = identify(capture, known)
            assert not self.memory.is_suppressed([*keys, found.capture.article.article_id])
            for alias in found.aliases:
                held[alias.key] = alias
                gathered.add(alias)
            identified.append(found.capture)
        return identified

    def _revised(self, captures: Sequence[Capture], gathered: Gathered) -> Iterator[Capture]:
        held: dict[str, list[KnownCapture]] = defaultdict(list)
        for capture in captures:
            article_id = capture.article.article_id
            judgement = revise(capture, [*self.memory.neighbours(article_id), *held[article_id]])
            held[article_id] += judgement.known
            for record in (*judgement.revisions, *judgement.known):
                gathered.add(record)
            yield replace(capture, change=judgement.change)

    def _linked(self, captures: Iterator[Capture], gathered: Gathered) -> Iterator[Capture]:
        index = CopyIndex()
        for capture in captures:
            sketch = cast("Sketch", sketch_of(capture.article))
            linked = link(sketch, Layered(index, self.memory))
            if linked.sketch:
                index.add(linked.sketch)
                gathered.add(linked.sketch)
            for lineage in linked.lineages:
                index.judge(lineage)
                gathered.add(lineage)
            for row in linked.links:
                gathered.add(row)
            yield capture


def _extracted(page: Page) -> Capture | None:
    found = capture_of(page)
    if isinstance(found, Failed):
        found = capture_of(from_feed(page, found))
    return found if isinstance(found, Capture) else None


def _poll(due: FeedDue, get: Get) -> PollResult:
    """One poll, without Beam."""
    answer = get(Request(url=due.request_url, accept="", etag=None if due.state.is_distrusted else due.state.etag))
    assert isinstance(answer, Response)
    reading = None
    if needs_reading(due.state, answer):
        known = (
            {} if due.state.is_distrusted else {seen.raw: seen.entry_key for seen in last_shown(due.state) if seen.raw}
        )
        reading = read_feed(answer.body, answer.headers.get("content-type"), answer.url, known)
    feed = reading.feed if reading else None
    judged = poll(due, answer, reading)
    return scheduled(judged, due, answer, feed, limits=ALWAYS_DUE, now=utc_now(), chance=any_chance)


def _measure_share(folder: Path, recorded: Path | None, cycles: int) -> None:
    pages = _recorded(recorded) if recorded else ()
    print(
        f"\n1. Beam's share of the CPU of a cycle ({'recorded' if pages else 'generated'} pages, medians of {cycles})"
    )
    print(f"{'entries':>9}{'cycle ms':>10}{'loop ms':>9}{'commit ms':>11}{'of cycle and commit':>21}{'of cycle':>10}")
    beam, pure = _Bench(folder / "beam"), _Bench(folder / "pure")
    tagger = load_tagger()
    beam.run([])  # whatever is loaded once
    empty_s = statistics.median(_cpu_of(beam.run, [])[0] for _ in range(5))
    for entries in (50, 200):
        spent: dict[str, list[float]] = defaultdict(list)
        for number in range(cycles + 1):
            feeds, get = _new_feeds(f"{entries}-{number}", entries // ENTRIES_OF_NEW_FEED, pages)
            beam.answers.get = get
            sides = [("cycle", beam, beam.run), ("loop", pure, _Pure(get, pure.memory, tagger).run)]
            articles = []
            for name, bench, run in sides if number % 2 else reversed(sides):
                bench.state.set_feeds(feeds)
                due = bench.state.feeds_of([feed.feed_id for feed, _ in feeds])
                seconds, gathered = _cpu_of(run, due)
                commit_s, _ = _cpu_of(bench.commit, gathered)
                articles.append({article.capture_id for article in gathered.of(Article)})
                if number:  # the first round warms up
                    spent[name].append(seconds)
                    spent["commit"].append(commit_s)
            assert articles[0] == articles[1]
            assert len(articles[0]) == entries
        cycle, loop, commit = (1_000 * statistics.median(spent[name]) for name in ("cycle", "loop", "commit"))
        print(
            f"{entries:9}{cycle:10.0f}{loop:9.0f}{commit:11.0f}"
            f"{(cycle - loop) / (cycle + commit):21.1%}{(cycle - loop) / cycle:10.1%}"
        )
    print(f"a cycle without work: {1_000 * empty_s:.0f} ms")
    beam.close()
    pure.close()


def _recorded(path: Path) -> list[bytes]:
    """Recorded pages; on the sites of a benchmark their own addresses are another site's, and do not count."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        labels = [json.loads(line) for line in lines]
    return [label["html"].encode("utf-8", "replace") for label in labels]


def _new_feeds(name: str, count: int, pages: Sequence[bytes]) -> tuple[list[tuple[Feed, str]], Get]:
    """Feeds that nobody has seen, with their pages (`pages` in turn, if there are any), and what answers for them."""
    recorded = itertools.cycle(pages)
    answers = {}
    feeds = []
    for number in range(count):
        site = f"https://site-{name}-{number}.example"
        stories = [_story(site, each) for each in range(ENTRIES_OF_NEW_FEED)]
        answers[f"{site}/feed"] = _response(f"{site}/feed", "application/rss+xml", _rss(site, stories))
        for story in stories:
            page = next(recorded, b"") or _page(story.url, story.title, story.published.isoformat())
            answers[story.url] = _response(story.url, "text/html; charset=utf-8", page)
        feeds.append(_feed(f"{site}/feed"))

    def get(request: Request) -> Response:
        return answers[request.url]

    return feeds, get


def _feed(url: str) -> tuple[Feed, str]:
    return Feed(feed_id=ids.feed_id(url), valid_from=utc_now(), url=url), url


# ── 3: polls ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Window:
    """A feed that shows its newest entries.

    Args:
        number: which of many it is: it shifts the order in which its answers come.
    """

    def __init__(self, number: int) -> None:
        self.site = f"https://feed-{number}.example"
        self.url = f"{self.site}/feed"
        self._number = number
        self._stories = [_story(self.site, each) for each in range(ENTRIES_OF_FEED)]
        self._tells_no_change = False
        self._set_body()

    def go_on(self, turn: int) -> None:
        """Prepare the answer to the next poll."""
        place = (self._number + turn) % 10
        self._tells_no_change = place < NOT_MODIFIED_OF_TEN
        if place >= NOT_MODIFIED_OF_TEN + SAME_BODY_OF_TEN:
            self._stories = [_story(self.site, ENTRIES_OF_FEED + turn), *self._stories[:-1]]
            self._set_body()

    def answer(self, request: Request) -> Response:
        """The body, or 304 if that is what this poll gets and the request allows it."""
        return self._not_modified if self._tells_no_change and request.etag else self._full

    def _set_body(self) -> None:
        self._full = _response(self.url, "application/rss+xml", _rss(self.site, self._stories))
        self._not_modified = replace(self._full, status=304, body=b"")


def _measure_polls(folder: Path, feeds: int, rounds: int) -> None:
    print(f"\n3. Polls per core second ({feeds} feeds of {ENTRIES_OF_FEED} entries, {rounds} polls of each)")
    bench = _Bench(folder / "polls")
    windows = [_Window(number) for number in range(feeds)]
    bench.answers.get = _get_of(windows)
    bench.state.set_feeds([_feed(window.url) for window in windows])
    due = bench.state.feeds_of([ids.feed_id(window.url) for window in windows])
    spent: dict[str, float] = defaultdict(float)
    for turn in range(rounds + 1):  # in the first one everything is new
        for window in windows:
            window.go_on(turn)
        for _ in range(0, feeds, MAX_FEEDS):
            due_s, taken = _cpu_of(bench.state.feeds_due, utc_now(), MAX_FEEDS)
            run_s, gathered = _cpu_of(bench.run, taken)
            commit_s, _ = _cpu_of(bench.commit, gathered)
            if turn:
                spent["feeds due"] += due_s
                spent["graph"] += run_s
                spent["commit"] += commit_s
    bench.close()
    polls = feeds * rounds
    parts = ", ".join(f"{name} {1_000 * seconds / polls:.2f}" for name, seconds in spent.items())
    whole_s = sum(spent.values())
    print(f"whole cycles:        {polls / whole_s:6.0f} ({1_000 * whole_s / polls:.2f} ms a poll: {parts})")
    pure_s = _pure_polls(due, rounds)
    print(f"pure functions only: {polls / pure_s:6.0f} ({1_000 * pure_s / polls:.2f} ms a poll)")


def _get_of(windows: Sequence[_Window]) -> Get:
    by_url = {window.url: window for window in windows}

    def get(request: Request) -> Response | None:
        window = by_url.get(request.url)
        return window.answer(request) if window else None

    return get


def _pure_polls(due: Sequence[FeedDue], rounds: int) -> float:
    """CPU seconds of the same polls, of feeds never polled, without state.db and Beam."""
    windows = [_Window(number) for number in range(len(due))]
    get = _get_of(windows)
    spent_s = 0.0
    for turn in range(rounds + 1):
        for window in windows:
            window.go_on(turn)
        seconds, results = _cpu_of(_polls_of, due, get)
        due = [replace(each, state=result.state) for each, result in zip(due, results, strict=True)]
        spent_s += seconds if turn else 0.0
    return spent_s


def _polls_of(feeds: Sequence[FeedDue], get: Get) -> list[PollResult]:
    return [_poll(due, get) for due in feeds]


# ── 2 and 4: whole runs ────────────────────────────────────────────────────────────────────────────────────────────


class _Site:
    """Small feeds, each on a host of its own. Each shows one new entry, at a time of its own.

    Args:
        feeds: how many.
        window_s: over which the new entries' times are spread.
    """

    def __init__(self, feeds: int, window_s: float = 0.0) -> None:
        self.hosts = [f"feed-{number}" for number in range(feeds)]
        self.polled: dict[str, list[float]] = defaultdict(list)  # Unix times, by host
        self.show_from = float("inf")  # Unix time from which new entries appear
        self._window_s = window_s

    @property
    def polls(self) -> int:
        """How often feeds were asked for."""
        return sum(map(len, list(self.polled.values())))

    def shown_at(self, host: str) -> float:
        """The Unix time at which this host's new entry appears."""
        return self.show_from + random.Random(host).random() * self._window_s

    def answer(self, asked: Asked) -> Answer:
        """The feed, a page, or nothing: there is no robots.txt."""
        if asked.target == "/feed":
            now = time.time()
            self.polled[asked.host].append(now)
            newest = 5 if now >= self.shown_at(asked.host) else 4
            site = f"http://{asked.headers['Host']}"
            stories = [_story(site, number, words=5) for number in range(newest, newest - 5, -1)]
            return conditional(asked, Answer(content_type="application/rss+xml", body=_rss(site, stories)))
        if asked.target.startswith("/story/"):
            words = _prose(random.Random(asked.host), 80)
            return Answer(body=f"<html><head><title>News</title></head><article><p>{words}</p></article>".encode())
        return text(404, "nothing here")


class _Run:
    """`wirebeam run` in processes of its own, from entering to leaving.

    Args:
        folder: of its data directory and its log.
        urls: its feeds.
        options: further ones of the command.
    """

    def __init__(self, folder: Path, urls: Sequence[str], options: Sequence[str]) -> None:
        folder.mkdir()
        feeds = folder / "feeds.txt"
        feeds.write_text("\n".join(urls), "utf-8")
        self.data = folder / "data"
        self._log = folder / "log.txt"
        self._command = [sys.executable, "-m", "pipeline", "run", str(feeds), "--data", str(self.data)]
        self._command += ["--allow-net", "127.0.0.0/8", "--initial", "none", "--revisit", "none", *options]

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(60):
            print(self._log.read_text("utf-8")[-2_000:])

    def cpu_s(self) -> float:
        """CPU seconds that all its processes have spent."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # Behind the name in brackets: state, parent, group, ... and times, its own and its dead children's.
                values = path.read_text().rpartition(")")[2].split()
                if int(values[2]) == self._process.pid:
                    ticks += sum(map(int, values[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _served(site: _Site) -> Iterator[list[str]]:
    """The URLs of its feeds, as long as it is entered."""
    server = LoopbackServer(site.answer, "127.0.0.1", 0)
    server.start()
    try:
        yield [f"{server.origin(host)}/feed" for host in site.hosts]
    finally:
        server.stop()


def _wait_for_first_polls(site: _Site) -> None:
    """Raises TimeoutError."""
    end = time.monotonic() + FIRST_POLLS_S
    while len(site.polled) < len(site.hosts):
        if time.monotonic() > end:
            raise TimeoutError("not all feeds were polled")
        time.sleep(0.1)


def _measure_idle(folder: Path, seconds: float) -> None:
    site = _Site(100)
    with _served(site) as urls, _Run(folder / "idle", urls, ["--interval", "1h"]) as run:
        _wait_for_first_polls(site)
        time.sleep(5)  # the last answers are read and committed
        before_s = run.cpu_s()
        time.sleep(seconds)
        spent_s = run.cpu_s() - before_s
    print(f"\n2. CPU while idle (100 feeds): {spent_s:.2f} s in {seconds:.0f} s, {spent_s / seconds:.2%} of a core")


@contextlib.contextmanager
def _commits_of(folder: Path) -> Iterator[list[float]]:
    """The Unix times at which a reader of the warehouse's catalog sees a new state of the articles' table."""
    seen_at: list[float] = []
    is_over = threading.Event()

    def watch() -> None:
        catalog = sqlite3.connect(f"file:{folder / CATALOG_FILE}?mode=ro", uri=True, timeout=5)
        last = None
        while not is_over.wait(LOOK_S):
            row = catalog.execute(
                "SELECT metadata_location FROM iceberg_tables WHERE table_name = 'articles'"
            ).fetchone()
            if last is not None and row != last:
                seen_at.append(time.time())
            last = row
        catalog.close()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen_at
    finally:
        is_over.set()
        thread.join()


def _measure_delays(folder: Path, *, is_quick: bool) -> None:
    feeds, interval_s, window_s = (200, 10.0, 20.0) if is_quick else (1_000, 20.0, 60.0)
    measured_s = window_s + 2 * interval_s + max(FLUSHES_S)
    print(f"\n4. Delay beyond schedule ({feeds} feeds every {interval_s:.0f} s, each with one new entry)")
    print(
        f"{'flush':>7}{'rows':>7}{'p50 s':>8}{'p95 s':>8}{'p95 less flush':>16}{'polls/s':>9}{'CPU s':>8}{'of core':>9}"
    )
    cpu_s = []
    for flush_s in FLUSHES_S:
        site = _Site(feeds, window_s)
        options = ["--interval", f"{interval_s:.0f}s", "--flush", f"{flush_s:.0f}s", "--host-delay", "0"]
        with _served(site) as urls, _Run(folder / f"flush-{flush_s:.0f}", urls, options) as run:
            _wait_for_first_polls(site)
            time.sleep(interval_s)  # the first polls come in a rush
            with _commits_of(warehouse_of(run.data)) as commits:
                site.show_from = time.time()
                before_s, polls = run.cpu_s(), site.polls
                time.sleep(measured_s)
                cpu_s.append(run.cpu_s() - before_s)
                polls = site.polls - polls
        delays = _delays(site, warehouse_of(run.data), commits, interval_s)
        p50, p95 = statistics.median(delays), statistics.quantiles(delays, n=20)[-1]
        print(
            f"{flush_s:6.0f}s{len(delays):7}{p50:8.1f}{p95:8.1f}{p95 - flush_s:16.1f}{polls / measured_s:9.1f}"
            f"{cpu_s[-1]:8.1f}{cpu_s[-1] / measured_s:9.1%}"
        )
    more_s = cpu_s[-1] - cpu_s[0]
    print(f"the shorter flush costs {more_s:.1f} s more in {measured_s:.0f} s: {more_s / measured_s:.1%} of a core")


def _delays(site: _Site, folder: Path, commits: Sequence[float], interval_s: float) -> list[float]:
    """Seconds from when each new entry should have been found to the commit that holds its row."""
    with warehouse.connect(folder) as connection:
        rows = connection.execute("SELECT url, epoch(ingested_at) FROM articles").fetchall()
    # One commit of the table per delivery: what a run writes while it is stopped is not among those that were seen.
    batches = dict(zip(sorted({ingested_at for _, ingested_at in rows}), commits, strict=False))
    delays = []
    for url, ingested_at in rows:
        host = str(urlsplit(url).hostname).removesuffix(SUFFIX)
        shown_at = site.shown_at(host)
        poll_before = max(moment for moment in site.polled[host] if moment < shown_at)
        if ingested_at in batches:
            delays.append(batches[ingested_at] - max(shown_at, poll_before + interval_s))
    return delays


if __name__ == "__main__":
    main()
