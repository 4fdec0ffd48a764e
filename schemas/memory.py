"""What the stateful stages remember: `revise` of each capture, `link` of each article and its texts, and so on.

Not rows of a table: they lie in state only. Each is bounded, so that a memory's size can be told beforehand. As msgpack
a `KnownCapture` takes 0.5 KB and its body as zlib, about half of it: 0.9 KB for a wire story of 780 characters, 4.6 KB
for a web page of 7,400, some 13 KB at most, since 30,000 characters are kept (benchmarks/revisions.py). A `Sketch`
takes 0.7 KB (at most 1 KB), a `Lineage` 0.3 KB (benchmarks/copies.py).
"""

import datetime as dt
from dataclasses import dataclass

from schemas.enums import Availability, Change, LinkKind, PubStatus, Source
from schemas.records import Entry, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCapture:
    """What revise remembers of one capture: the facts that later ones are compared with, and its newest judgement."""

    capture_id: str
    article_id: str
    observed_at: dt.datetime
    content_hash: str
    extractor: str  # name, version, profile version: texts of two are not compared; the newest that made it of its page
    source: Source = Source.WEB
    title: str = ""
    feed_title: str = ""  # what its feed called it then
    lasting_hash: str = ""  # of the body less what changes by itself; "" if the body is not known as a whole
    text: bytes = b""  # the body as far as it may be kept, zlib
    notice: Notice | None = None
    # what was seen later
    again: tuple[tuple[dt.datetime, bool, str], ...] = ()  # the same content: when, if on the page, extractor ("": its)
    seen_at: dt.datetime | None = None  # up to state version 2: when the same content was seen last
    page_at: dt.datetime | None = None  # the first time that it was seen on the article's page; None: in its feed only
    sights: tuple[tuple[dt.datetime, Availability], ...] = ()  # looks that brought no page, in order
    # the judgement
    also_by: tuple[str, ...] = ()  # other extractors that made the same text, of its page or of a later one
    judged_seq: int = 0
    predecessor_id: str | None = None
    change: Change = Change.NEW
    pub_status: PubStatus = PubStatus.USABLE
    availability: Availability = Availability.LIVE
    seen_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCaptures:
    """The captures of one article as a state cell, in observed order."""

    captures: tuple[KnownCapture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAlias:
    """One of the names under which identify knows an article: an address, or a feed's own id for it."""

    key: str  # hash of the name
    article_id: str
    observed_at: dt.datetime
    title: bytes = b""  # hashes of the title's words, 2 bytes each, ascending
    published_at: dt.datetime | None = None  # if it is known to the minute
    is_own: bool = False  # the article was read at this address, or it is the feed's id of an entry without one


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasVersion:
    """The version cell of identify's keyed state: of the aliases under one site."""

    newest_at: dt.datetime  # when the newest of them was observed
    token: str = ""  # hash over all that was added: two states with one token hold the same
    stored: int = 0  # in the bag, an alias that was told anew each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What admit remembers of one entry: how far it has come, and the entry itself while it is not due."""

    attempt: int
    deferrals: int
    waiting: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What receive remembers of one wire item."""

    seen: tuple[str, ...] = ()  # the entry ids of the documents that have come, the newest last
    embargoed_until: dt.datetime | None = None
    stated_at: dt.datetime | None = None  # when the document was made that says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundles:
    """What a stream's writer keeps beside the rows that it holds in state: the bundles that brought them."""

    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What link remembers of one capture's text. It never changes; what is judged of the article is its `Lineage`.

    The hashes are little-endian unsigned numbers, ascending, without repeats: `transforms.copies.sketch` makes them,
    `transforms.copies.likeness` compares them.
    """

    capture_id: str
    article_id: str
    language: str  # BCP 47, "und" if unknown: copies are sought within one language
    order_at: dt.datetime  # what orders originals: published_at where it can be trusted, else observed_at
    observed_at: dt.datetime
    site: str = ""  # registered domain of the article's address, else its host
    credits: tuple[str, ...] = ()  # agencies credited for the text, folded
    word_count: int = 0
    shingles: bytes = b""  # the smallest hashes of its word shingles, 4 bytes each
    passages: bytes = b""  # the smallest hashes of its passages (long shingles), 4 bytes each
    title: bytes = b""  # hashes of the title's words, 2 bytes each
    names: bytes = b""  # hashes of the words that the text writes with a capital only, 2 bytes each
    figures: bytes = b""  # hashes of the numbers in the text, 2 bytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What link has judged of one article: what it is a copy of, and the cluster of copies that it belongs to.

    Of two lineages of an article the one with the higher (judged_seq, sketch_count) is valid. An article with one text
    that stands alone has none in state: its sketch says it all (`transforms.copies.index.alone`).
    """

    article_id: str
    order_at: dt.datetime  # the least of its sketches': articles are ordered by (order_at, article_id)
    observed_at: dt.datetime  # the newest of its sketches': a memory's time limit counts from here
    original_id: str  # its own article_id if it is no copy
    cluster_id: str  # article_id of the cluster's earliest member: its own if it stands alone
    judged_seq: int = 0  # that of its newest row: rises with each
    sketch_count: int = 1  # texts counted in, those beyond `transforms.link.SKETCH_LIMIT` too
    # how it is like its original, as measured when that was judged
    kind: LinkKind = LinkKind.ORIGINAL
    similarity: float = 1.0
    containment: float = 1.0
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyNote:
    """One addition to link's keyed state: a sketch or a lineage."""

    sketch: Sketch | None = None
    lineage: Lineage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyVersion:
    """The version cell of link's keyed state."""

    token: str = ""  # hash over all that was added: two states with one token hold the same
    weeks: tuple[int, ...] = ()  # for each bucket the week it holds, counted from 1970-01-01; -1 if it is empty
