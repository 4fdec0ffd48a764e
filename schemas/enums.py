"""The closed vocabularies of the records. A value, once written to a warehouse, keeps its meaning for ever."""

from enum import StrEnum


class Source(StrEnum):
    """Where the content of a capture was taken from."""

    WEB = "web"  # the article's page
    FEED = "feed"  # the feed's own content: the page could not be had, or held no text
    WARC = "warc"
    FILE = "file"
    WIRE = "wire"


class Origin(StrEnum):
    """Why an entry entered the graph."""

    FEED = "feed"
    REVISIT = "revisit"
    RETRY = "retry"
    BACKFILL = "backfill"
    WIRE = "wire"
    REPLAY = "replay"


class Stage(StrEnum):
    """The stages of the flow, in order."""

    READ = "read"  # of an archive by a backfill, or of messages
    POLL = "poll"
    FETCH = "fetch"
    EXTRACT = "extract"
    IDENTIFY = "identify"
    REVISE = "revise"
    LINK = "link"
    TAG = "tag"
    WRITE = "write"


class OutcomeKind(StrEnum):
    """How one attempt at an entry ended."""

    PUBLISHED = "published"  # a row: the first capture of an article
    REVISED = "revised"  # a row: a further capture of a known article
    UNCHANGED = "unchanged"  # no row: equal to what is known
    DROPPED = "dropped"  # no row: deliberately not taken
    DEFERRED = "deferred"  # not decided: another attempt follows
    FAILED = "failed"  # no row: it could not be had
    DEAD = "dead"  # no row: put aside as a dead letter


class Reason(StrEnum):
    """Why something did not go the usual way. A closed list: dashboards count on it."""

    # the network
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    ADDRESS_REFUSED = "address_refused"  # private, loopback or link-local, and not in --allow-net
    # HTTP
    HTTP_ERROR = "http_error"  # any other 4xx or 5xx status
    NOT_FOUND = "not_found"  # 404
    GONE = "gone"  # 410
    FORBIDDEN = "forbidden"  # 401, 403, 451
    RATE_LIMITED = "rate_limited"  # 429, or 503 with Retry-After
    ROBOTS = "robots"  # robots.txt disallows the address
    ROBOTS_UNREACHABLE = "robots_unreachable"  # robots.txt answers 5xx or not at all: RFC 9309, 2.3.1.4
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BAD_REDIRECT = "bad_redirect"
    BAD_URL = "bad_url"
    # content
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"  # a compressed body that cannot be read, or expands without end
    NOT_HTTP = "not_http"  # the answer breaks the protocol, or its headers are too large
    NOT_HTML = "not_html"
    NOT_A_FEED = "not_a_feed"
    MALFORMED = "malformed"  # read as far as it could be
    NO_LINK = "no_link"  # an entry without an address
    NO_TEXT = "no_text"  # neither the page nor the feed holds text
    CPU_LIMIT = "cpu_limit"  # took longer than its time in the process pool
    CRASHED = "crashed"  # the process that worked on it died
    BUG = "bug"  # an exception of our own: kept as a dead letter
    # flow
    IN_FLIGHT = "in_flight"  # still downloading at the cycle's deadline
    OVER_CAP = "over_cap"  # more than one cycle takes
    NOT_INITIAL = "not_initial"  # seen at a feed's first poll and not asked for (--initial)
    REFUSED = "refused"  # a sink cannot hold the row
    SUPPRESSED = "suppressed"  # purged, and never to be taken in again
    KNOWN = "known"  # a backfill's record that was taken in before
    NOT_WANTED = "not_wanted"  # a backfill's filters leave it out
    NO_PAYLOAD = "no_payload"  # an archive's record that stands for another one, which is not there


class Change(StrEnum):
    """What a capture is, against the one before it."""

    NEW = "new"
    UPDATE = "update"
    CORRECTION = "correction"
    MINOR = "minor"
    KILL = "kill"
    RESTORED = "restored"
    EXTRACTION = "extraction"  # only the extractor changed
    UNCHANGED = "unchanged"  # equal to the capture before it, which arrived later


class NoticeKind(StrEnum):
    """What a publisher's notice about its own article says."""

    CORRECTION = "correction"
    KILL = "kill"  # withdrawn, retracted, not to be used
    WITHHELD = "withheld"  # taken away for the time being


class PubStatus(StrEnum):
    """IPTC's publication status (http://cv.iptc.org/newscodes/pubstatusg2/)."""

    USABLE = "usable"
    WITHHELD = "withheld"
    CANCELED = "canceled"


class Availability(StrEnum):
    """Whether the article's address still answers."""

    LIVE = "live"
    GONE = "gone"
    BLOCKED = "blocked"


class LinkKind(StrEnum):
    """What a copy is to its original."""

    SYNDICATED = "syndicated"
    REPUBLISHED = "republished"  # the same outlet under another address
    EXCERPT = "excerpt"  # the one is a part of the other, much longer one
    ORIGINAL = "original"  # no copy (original_id is its own): taken back, or in a cluster by its copies only


class EntityType(StrEnum):
    """What an entity is."""

    PERSON = "PERSON"
    ORG = "ORG"
    PLACE = "PLACE"


class DateSource(StrEnum):
    """Where a date was read."""

    JSON_LD = "json_ld"
    META = "meta"
    TIME_ELEMENT = "time_element"
    TEXT = "text"
    URL = "url"
    FEED = "feed"
    WIRE = "wire"


class Precision(StrEnum):
    """How exact a date is."""

    SECOND = "second"
    MINUTE = "minute"
    DAY = "day"


class Zone(StrEnum):
    """Where a date's time zone comes from."""

    EXPLICIT = "explicit"  # written with the date
    OUTLET = "outlet"  # the feed's configured time zone
    ASSUMED = "assumed"  # UTC, for want of better


class Access(StrEnum):
    """Whether the page asks for money."""

    FREE = "free"
    METERED = "metered"
    PAYWALLED = "paywalled"
    UNKNOWN = "unknown"


class Tdm(StrEnum):
    """Text and data mining: what the publisher reserves."""

    ALLOWED = "allowed"
    RESERVED = "reserved"
    UNKNOWN = "unknown"


class BodyPolicy(StrEnum):
    """How much of a body a feed's terms let us store."""

    FULL = "full"
    EXCERPT = "excerpt"
    NONE = "none"


class PollStatus(StrEnum):
    """How a poll ended."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"  # 304
    SAME_BODY = "same_body"  # 200 with the bytes of the poll before
    FAILED = "failed"


class MentionField(StrEnum):
    """The column that a mention's offsets count in."""

    TITLE = "title"
    SUMMARY = "summary"
    BODY = "body"
    CAPTION = "caption"  # captions, their texts joined by a line feed
