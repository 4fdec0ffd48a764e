"""The records: frozen, slotted dataclasses; those that are rows of a table first, those that pass between stages after.

Facts never change once written; judgements (`Revision`, `Link`) can be made again, and the newest `judged_seq` wins.
All times are aware datetimes in UTC with microseconds. The text beside a field is its meaning, as the data dictionary
prints it; a `| None` is a value that may be absent. `schemas.tables` derives every table definition from here.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated as A  # noqa: N817  # a hundred fields carry their meaning: the short name keeps them readable

from schemas.enums import (
    Access,
    Availability,
    BodyPolicy,
    Change,
    DateSource,
    EntityType,
    LinkKind,
    MentionField,
    NoticeKind,
    Origin,
    OutcomeKind,
    PollStatus,
    Precision,
    PubStatus,
    Reason,
    Source,
    Stage,
    Tdm,
    Zone,
)

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class Since:
    """Marks a column that came with a later version of the tables."""

    version: int


# ── parts of rows ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """A picture's caption."""

    text: A[str, "the caption without its credit"]
    credit: A[str | None, "photographer or agency as printed"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject code given by the publisher."""

    scheme: A[str | None, "the vocabulary, e.g. medtop"] = None
    code: A[str | None, "the code in that vocabulary"] = None
    name: A[str | None, "the subject's name as given"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One place in the text that names an entity."""

    field: A[MentionField, "the column that the offsets count in"]
    start: A[int, "first code point, 0-based"]
    end: A[int, "code point after the last"]
    text: A[str, "the words as they stand there"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A person, organisation or place that an article names."""

    key: A[str, "stable within the tagger's version: the id, else type and folded name"]
    name: A[str, "canonical name"]
    type: A[EntityType, "PERSON, ORG or PLACE"]
    id: A[str | None, "CURIE: wikidata:, geonames:, iso3166:"] = None
    salience: A[float, "share of the article's mentions, first ones weigh more; 0 to 1"] = 0.0
    mentions: A[tuple[Mention, ...], "every mention, in reading order"] = ()


# ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """The facts of one capture that brought new content."""

    capture_id: A[str, "hash of article_id, observed_at and content_hash"]
    article_id: A[str, "hash of the canonical URL or of the wire's own id"]
    content_hash: A[str, "hash of title and body after Unicode NFC and white-space folding"]
    observed_at: A[dt.datetime, "event time: when the server answered, the archive recorded, the message was sent"]
    url: A[str, "the address that answered, after redirects"]
    canonical_url: A[str, "the address that identifies the article"]
    feed_id: A[str | None, "the feed that showed it"] = None
    guid: A[str | None, "the feed's or the wire's own id for it"] = None
    source: A[Source, "where the content was taken from"] = Source.WEB
    raw_ref: A[str | None, "where the raw page is kept"] = None
    extractor_name: A[str, "what extracted the text"] = ""
    extractor_version: A[str, "its version: text of two versions is not compared"] = ""
    profile_version: A[int, "version of the host's site profile, 0 for none"] = 0
    tagger_name: A[str, "what tagged the entities"] = ""
    tagger_version: A[str, "its version"] = ""
    schema_version: A[int, "version of this table's definition that the row was written with"] = SCHEMA_VERSION
    title: A[str, "headline without the site's name"] = ""
    summary: A[str | None, "the publisher's own summary"] = None
    body: A[str, "clean text; paragraphs are separated by an empty line"] = ""
    word_count: A[int, "words in the body"] = 0
    captions: A[tuple[Caption, ...], "captions of pictures, apart from the body"] = ()
    image_url: A[str | None, "the lead picture"] = None
    language: A[str | None, "BCP 47 language of the text, e.g. en"] = None
    byline: A[str | None, "as printed"] = None
    authors: A[tuple[str, ...], "names in the byline or the metadata"] = ()
    dateline_place: A[str | None, "place that opens the text, e.g. CAIRO"] = None
    dateline_text: A[str | None, "the dateline as printed"] = None
    credits: A[tuple[str, ...], "agencies credited for the text"] = ()
    section: A[str | None, "the outlet's section"] = None
    tags: A[tuple[str, ...], "the publisher's keywords"] = ()
    subjects: A[tuple[Subject, ...], "subject codes"] = ()
    genre: A[str | None, "e.g. analysis, obituary"] = None
    urgency: A[int | None, "the wire's urgency: 1 flash to 9"] = None
    published_at: A[dt.datetime | None, "when the publisher says it was published; may be wrong"] = None
    published_at_raw: A[str | None, "that date as written"] = None
    published_at_source: A[DateSource | None, "where it was read"] = None
    published_precision: A[Precision | None, "how exact it is"] = None
    published_zone: A[Zone | None, "where its time zone comes from"] = None
    published_suspect: A[bool, "true if later than observed_at, or before 1990"] = False
    modified_at: A[dt.datetime | None, "when the publisher says it was last changed"] = None
    embargoed_until: A[dt.datetime | None, "not to be published before"] = None
    version: A[str | None, "the wire's own version"] = None
    ednote: A[str | None, "the editor's note"] = None
    usage_terms: A[str | None, "what the publisher allows"] = None
    copyright_holder: A[str | None, "who holds the copyright"] = None
    access: A[Access, "whether the page asks for money"] = Access.UNKNOWN
    tdm: A[Tdm, "text and data mining: what the publisher reserves"] = Tdm.UNKNOWN
    tdm_source: A[str | None, "where that was read"] = None
    tdm_policy_url: A[str | None, "the policy that it names"] = None
    entities: A[tuple[Entity, ...], "named entities, most salient first"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A judgement: what a capture is, against the one before it."""

    capture_id: A[str, "the capture that is judged"]
    judged_seq: A[int, "0 for the first judgement of this capture; the highest is valid"]
    article_id: A[str, "its article"]
    observed_at: A[dt.datetime, "the capture's event time"]
    predecessor_id: A[str | None, "the capture before it in observed time"] = None
    change: A[Change, "what changed since the predecessor"] = Change.NEW
    change_note: A[str | None, "the correction's own words"] = None
    pub_status: A[PubStatus, "whether it may be used"] = PubStatus.USABLE
    availability: A[Availability, "whether its address answers"] = Availability.LIVE
    seen_until: A[
        dt.datetime | None,
        "when the same content was seen again, if a capture that lies in between arrived late",
        Since(2),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A judgement: that one article is a copy of another."""

    copy_id: A[str, "article_id of the copy"]
    original_id: A[str, "article_id of the earliest known original"]
    judged_seq: A[int, "0 for the first judgement of this copy; the highest is valid"]
    observed_at: A[dt.datetime, "event time of the copy's capture"]
    kind: A[LinkKind, "what the copy is to the original"]
    similarity: A[float, "Jaccard similarity of word shingles, 0 to 1"]
    containment: A[float, "share of the smaller text's shingles found in the other, 0 to 1"]
    evidence: A[tuple[str, ...], "what spoke for it, e.g. shingles, title, credit"] = ()
    cluster_id: A[str, "article_id of the earliest known member of the copies' cluster"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt at an entry ended."""

    entry_id: A[str, "the entry"]
    attempt: A[int, "1 for the first"]
    origin: A[Origin, "why the entry entered the graph"]
    stage: A[Stage, "the stage that decided"]
    outcome: A[OutcomeKind, "how it ended"]
    is_terminal: A[bool, "true for exactly one row of an entry"]
    decided_at: A[dt.datetime, "when it was decided"]
    reason: A[Reason | None, "why it did not go the usual way"] = None
    detail: A[str | None, "the error in words, without secrets"] = None
    http_status: A[int | None, "the page's HTTP status"] = None
    retry_at: A[dt.datetime | None, "when the next attempt is due"] = None
    feed_id: A[str | None, "the feed that showed the entry"] = None
    guid: A[str | None, "the entry's own id"] = None
    url: A[str | None, "the entry's address"] = None
    title: A[str | None, "the entry's title in the feed"] = None
    article_id: A[str | None, "the article that it was found to be"] = None
    capture_id: A[str | None, "the row that it became, or the capture that it equals"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One look at a feed: entries_seen = new + changed + unchanged + invalid."""

    feed_id: A[str, "the feed"]
    polled_at: A[dt.datetime, "when its server answered, or failed to"]
    url: A[str, "the feed's address, without credentials"]
    status: A[PollStatus, "how it ended"]
    http_status: A[int | None, "the HTTP status"] = None
    reason: A[Reason | None, "why it failed, or what was wrong with the feed"] = None
    detail: A[str | None, "that in words"] = None
    format: A[str | None, "rss20, atom10, json11, ... as found"] = None
    size_bytes: A[int, "length of the body"] = 0
    entries_seen: A[int, "entries in the feed"] = 0
    entries_new: A[int, "never seen before"] = 0
    entries_changed: A[int, "seen before with other content"] = 0
    entries_unchanged: A[int, "seen before"] = 0
    entries_invalid: A[int, "could not be used; see dead_letters"] = 0
    overlap: A[float | None, "share of entries already known; null without entries"] = None
    gap: A[bool, "entries may have been missed since the poll before"] = False
    duration_s: A[float, "seconds from request to parsed entries"] = 0.0
    next_interval_s: A[float | None, "seconds until the next poll; null for a single run"] = None
    interval_rule: A[str | None, "the rule that chose it"] = None
    quiet_polls: A[int, "polls since the last row that brought nothing and failed in nothing"] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed as configured."""

    feed_id: A[str, "hash of its configured address"]
    valid_from: A[dt.datetime, "since when these settings hold"]
    url: A[str, "its address, without credentials"]
    outlet: A[str | None, "the outlet's name"] = None
    domain: A[str | None, "the outlet's registered domain"] = None
    country: A[str | None, "ISO 3166-1 alpha-2"] = None
    language: A[str | None, "BCP 47, if known beforehand"] = None
    timezone: A[str | None, "IANA name, for dates without a zone"] = None
    rights: A[str | None, "licence or contract"] = None
    body_policy: A[BodyPolicy, "how much of a body may be stored"] = BodyPolicy.FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Something that could not be used, with enough to replay it from its stage."""

    id: A[str, "hash of the stage, the reason and the raw input"]
    stage: A[Stage, "the stage that put it aside"]
    reason: A[Reason, "why"]
    died_at: A[dt.datetime, "when"]
    error: A[str, "the error in words, without secrets"] = ""
    raw: A[bytes, "the stage's input: a record as msgpack, or the raw bytes"] = b""
    tries: A[int, "attempts made"] = 1
    entry_id: A[str | None, "the entry, if it had become one"] = None
    feed_id: A[str | None, "the feed"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The columns that a sink adds to every row of every table."""

    ingested_at: A[dt.datetime, "commit time; never goes back within one sink"]
    batch_id: A[str, "the delivery that brought the row"]


# ── between stages, and in state ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A feed's entry that is new or has changed; it holds all that the stages after poll need to know."""

    entry_id: str
    feed_id: str | None
    entry_key: str
    fingerprint: str
    change_no: int
    origin: Origin
    observed_at: dt.datetime  # when the feed that showed it was answered
    attempt: int = 1
    attempts_before: int = 0  # of those, the ones before it was put back: they do not count among the tries
    guid: str | None = None
    url: str = ""
    title: str = ""
    summary: str = ""  # plain text
    content: str = ""  # the feed's own full content: HTML as it came, "" if it has none
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    image_url: str | None = None
    published_at: dt.datetime | None = None
    published_at_raw: str | None = None
    published_zone: Zone | None = None
    modified_at: dt.datetime | None = None
    # of a revisit: which one it is, and the validators of the page as it was fetched last
    revisit_no: int = 0
    etag: str | None = None
    last_modified: str | None = None
    article_id: str | None = None  # of a revisit: the article that its page was found to be
    failed_looks: int = 0  # of a revisit: looks in a row at which the page was gone or blocked
    # what is configured for its feed, or said by it
    outlet: str | None = None
    language: str | None = None
    timezone: str | None = None
    rights: str | None = None
    body_policy: BodyPolicy = BodyPolicy.FULL
    # of one that a stream published again
    not_before: dt.datetime | None = None  # when it is due; None: at once
    deferrals: int = 0  # times that its turn had not come, or its download went on: no attempt ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What extract reads: a page as it came, or an entry whose page could not be had (source feed, empty body)."""

    entry: Entry
    observed_at: dt.datetime
    url: str  # after redirects
    source: Source = Source.WEB
    status: int | None = None
    content_type: str | None = None  # media type, lower case, without parameters
    charset: str | None = None  # as the Content-Type header says
    body: bytes = b""
    raw_ref: str | None = None
    reason: Reason | None = None  # why the page could not be had, for source feed
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a page's server gave to ask by whether it has changed (RFC 9110, 8.8); kept for the page's revisit."""

    entry_id: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a look at a published page's address found, when it brought no page."""

    article_id: str
    observed_at: dt.datetime
    availability: Availability


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteProfile:
    """What is known of a host's pages. Written by maintenance, never while extracting."""

    host: str
    version: int = 0
    boilerplate: tuple[str, ...] = ()  # paragraphs that the host repeats on every page, white space folded


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A publisher's notice about its own article, as it stands in the text."""

    kind: NoticeKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """An article's facts on their way from extract to write, with the entry that they answer."""

    article: Article
    entry_id: str
    attempt: int
    origin: Origin
    outlet: str | None = None
    entry_url: str = ""  # the entry's own address and title, as its feed gives them
    entry_title: str = ""
    entry_key: str = ""  # what identifies the entry in its feed
    notice: Notice | None = None  # found in the full text, whatever of it may be kept
    change: Change | None = None  # set by revise
    is_first: bool = False  # of its article, as far as is known; set by revise
    reason: Reason | None = None  # why the feed's content was used
    detail: str | None = None
    http_status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What revise judges, under one key: a capture, or a look that brought no page. One of the two is there."""

    capture: Capture | None = None
    sight: Sight | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a subscription brings."""

    data: bytes
    table: str = ""  # its attribute of that name: which table's row it is
    sent_at: dt.datetime | None = None  # when it was published: the same each time that it comes


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """A row of any table on its way to a sink, as msgpack."""

    table: str
    data: bytes
    bundle: str = ""  # in a stream's state: the one that brought it


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What settle gathers under one entry's id: the entry, how the attempt at it ended, its page's validators."""

    entry: Entry | None = None
    outcome: Outcome | None = None
    validators: Validators | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What poll remembers of one entry of a feed."""

    entry_key: str
    content: str  # the fingerprint that left poll last
    change_no: int = 0
    bare_changes: int = 0  # changes of text in a row with no new date of change beside them; capped by poll
    alias: str = ""  # its link, and its title with its date: what it is known by when its guid is no longer the same
    raw: str = ""  # of the bytes that it was read from, while it is in the feed; "" if they must be read again


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """An archive that is being read back over a gap, to the last entry known before it."""

    urls: tuple[str, ...]  # the next document, then those to try if it cannot be had; without credentials
    until: tuple[str, ...]  # keys and links of the entries that the feed showed last before the gap
    newest_at: dt.datetime | None  # the newest date of publication before the gap
    documents_left: int
    entries_left: int
    resume_at: dt.datetime  # when the feed itself is due again


@dataclass(frozen=True, slots=True, kw_only=True)
class PollState:
    """What poll remembers of one feed."""

    feed_id: str
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    fingerprints: tuple[Fingerprint, ...] = ()  # newest sight last; bounded by poll
    polls: int = 0
    failures: int = 0  # in a row
    quiet_polls: int = 0  # since the last row
    # what the feed was at its last reading
    window: int = 0  # entries shown: so many fingerprints at the end are in the feed
    slides: int = 0  # evidence that it shows the newest so many entries, all of them; see transforms.feeds.window
    newest_at: dt.datetime | None = None  # its newest date of publication, less those in the future
    ttl_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    # when it is looked at next; see transforms.schedule
    due_at: dt.datetime | None = None  # None: never scheduled
    pace_s: float | None = None  # the interval that its own rhythm asks for
    failure_weight: float = 0.0  # of the failures in a row
    row_at: dt.datetime | None = None  # of its last row in table polls
    is_distrusted: bool = False  # the next poll sends no validators and reads the body whatever its hash
    # where it is asked for
    url: str | None = None  # where it moved for good, without credentials; None: the configured address
    moved_url: str | None = None  # a permanent redirect that has not lasted long enough
    moved_since: dt.datetime | None = None
    back: ReadBack | None = None  # an archive to read before anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDue:
    """A feed whose time has come, with what is remembered of it. The URL holds its credentials, if it has any."""

    feed: Feed
    request_url: str
    state: PollState
