"""identify: captures in, the same captures out, each under the id by which its article is known.

An article goes by several names: the address that answered, the canonical address that its page claims, the address in
the feed, the feed's own id for it, the number that its site gives it. Where one of them is known, the capture belongs
to the article known by it. Two articles under one id destroy each other's history, while one article under two is only
counted twice (link then finds its texts to be copies on one site). So a name counts by itself only if it is the address
at which that article was read. Of any other the titles or the times of publication have to agree: redirects lead to
other articles, templates claim wrong canonical addresses, feeds give their ids anew by position, sites renumber.

An id never changes: the first that was known stays, whatever is learned later; what is learned is remembered as one
more name of it (`KnownAlias`). Of two ids that turn out to be one article's, the one whose own address answered goes
on. No rows are written of that: links have one writer, which finds the two to be copies on one site.

What is known comes from Beam state, and behind it from an `AliasMemory` that outlives the run, as in
`transforms.revise`; whoever owns a memory stores what comes out under `aliases`, after the run.

Failures: what was purged is dropped (suppressed). A bug costs its capture (dead letter), never the bundle.
"""

import dataclasses
import datetime as dt
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from schemas import codec, ids
from schemas.enums import OutcomeKind, Precision, Reason, Stage
from schemas.memory import AliasVersion, KnownAlias
from schemas.records import Article, Capture, DeadLetter, Outcome
from transforms import outcomes
from transforms.coders import RecordCoder
from transforms.copies.sketch import title_hashes
from transforms.indexes import Indexes
from transforms.outcomes import Clock
from transforms.shared import Shared
from transforms.text import urls
from transforms.timing import StageTime

SITE_LIMIT = 4_096  # aliases remembered of one site in keyed state, the newest: about a thousand articles
INDEXED = 100_000  # aliases of all sites that a process holds beside their state, 50 MB
TTL = dt.timedelta(days=60)  # after an article was last seen under the name; as of its captures in revise
REFRESHED = dt.timedelta(days=1)  # an alias that says nothing new is stored again after so long, for its TTL
SAME_MOMENT = dt.timedelta(minutes=1)  # some of a page's dates have no seconds
SAME_HOUR = dt.timedelta(minutes=30)  # further apart are two articles: an hourly bulletin has one title all day
TITLE_SHARE = 0.8  # of the words of two titles: "Forecast for Monday" and "for Tuesday" share less
TITLE_WORDS = 3  # shared at least: "Weather" is the title of many articles
PLACE_DIGITS = 4  # a guid that is a number of no more digits may be the entry's place in its feed

_TIME = StageTime(Stage.IDENTIFY)


class AliasMemory(Protocol):
    """What is remembered of names beyond this run."""

    def known(self, keys: Sequence[str]) -> Sequence[KnownAlias]:
        """What is known under these keys, one for each at most."""

    def is_suppressed(self, keys: Sequence[str]) -> bool:
        """Whether one of these names or article ids was purged, never to be taken in again."""


class NoAliases:
    """For a cluster, where keyed state holds all."""

    def known(self, keys: Sequence[str]) -> Sequence[KnownAlias]:  # noqa: ARG002  # the protocol's signature
        """Nothing."""
        return ()

    def is_suppressed(self, keys: Sequence[str]) -> bool:  # noqa: ARG002  # the protocol's signature
        """Nothing is."""
        return False


class NameKind(IntEnum):
    """What a name is; the lower counts first."""

    OWN = 0  # the address that answered, or the feed's id for an entry without an address
    CLAIMED = 1  # the canonical address of the page
    ASKED = 2  # the entry's address, which was redirected
    GUID = 3
    NUMBER = 4


# Words that titles of one moment must share: agencies' articles are put up many at once, and a new headline is the
# usual reason for a new address. Beside a redirect or the feed's own id one word is enough.
_MOMENT_WORDS = {NameKind.ASKED: 1, NameKind.GUID: 1}
_MOMENT_WORDS_OF_OTHERS = 2
_LABELS = frozenset({NameKind.GUID, NameKind.NUMBER})  # may come to mean another article: an address never does


@dataclass(frozen=True, slots=True)
class Name:
    """One of the names of a capture's article; `key` is the article id that it gives while nothing else is known."""

    key: str
    kind: NameKind


@dataclass(frozen=True, slots=True)
class Identified:
    """A capture under its article's id, and the aliases to remember: those that say something new."""

    capture: Capture
    aliases: tuple[KnownAlias, ...] = ()


def address_key(url: str) -> str:
    """The key of an address among the aliases; the addresses of a page's variants have one key."""
    return ids.article_id(urls.identity(url))


def key_in_feed(feed_id: str | None, entry_key: str, title: str) -> str:
    """The key of an entry without an own address: its feed, and its key there or, if that is a place, its title."""
    return ids.article_id(f"{feed_id} {title if _may_be_a_place(entry_key) else entry_key}")


def names_of(capture: Capture) -> tuple[Name, ...]:
    """The names of a capture's article, each key once, those that count first coming first."""
    article = capture.article
    names = []
    if not urls.is_home(article.url):
        names.append(Name(address_key(article.url), NameKind.OWN))
        if not urls.is_home(article.canonical_url):
            names.append(Name(address_key(article.canonical_url), NameKind.CLAIMED))
        if not urls.is_home(capture.entry_url):
            names.append(Name(address_key(capture.entry_url), NameKind.ASKED))
    elif capture.entry_key:
        names.append(Name(key_in_feed(article.feed_id, capture.entry_key, article.title), NameKind.OWN))
    else:
        names.append(Name(article.article_id, NameKind.OWN))
    site = urls.site(article.url)
    if site and article.feed_id and capture.entry_key and not _may_be_a_place(capture.entry_key):
        # An aggregator's entry may lead to another site the next time.
        names.append(Name(ids.hash_id("guid", article.feed_id, capture.entry_key, site), NameKind.GUID))
    number = urls.number(article.url)
    if number:
        names.append(Name(ids.hash_id("number", site, number), NameKind.NUMBER))
    first: dict[str, Name] = {}
    for name in names:
        first.setdefault(name.key, name)
    return tuple(first.values())


def identify(capture: Capture, known: Iterable[KnownAlias]) -> Identified:
    """Find the article that a capture is of.

    A pure function. A capture that it returned comes back as it is.

    Args:
        capture: as extract made it, under the id that its canonical address gives.
        known: what is known under the keys of its names; of two with one key the last counts.
    """
    article = capture.article
    names, aliases = names_of(capture), aliases_of(capture)
    held = {alias.key: alias for alias in known}
    agreeing = {
        alias.key: held[alias.key].article_id
        for name, alias in zip(names, aliases, strict=True)
        if alias.key in held and _is_same_article(name.kind, alias, held[alias.key])
    }
    article_id = next(iter(agreeing.values()), None) or _new_id(article, names, held)
    others = {key for key, alias in held.items() if alias.article_id != article_id} - agreeing.keys()
    is_claim_wrong = any(name.kind is NameKind.CLAIMED and name.key in others for name in names)
    canonical_url = urls.cleaned(article.url) if is_claim_wrong else article.canonical_url
    told = (
        _told(dataclasses.replace(alias, article_id=article_id), held.get(alias.key), may_move=name.kind in _LABELS)
        for name, alias in zip(names, aliases, strict=True)
    )
    return Identified(_under(capture, article_id, canonical_url), tuple(filter(None, told)))


def aliases_of(capture: Capture) -> tuple[KnownAlias, ...]:
    """What a capture tells of its names, in their order, under the article id that it has."""
    article = capture.article
    title, published_at = title_hashes(article.title), _published_at(article)
    return tuple(
        KnownAlias(
            key=name.key,
            article_id=article.article_id,
            observed_at=article.observed_at,
            title=title,
            published_at=published_at,
            is_own=name.kind is NameKind.OWN,
        )
        for name in names_of(capture)
    )


def _may_be_a_place(guid: str) -> bool:
    """Whether a feed's id may only say where in the feed the entry stands."""
    return guid.isdigit() and len(guid) <= PLACE_DIGITS


def _published_at(article: Article) -> dt.datetime | None:
    """When it was published, if that is known to the minute; midnight is what a day without a time is read as."""
    published_at = article.published_at
    if published_at is None or article.published_suspect or article.published_precision is Precision.DAY:
        return None
    return published_at if published_at.time().replace(microsecond=0) != dt.time() else None


def _is_same_article(kind: NameKind, alias: KnownAlias, held: KnownAlias) -> bool:
    """Whether what is known under a name, of this kind now, is the article that now bears it."""
    if alias.is_own and held.is_own:
        return True
    ours, theirs = _words(alias.title), _words(held.title)
    shared = len(ours & theirs)
    if alias.published_at and held.published_at:
        apart = abs(alias.published_at - held.published_at)
        if apart <= SAME_MOMENT:
            return shared >= min(_MOMENT_WORDS.get(kind, _MOMENT_WORDS_OF_OTHERS), len(ours), len(theirs))
        if apart > SAME_HOUR:
            return False
    return shared >= TITLE_WORDS and shared >= TITLE_SHARE * len(ours | theirs)


def _words(title: bytes) -> set[int]:
    return set(struct.unpack(f"<{len(title) // 2}H", title))


def _new_id(article: Article, names: Sequence[Name], held: Mapping[str, KnownAlias]) -> str:
    """The id of an article that is not known: of its canonical address, else of its own, unless another bears it."""
    free = (key for key in (article.article_id, names[0].key) if key not in held)
    return next(free, None) or ids.hash_id("apart", names[0].key, ids.folded(article.title))


def _told(alias: KnownAlias, held: KnownAlias | None, *, may_move: bool) -> KnownAlias | None:
    """What to remember of a name, if it says something new.

    Args:
        alias: what was found now.
        held: what is known.
        may_move: whether the name may come to mean another article.
    """
    is_newer = held is None or alias.observed_at >= held.observed_at
    if held is None or (alias.is_own and not held.is_own):
        return alias
    if alias.article_id != held.article_id:
        return alias if may_move and is_newer else None
    says_more = (alias.title, alias.published_at) != (held.title, held.published_at)
    is_due = alias.observed_at >= held.observed_at + REFRESHED
    return dataclasses.replace(alias, is_own=held.is_own) if is_newer and (says_more or is_due) else None


def _under(capture: Capture, article_id: str, canonical_url: str) -> Capture:
    """The capture as one of this article's."""
    article = capture.article
    if (article_id, canonical_url) == (article.article_id, article.canonical_url):
        return capture
    article = dataclasses.replace(
        article,
        article_id=article_id,
        canonical_url=canonical_url,
        capture_id=ids.capture_id(article_id, article.observed_at, article.content_hash),
    )
    return dataclasses.replace(capture, article=article)


def _no_aliases() -> Shared[AliasMemory]:
    return Shared(NoAliases)


@dataclass
class IdentifyCaptures(beam.PTransform):
    """Give captures the ids of their articles, as far as those are known by one of their names.

    Out: main `captures`; tags `aliases` (what the memory is to store: of two with one key the later), `outcomes`
    (entries that end here), `dead_letters`.

    Args:
        memory: what is known beyond this run.
        clock: for outcomes' decided_at.
    """

    memory: Shared[AliasMemory] = field(default_factory=_no_aliases)
    clock: Clock = outcomes.utc_now

    def expand(self, captures: Any) -> Any:
        """See the class."""
        keyed = captures | "KeyBySite" >> beam.Map(_by_site).with_output_types(tuple[str, Capture])
        find = beam.ParDo(_IdentifyCapture(self.memory, self.clock))
        return keyed | "IdentifyCaptures" >> find.with_output_types(
            Capture, aliases=KnownAlias, outcomes=Outcome, dead_letters=DeadLetter
        ).with_outputs("aliases", "outcomes", "dead_letters", main="captures")


def _by_site(capture: Capture) -> tuple[str, Capture]:
    article = capture.article
    return urls.site(article.url) or article.feed_id or article.article_id, capture


def _indexes() -> Indexes[dict[str, KnownAlias]]:
    return Indexes(INDEXED)


class _IdentifyCapture(beam.DoFn):
    VERSION = ReadModifyWriteStateSpec("version", RecordCoder(AliasVersion))
    KNOWN = BagStateSpec("known", RecordCoder(KnownAlias))
    EXPIRY = TimerSpec("identify_expiry", TimeDomain.WATERMARK)

    def __init__(self, memory: Shared[AliasMemory], clock: Clock) -> None:
        self._shared_memory = memory
        self._shared_indexes = Shared(_indexes)
        self._clock = clock

    def setup(self) -> None:
        self._memory = self._shared_memory.get()
        self._indexes = self._shared_indexes.get()

    def process(
        self,
        keyed: tuple[str, Capture],
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008  # Beam's way of declaring state
        known_state: Any = beam.DoFn.StateParam(KNOWN),  # noqa: B008  # as above
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),  # noqa: B008  # as above
    ) -> Iterator[Any]:
        site, capture = keyed
        try:
            with _TIME.measured():
                of_site = SiteAliases(site, version, known_state, self._indexes)
                names = names_of(capture)
                keys = [name.key for name in names]
                found = identify(capture, [*self._memory.known(keys), *of_site.under(keys)])
                addresses = [name.key for name in names if name.kind <= NameKind.ASKED]
                is_suppressed = self._memory.is_suppressed([*addresses, found.capture.article.article_id])
                of_site.add(found.aliases)
        except Exception as error:  # noqa: BLE001  # a bug costs this capture only
            outcome, letter = outcomes.bug(capture, Stage.IDENTIFY, error, self._clock())
            yield beam.pvalue.TaggedOutput("outcomes", outcome)
            yield beam.pvalue.TaggedOutput("dead_letters", letter)
            return
        if found.aliases:
            expiry.set(Timestamp(micros=ids.micros(of_site.newest_at + TTL)))
        for alias in found.aliases:  # of what was purged too: so it is known by its later names
            yield beam.pvalue.TaggedOutput("aliases", alias)
        if is_suppressed:
            outcome = outcomes.of_capture(found.capture, Stage.IDENTIFY, OutcomeKind.DROPPED, self._clock())
            outcome = dataclasses.replace(outcome, reason=Reason.SUPPRESSED, capture_id=None, title=None)
            yield beam.pvalue.TaggedOutput("outcomes", outcome)
        else:
            yield found.capture

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]  # Beam is untyped
    def expire(
        self,
        version: Any = beam.DoFn.StateParam(VERSION),  # noqa: B008  # as above
        known_state: Any = beam.DoFn.StateParam(KNOWN),  # noqa: B008  # as above
    ) -> None:
        """Forget the site. Locally this happens at the end of every cycle, hence it does nothing else."""
        version.clear()
        known_state.clear()


class SiteAliases:
    """One site's keyed state: its newest aliases in a bag, which is read as `transforms.indexes` says.

    Args:
        site: the key, for `indexes`.
        version: the version cell, of `AliasVersion`.
        bag: of `KnownAlias`; of two with one key the later counts.
        indexes: those of this process.
    """

    def __init__(self, site: str, version: Any, bag: Any, indexes: Indexes[dict[str, KnownAlias]]) -> None:
        self._site = site
        self._cell = version
        self._bag = bag
        self._indexes = indexes
        self._version: AliasVersion = version.read() or AliasVersion(newest_at=ids.EPOCH)
        held = indexes.take(site, self._version.token)
        self._aliases = held if held is not None else self._read()

    @property
    def newest_at(self) -> dt.datetime:
        """When the newest was observed."""
        return self._version.newest_at

    def under(self, keys: Sequence[str]) -> list[KnownAlias]:
        """What is known under these keys."""
        return [self._aliases[key] for key in keys if key in self._aliases]

    def add(self, aliases: Sequence[KnownAlias]) -> None:
        """Remember what `identify` told; a bag that has come to twice its limit is made anew with the newest."""
        if aliases:
            self._aliases |= {alias.key: alias for alias in aliases}
            stored = self._version.stored + len(aliases)
            if stored > 2 * SITE_LIMIT:
                self._bag.clear()
                aliases = sorted(self._aliases.values(), key=_observed_at)[-SITE_LIMIT:]
                self._aliases = {alias.key: alias for alias in aliases}
                stored = len(aliases)
            for alias in aliases:
                self._bag.add(alias)
            self._version = AliasVersion(
                newest_at=max(self.newest_at, *map(_observed_at, aliases)),
                token=ids.hash_id(self._version.token, *map(codec.encode, aliases)),
                stored=stored,
            )
            self._cell.write(self._version)
        self._indexes.put(self._site, self._version.token, self._aliases)

    def _read(self) -> dict[str, KnownAlias]:
        return {alias.key: alias for alias in self._bag.read()} if self._version.token else {}


def _observed_at(alias: KnownAlias) -> dt.datetime:
    return alias.observed_at
