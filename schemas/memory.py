"""What the stateful stages remember: `revise` of each capture, `link` of each article's texts. They lie in state only.

Each is bounded in size, so that a day's worth of memory can be told beforehand: a `KnownCapture` takes about 0.4 KB,
a `Sketch` at most 1 KB, a `Lineage` about 0.3 KB.
"""

import datetime as dt
from dataclasses import dataclass

from schemas.enums import Change, PubStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCapture:
    """What revise remembers of one capture: its facts, and the newest judgement of it."""

    capture_id: str
    article_id: str
    observed_at: dt.datetime
    content_hash: str
    extractor_version: str
    judged_seq: int = 0
    predecessor_id: str | None = None
    change: Change = Change.NEW
    change_note: str | None = None
    pub_status: PubStatus = PubStatus.USABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What link remembers of one capture's text. It never changes: what is judged of the article is its `Lineage`.

    The hash fields are little-endian unsigned numbers, ascending, without repeats; `transforms.copies.sketch` makes
    and compares them.
    """

    capture_id: str
    article_id: str
    language: str  # BCP 47, "und" if unknown: copies are sought within one language
    order_at: dt.datetime  # what orders originals: published_at where it can be trusted, else observed_at
    observed_at: dt.datetime
    site: str = ""  # registered domain of the article's address, else its outlet
    credits: tuple[str, ...] = ()  # agencies credited for the text, folded
    word_count: int = 0
    shingle_count: int = 0  # distinct shingles of the whole text
    shingles: bytes = b""  # the smallest hashes of its word shingles, 4 bytes each
    title: bytes = b""  # hashes of the title's words, 2 bytes each
    names: bytes = b""  # hashes of the words that the text writes with a capital only, 2 bytes each
    figures: bytes = b""  # hashes of the numbers in the text, 2 bytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What link has judged of one article: where it was copied from, and which copies it belongs with."""

    article_id: str
    order_at: dt.datetime  # the least of its captures': articles are ordered by (order_at, article_id)
    observed_at: dt.datetime  # the newest of its captures': what the memory's time limit counts from
    original_id: str  # its own article_id if it is no copy
    cluster_id: str  # article_id of the earliest member of its cluster; its own if it stands alone
    judged_seq: int = 0  # rises by one with each change: of two lineages of an article the higher is valid
    sketch_count: int = 1  # captures that have a sketch
