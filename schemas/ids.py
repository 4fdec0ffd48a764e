"""Ids: hashes of facts, never random, so that what is read twice is the same row.

All ids are 32 lower-case hexadecimal digits: 128 bits of BLAKE2b over the parts, each preceded by its length in bytes,
so that no two lists of parts hash alike. With 10^12 records the chance of one collision is below 10^-14.
"""

import datetime as dt
import hashlib
import unicodedata

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


def hash_id(*parts: str | bytes) -> str:
    """128 bits over `parts` in order, as 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()


def micros(moment: dt.datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exact (no float between)."""
    return (moment - EPOCH) // MICROSECOND


def day_number(moment: dt.datetime) -> int:
    """Whole days since 1970-01-01."""
    return (moment - EPOCH).days


def folded(text: str) -> str:
    """`text` after Unicode NFC and white-space folding: what a content hash sees, and nothing else is changed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def feed_id(url: str) -> str:
    """The id of a feed: its address as configured, credentials taken out by the caller."""
    return hash_id("feed", url)


def article_id(canonical_url: str) -> str:
    """The id of an article: its canonical URL, or the wire's own id."""
    return hash_id("article", canonical_url)


def content_hash(title: str, body: str) -> str:
    """The id of what a reader sees: title and body, see `folded`."""
    return hash_id("content", folded(title), folded(body))


def capture_id(article: str, observed_at: dt.datetime, content: str) -> str:
    """The id of one article's content at one time."""
    return hash_id("capture", article, str(micros(observed_at)), content)


def entry_id(feed: str, entry_key: str, fingerprint: str, change_no: int) -> str:
    """The id of an entry as it left poll.

    Args:
        feed: the feed's id.
        entry_key: what identifies the entry within its feed (guid, else link, else a hash of its text).
        fingerprint: the hash of the entry's content.
        change_no: 0 at first sight, 1 at the first change, ...: an entry that changes back is a new one.
    """
    return hash_id("entry", feed, entry_key, fingerprint, str(change_no))
