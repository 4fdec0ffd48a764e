"""After a gap the archive is read back to the last entry known before it, and no further."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from schemas import ids
from schemas.enums import Reason
from schemas.records import Entry, Feed, FeedDue, Poll, PollState
from transforms.feeds.back import DOCUMENTS, ENTRIES, authorized, parse_archive, read_back
from transforms.poll import PollFeeds
from transforms.pool import Pool
from transforms.schedule import Limits, Rule
from transforms.shared import Shared
from transforms.text.feeds import ParsedFeed, parse_feed
from transforms.web.downloads import Downloads
from transforms.web.messages import Failure, HttpConfig, Request, Response
from transforms.write import Gathered, GatherRecords

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
HOST = "https://example.org"
URL = f"{HOST}/feed"
FEED = Feed(feed_id=ids.feed_id(URL), valid_from=AT, url=URL)
SIZE = 6


def rss(numbers: Sequence[int], older: str = "", *, dated: bool = True) -> bytes:
    items = []
    for number in numbers:
        date = f"<pubDate>{(AT + dt.timedelta(minutes=number)):%a, %d %b %Y %H:%M:%S GMT}</pubDate>" if dated else ""
        items.append(f"<item><guid>{number}</guid><link>{HOST}/{number}</link><title>No {number}</title>{date}</item>")
    link = f'<a:link rel="prev-archive" href="{older}"/>' if older else ""
    head = "<rss version='2.0' xmlns:a='http://www.w3.org/2005/Atom'><channel><title>H</title>"
    return f"{head}{link}{''.join(items)}</channel></rss>".encode()


def sitemap(numbers: Sequence[int]) -> bytes:
    pages = "".join(
        f"<url><loc>{HOST}/{number}</loc><n:news><n:title>No {number} &amp; more</n:title>"
        f"<n:publication_date>{(AT + dt.timedelta(minutes=number)).isoformat()}</n:publication_date></n:news></url>"
        for number in numbers
    )
    return (
        '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:n="http://www.google.com/schemas/sitemap-news/0.9">{pages}</urlset>'
    ).encode()


def down(last: int, count: int = SIZE) -> range:
    return range(last, last - count, -1)


class Site:
    """Answers by address, or 404."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: list[Request] = []
        self.answers: dict[str, Response | Failure] = {}

    def start(self, key: str, request: Request) -> None:
        self.asked.append(request)
        url = request.url.replace("reader:secret@", "")
        body = self.pages.get(url)
        if body is None:
            answer: Response | Failure = Failure(
                request_url=url, reason=Reason.NOT_FOUND, detail="404", observed_at=AT, status=404
            )
        else:
            answer = Response(request_url=url, url=url, status=200, headers={}, body=body, observed_at=later())
        self.answers[key] = answer

    def take(self, keys: Sequence[str], deadline_s: float) -> Mapping[str, Response | Failure]:  # noqa: ARG002  # it never waits
        return {key: self.answers.pop(key) for key in keys}


def later() -> dt.datetime:
    return AT + dt.timedelta(days=2)


def never() -> float:
    return 0.5


@pytest.fixture(scope="module")
def pool() -> Iterator[Shared[Pool]]:
    shared = Shared(Pool, (1,))
    yield shared
    shared.get().close()
    shared.forget()


def new_gathered() -> Gathered:
    return Gathered()


@dataclasses.dataclass
class Watch:
    """A feed that is polled again and again on a runner, as the driver does it."""

    site: Site
    pool: Shared[Pool]
    downloads: Shared[Downloads]
    limits: Limits | None = dataclasses.field(default_factory=Limits)
    state: PollState = dataclasses.field(default_factory=lambda: PollState(feed_id=FEED.feed_id))

    def poll(self) -> Gathered:
        gathered = Shared(new_gathered)
        gathered.forget()
        due = FeedDue(feed=FEED, request_url=URL.replace("//", "//reader:secret@"), state=self.state)
        self.downloads.put(self.site)  # type: ignore[arg-type]  # a stand-in with the same methods
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            polled = (
                pipeline
                | "Due" >> beam.Create([due], reshuffle=False).with_output_types(FeedDue)
                | "Poll"
                >> PollFeeds(self.downloads, self.pool, deadline_s=1.0, limits=self.limits, clock=later, chance=never)
            )
            for label, records in (("E", polled.entries), ("P", polled.polls), ("S", polled.states)):
                records | label >> GatherRecords(gathered)
        found = gathered.get()
        (self.state,) = found.of(PollState)
        return found

    def show(self, body: bytes) -> Gathered:
        self.site.pages[URL] = body
        return self.poll()


@pytest.fixture
def watch(pool: Shared[Pool]) -> Iterator[Watch]:
    downloads = Shared(Downloads, (HttpConfig(contact="test_back"),))
    yield Watch(Site(), pool, downloads)
    downloads.forget()


def numbers(found: Gathered) -> list[int]:
    return [int(entry.url.rpartition("/")[2]) for entry in found.of(Entry)]


def slide(watch: Watch) -> None:
    for last in (6, 8, 10, 12):
        assert not any(row.gap for row in watch.show(rss(down(last))).of(Poll))


def test_an_archive_is_read_back_to_the_last_known_entry(watch: Watch) -> None:
    slide(watch)
    watch.site.pages[f"{HOST}/2"] = rss(down(26), f"{HOST}/1")
    watch.site.pages[f"{HOST}/1"] = rss([20, 19, 18, 17, 16, 15, 14, 13, 12, 2, 1], f"{HOST}/0")
    found = watch.show(rss(down(32), f"{HOST}/2"))
    (row,) = found.of(Poll)
    assert (row.gap, row.next_interval_s, row.interval_rule, row.overlap) == (True, 300, Rule.GAP, 0)
    assert watch.state.due_at == later()  # at once
    pace_s, window = watch.state.pace_s, watch.state.window

    found = watch.poll()
    assert numbers(found) == [*reversed(down(26))]
    (row,) = found.of(Poll)
    assert (row.url, row.interval_rule, row.entries_new, row.gap) == (
        f"{HOST}/2",
        Rule.READ_BACK,
        6,
        False,
    )
    assert numbers(watch.poll()) == [*range(13, 21)]  # not 2 and 1, which were there before us
    assert watch.state.back is None
    assert watch.state.due_at == later() + dt.timedelta(seconds=300)
    assert (watch.state.pace_s, watch.state.window) == (pace_s, window)
    assert not numbers(watch.show(rss([32, *down(31, 5)], f"{HOST}/2") + b"<!-- later -->"))
    assert [request.obeys_robots for request in watch.site.asked[-3:]] == [True, True, False]
    assert all("//reader:secret@" in request.url for request in watch.site.asked)


def test_without_an_archive_the_news_sitemap_is_read(watch: Watch) -> None:
    slide(watch)
    watch.site.pages[f"{HOST}/news-sitemap.xml"] = sitemap(range(5, 33))
    watch.show(rss(down(32)))
    assert not watch.poll().of(Poll)  # /sitemap-news.xml: not there
    assert numbers(watch.poll()) == [*range(26, 12, -1)]  # the sitemap has the oldest first
    assert watch.state.back is None


def test_where_nothing_can_be_read_the_feed_goes_on(watch: Watch) -> None:
    slide(watch)
    watch.show(rss(down(32)))
    for _ in range(2):
        assert not watch.poll().of(Poll)
    assert (watch.state.back, watch.state.failures) == (None, 0)
    assert watch.state.due_at == later() + dt.timedelta(seconds=300)


def test_a_single_run_reads_no_archive(watch: Watch) -> None:
    slide(watch)
    watch.show(rss(down(32), f"{HOST}/2"))
    assert watch.state.back
    watch.limits = None
    (row,) = watch.poll().of(Poll)
    assert row.interval_rule == Rule.ONCE
    assert watch.state.back is None


# ── bounds ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def gap_state(watch: Watch, body: bytes) -> PollState:
    slide(watch)
    watch.show(body)
    return watch.state


def read(state: PollState, document: ParsedFeed) -> PollState:
    assert state.back
    url = state.back.urls[0]
    answer = Response(request_url=url, url=url, status=200, headers={}, body=b"", observed_at=later())
    due = FeedDue(feed=FEED, request_url=URL, state=state)
    return read_back(due, answer, document, later()).state


def test_an_endless_archive_is_left_after_so_many_documents(watch: Watch) -> None:
    state = gap_state(watch, rss(down(32), f"{HOST}/older"))
    documents = 0
    while state.back:
        body = rss([10_000 + documents], f"{HOST}/older/{documents}")
        state = read(state, parse_feed(body, None, URL))
        documents += 1
    assert documents == DOCUMENTS


def test_a_vast_archive_is_left_after_so_many_entries(watch: Watch) -> None:
    state = gap_state(watch, rss(down(32), f"{HOST}/older"))
    known = len(state.fingerprints)
    after = read(state, parse_feed(rss(range(100, 100 + ENTRIES + 500), f"{HOST}/more"), None, URL))
    assert (len(after.fingerprints) - known, after.back) == (ENTRIES, None)
    assert after.fingerprints[-SIZE:] == state.fingerprints[-SIZE:]  # the window is still the last


def test_without_dates_the_order_tells_where_to_stop(watch: Watch) -> None:
    for last in (6, 8, 10, 12, 14, 16, 18):
        watch.show(rss(down(last), dated=False))
    watch.show(rss(down(32), f"{HOST}/older", dated=False))
    known = len(watch.state.fingerprints)
    after = read(watch.state, parse_feed(rss([20, 19, 18, 1, 0], f"{HOST}/more", dated=False), None, URL))
    assert (len(after.fingerprints) - known, after.back) == (2, None)


def test_an_archive_elsewhere_is_not_read(watch: Watch) -> None:
    back = gap_state(watch, rss(down(32), "http://169.254.169.254/feed")).back
    assert back
    assert all(url.startswith(f"{HOST}/") for url in back.urls)


@pytest.mark.parametrize("body", [b"<urlset", b"<urlset><url/></urlset>", sitemap([])[:-4], b"<html>", b""])
def test_what_is_no_archive_gives_nothing(body: bytes) -> None:
    assert not parse_archive(body, None, URL).entries


def test_credentials_stay_with_their_origin() -> None:
    configured = "https://a:b@example.org/feed"
    assert authorized("https://example.org/2", configured) == "https://a:b@example.org/2"
    assert authorized("https://other.example.org/2", configured) == "https://other.example.org/2"
    assert authorized("http://example.org/2", configured) == "http://example.org/2"
    assert authorized("https://example.org/2", "https://example.org/feed") == "https://example.org/2"
