"""What the soak runs against: simulated time, and hundreds of outlets that publish by it.

Every outlet is a host of its own with one RSS feed, a window over its newest entries. What it publishes, and when, is
drawn from the seed before the run begins, so that the site's own memory does not grow while that of the run is looked
at. The site keeps book of what it has shown to whoever asked: which version of which entry in the feed, and of which
page. What should be in the tables follows from that book alone.
"""

import datetime as dt
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from enum import StrEnum

from pipeline.newsroom.loopback import Answer, Asked, conditional, text
from transforms.shared import Shared
from transforms.web.downloads import MAX_TAKEN_BYTES, Downloads
from transforms.web.messages import Failure, Response

WINDOW = 15  # entries that a feed shows
BEFOREHAND = 4  # entries of each feed that are older than the run
EVERY = 50  # outlets; of so many one is down, one down for hours, one publishes in bursts
BURST = 20  # entries within minutes, more than the window holds
BURSTS_EACH = dt.timedelta(days=2)
OUTAGE = dt.timedelta(hours=8)  # up and down in turn
LATE = dt.timedelta(minutes=90)  # until a late page is there
PARAGRAPHS, SENTENCES = 4, 4  # of a page, and of each of its paragraphs: some 160 words
TITLE_WORDS = 5

_STARTS = ("har", "cor", "mel", "tan", "bri", "lo", "ves", "gran", "pil", "den", "su", "mar", "fen", "kol", "wex")
_ENDS = ("bour", "ncil", "dow", "ter", "ling", "port", "gate", "ner", "field", "mont", "rick", "sel", "ford", "ley")
_WORDS = tuple(start + end for start in _STARTS for end in _ENDS)
_SMALL_WORDS = ("the", "of", "and", "in", "to", "said", "for", "on", "with", "that", "was", "by")


class SimulatedClock:
    """Simulated time; it stands still unless it is moved."""

    def __init__(self) -> None:
        self.moment = dt.datetime.now(dt.UTC)  # snapshots of the warehouse have real times: ours must not lie before


CLOCK = Shared(SimulatedClock)


def now() -> dt.datetime:
    """The simulated time. A function of a module, since Beam copies whatever a DoFn holds."""
    return CLOCK.get().moment


class SimulatedDownloads(Downloads):
    """Real downloads whose answers arrive in simulated time."""

    def take(
        self, keys: Sequence[str], deadline_s: float, max_bytes: int = MAX_TAKEN_BYTES
    ) -> dict[str, Response | Failure]:
        """See `Downloads.take`."""
        taken = super().take(keys, deadline_s, max_bytes)
        return {key: replace(answer, observed_at=now()) for key, answer in taken.items()}


class Kind(StrEnum):
    """What becomes of an entry; each has one trouble only, so that what is to be expected of it is plain."""

    PLAIN = "plain"
    EDITED = "edited"  # later, in the feed and on its page
    SILENT = "silent"  # edited on its page only
    REMOVED = "removed"  # later, from the feed and with its page
    MISSING = "missing"  # its page was never there: 404
    LATE = "late"  # its page answers 500 at first
    COPY = "copy"  # its text is that of an entry of another outlet


_KINDS = dict(zip(Kind, (80, 6, 3, 3, 3, 2, 3), strict=True))


@dataclass(slots=True)
class SiteEntry:
    """An entry with what was shown of it.

    Args:
        key: unique, its guid and the last part of its address.
        copy_of: key of the entry whose text it has.
        change_at: when it is edited, removed or, for a late page, there.
        shown: versions that an answered feed held, as bits.
        served: versions of its page that were sent.
        was_refused: whether its page was asked for, and refused, before it was ever sent.
    """

    key: str
    kind: Kind
    published_at: dt.datetime
    change_at: dt.datetime
    copy_of: str | None = None
    shown: int = 0
    served: int = 0
    was_refused: bool = False

    def title(self, version: int) -> str:
        """The headline of a version, which no other entry has."""
        return f"{_phrase(random.Random(self.key))} {self.key}{' updated' if version > 1 else ''}"

    def page_version(self, at: dt.datetime) -> int:
        """1, or 2 once it is edited."""
        return 2 if self.kind in {Kind.EDITED, Kind.SILENT} and at >= self.change_at else 1

    def feed_version(self, at: dt.datetime) -> int:
        """The version that the feed shows."""
        return 1 if self.kind is Kind.SILENT else self.page_version(at)

    def is_gone(self, at: dt.datetime) -> bool:
        """Whether it was removed."""
        return self.kind is Kind.REMOVED and at >= self.change_at


@dataclass(slots=True)
class Outlet:
    """An outlet: its entries in the order of publication, and what its feed was asked."""

    number: int
    entries: list[SiteEntry]
    times: list[dt.datetime] = field(default_factory=list)
    asked: int = 0
    answered: int = 0  # with its entries, or that they are the same
    not_modified: int = 0
    last_answer_at: dt.datetime | None = None
    last_shown: frozenset[str] = frozenset()
    missed_at: set[dt.datetime] = field(default_factory=set)  # answers before which entries had come and gone
    turned_at: set[dt.datetime] = field(default_factory=set)  # answers that held none of the entries before

    @property
    def host(self) -> str:
        """Its host, without .localhost."""
        return f"outlet{self.number}"

    def is_down(self, at: dt.datetime) -> bool:
        """Whether its feed answers 500."""
        if self.number % EVERY == 1:
            return int(at.timestamp() / OUTAGE.total_seconds()) % 2 == 0
        return self.number % EVERY == 0

    def window(self, at: dt.datetime) -> list[SiteEntry]:
        """What its feed shows, newest first."""
        published = self.entries[: bisect_right(self.times, at)]
        return [entry for entry in published[: -2 * WINDOW - 1 : -1] if not entry.is_gone(at)][:WINDOW]


class Site:
    """All outlets.

    Args:
        outlets: how many.
        per_day: entries of one outlet a day, on average; some publish much more often than others.
        started_at: since when they publish.
        days: how long.
        seed: of everything.
    """

    def __init__(self, outlets: int, per_day: float, started_at: dt.datetime, days: float, seed: int) -> None:
        dice = random.Random(seed)
        end = started_at + dt.timedelta(days=days)
        self.outlets: list[Outlet] = []
        self._by_key: dict[str, SiteEntry] = {}
        for number in range(outlets):
            rate = per_day * dice.lognormvariate(-0.5, 1.0)  # the mean of this distribution is 1
            times = [started_at - dt.timedelta(hours=dice.uniform(0, 48)) for _ in range(BEFOREHAND)]
            times += _arrivals(dice, started_at, end, dt.timedelta(days=1) / rate)
            if number % EVERY == 2:
                bursts = _arrivals(dice, started_at + dt.timedelta(days=1), end, BURSTS_EACH)
                times += [at + dt.timedelta(seconds=dice.uniform(0, 600)) for at in bursts for _ in range(BURST)]
            entries = [self._entry(dice, number, place, at) for place, at in enumerate(sorted(times))]
            self.outlets.append(Outlet(number, entries, [entry.published_at for entry in entries]))
        self._by_host = {outlet.host: outlet for outlet in self.outlets}

    @property
    def entries(self) -> Iterator[SiteEntry]:
        """Every entry, published or still to come."""
        return iter(self._by_key.values())

    def answer(self, asked: Asked) -> Answer:
        """What is answered to a request, at the simulated time; noted in the book."""
        outlet = self._by_host.get(asked.host)
        if outlet and asked.target == "/feed":
            return self._feed(outlet, asked)
        entry = self._by_key.get(asked.target.removeprefix("/story/"))
        return self._page(entry, asked) if entry else text(404, "not found")

    def _entry(self, dice: random.Random, number: int, place: int, published_at: dt.datetime) -> SiteEntry:
        kind = dice.choices(list(_KINDS), list(_KINDS.values()))[0]
        key = f"{number}-{place}"
        after = LATE if kind is Kind.LATE else dt.timedelta(hours=dice.expovariate(1 / 6))
        others = self.outlets[dice.randrange(len(self.outlets))].entries if kind is Kind.COPY and self.outlets else []
        before = [other.key for other in others if other.published_at < published_at][-1:]
        entry = SiteEntry(key, kind, published_at, published_at + after, before[0] if before else None)
        self._by_key[key] = entry
        return entry

    def _feed(self, outlet: Outlet, asked: Asked) -> Answer:
        at = now()
        outlet.asked += 1
        if outlet.is_down(at):
            return text(500, "down")
        shown = outlet.window(at)
        items = "".join(_item(entry, asked.headers["Host"], at) for entry in shown)
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>{outlet.host}</title>{items}</channel></rss>'
        whole = Answer(content_type="application/rss+xml", body=body.encode())
        if outlet.number % 10 < 6:
            answer = conditional(asked, whole)
        elif outlet.number % 10 < 8:
            changed_at = max((at_ for entry in shown for at_ in _times(entry, at)), default=at)
            answer = conditional(asked, whole, has_etag=False, last_modified=changed_at)
        else:
            answer = whole
        self._note(outlet, shown, at, is_read=answer.status == 200)
        return answer

    def _note(self, outlet: Outlet, shown: Sequence[SiteEntry], at: dt.datetime, *, is_read: bool) -> None:
        outlet.answered += 1
        outlet.not_modified += not is_read
        keys = frozenset(entry.key for entry in shown)
        if outlet.last_answer_at is not None:
            first, last = bisect_right(outlet.times, outlet.last_answer_at), bisect_right(outlet.times, at)
            since = {entry.key for entry in outlet.entries[first:last] if not entry.is_gone(at)}
            if not since.issubset(keys):
                outlet.missed_at.add(at)
            if keys.isdisjoint(outlet.last_shown):
                outlet.turned_at.add(at)
        outlet.last_answer_at, outlet.last_shown = at, keys
        if is_read:
            for entry in shown:
                entry.shown |= entry.feed_version(at)

    def _page(self, entry: SiteEntry, asked: Asked) -> Answer:
        at = now()
        is_late = entry.kind is Kind.LATE and at < entry.change_at
        if entry.kind is Kind.MISSING or is_late or entry.is_gone(at):
            entry.was_refused = entry.was_refused or not entry.served
            return text(500 if is_late else 404, "not here")
        version = entry.page_version(at)
        entry.served |= version
        return conditional(asked, Answer(body=_html(entry, version).encode()))


def _times(entry: SiteEntry, at: dt.datetime) -> Iterator[dt.datetime]:
    """When a feed changed because of `entry`."""
    yield entry.published_at
    if entry.feed_version(at) > 1:
        yield entry.change_at


def _arrivals(dice: random.Random, start: dt.datetime, end: dt.datetime, mean: dt.timedelta) -> list[dt.datetime]:
    """A Poisson process."""
    times = []
    at = start + mean * dice.expovariate(1)
    while at < end:
        times.append(at)
        at += mean * dice.expovariate(1)
    return times


def _item(entry: SiteEntry, host: str, at: dt.datetime) -> str:
    title = entry.title(entry.feed_version(at))
    return (
        f"<item><guid isPermaLink='false'>{entry.key}</guid><link>http://{host}/story/{entry.key}</link>"
        f"<title>{title}</title><description>In short: {title}.</description>"
        f"<pubDate>{format_datetime(entry.published_at)}</pubDate></item>"
    )


def _html(entry: SiteEntry, version: int) -> str:
    title = entry.title(version)
    dice = random.Random(f"text of {entry.copy_of or entry.key}")
    paragraphs = [" ".join(_sentence(dice) for _ in range(SENTENCES)) for _ in range(PARAGRAPHS)]
    if version > 1:
        paragraphs.append(_sentence(random.Random(title)))
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title><meta property="article:published_time" '
        f'content="{entry.published_at.isoformat()}"></head><body><nav><a href="/">Home</a></nav><article>'
        f"<h1>{title}</h1>{body}</article><footer>All rights reserved</footer></body></html>"
    )


def _sentence(dice: random.Random) -> str:
    words = [dice.choice(_WORDS if place % 2 else _SMALL_WORDS) for place in range(10)]
    return f"{' '.join(words).capitalize()} {dice.choice(_WORDS).capitalize()}."


def _phrase(dice: random.Random) -> str:
    return " ".join(dice.choices(_WORDS, k=TITLE_WORDS)).capitalize()
