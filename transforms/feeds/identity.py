"""Which entries of a feed are the same, and which have changed: pure functions over what is remembered of them.

What makes an entry *the same*: its guid, else its link without tracking and session parameters, else a hash of its
text. A guid that one body uses for several links is no identity; there the link counts as well (and the title, for
links). Some feeds give an entry a new guid at every poll, or a link with a session in it. So an entry under a key never
seen takes the place of one that has left the body and has

* the same link and the same text, or a guid that differs in a number after a last "#" only;
* the same path, title and date of publication (without a date: the same link and title).

What makes it *changed*: title, summary or the text of its content, white space folded; markup and addresses do not
count. A date of change that is stated beside the date of publication counts too, since most feeds carry no body and an
edit shows nowhere else. But some feeds write all their dates anew at every poll: when more than half of the known
entries (and at least three) differ in that date alone, the dates are remembered and nobody is troubled. And some hold a
clock or a counter: an entry whose text changes again and again, with no new date of change to bear it out, is believed
24 times (the bound of the feed library "reader" on what it calls hash-only updates).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit, urlunsplit

from schemas import ids
from schemas.records import Fingerprint
from transforms.text import urls
from transforms.text.feeds import ParsedEntry

REWRITTEN_FROM = 3  # entries; fewer that change their dates together may well have been edited together
BARE_CHANGES = 24  # of text, with no new date of change; one with such a date starts the count anew
KEY_LIMIT = 200  # characters of an entry's key; a longer one is hashed
HALF = 16  # digits of a fingerprint that stand for the text: 64 bits, to tell the versions of one entry apart
_LINK = 16  # digits of an alias that stand for the link
_HEAD = 8  # and those for path, title and date: they are only compared within one feed
# Parameters that name a visit. Sources: the session names of PHP, Java, ASP, ColdFusion, osCommerce and Zen Cart.
_SESSION = re.compile(
    r"(?:php|j|asp\.?net_)?sess(?:ion)?_?(?:id)?|aspsessionid[a-z]{0,20}|sid|cfid|cftoken|oscsid|zenid", re.IGNORECASE
)
_PATH_SESSION = re.compile(r";jsessionid=[^/?#;]*", re.IGNORECASE)
_NUMBERED = re.compile(r"#\d{1,9}$")


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry whose bytes were read before: it is known, and has not changed."""

    entry_key: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new in the known entries of a body, by key."""

    to_read: frozenset[str]  # worth another look
    bare: frozenset[str]  # whose text changed with no date of change to bear it out


def recognised(
    entries: Iterable[ParsedEntry | SeenEntry], known: Mapping[str, Fingerprint]
) -> dict[str, ParsedEntry | SeenEntry]:
    """The entries of a body under their keys, in the feed's order; of several versions of one entry the latest stands.

    A key in `known` is that entry; any other is new.
    """
    latest: dict[str, ParsedEntry | SeenEntry] = {}
    for entry in entries:
        if isinstance(entry, SeenEntry):
            latest[entry.entry_key] = entry
        else:
            narrow = _narrow_key(entry)
            other = latest.get(narrow, entry)
            latest[narrow] = max(other, entry, key=_version) if isinstance(other, ParsedEntry) else entry
    parsed = {narrow: entry for narrow, entry in latest.items() if isinstance(entry, ParsedEntry)}
    keys = _keys(parsed, known)
    in_body = {keys.get(name, name) for name in latest}
    former = _former_keys({key: parsed[narrow] for narrow, key in keys.items() if key not in known}, known, in_body)
    return {former.get(key, key): entry for name, entry in latest.items() for key in [keys.get(name, name)]}


def fingerprint(entry: ParsedEntry) -> str:
    """What an entry says, as 32 hexadecimal digits: the first half of its text, the second of its date of change."""
    changed = entry.modified.isoformat() if entry.modified else entry.modified_raw
    return entry.content_hash[:HALF] + ids.hash_id("changed", changed or "")[:HALF]


def key_of(entry: ParsedEntry) -> str:
    """What identifies an entry that shares it with no other in its body."""
    if entry.guid:
        return _bounded(entry.guid)
    if entry.url:
        return _bounded(_address(entry.url))
    return ids.hash_id("entry", entry.title, entry.summary or entry.content)


def alias_of(entry: ParsedEntry) -> str:
    """What else an entry is known by, as 24 digits: its link, then path, title and date. "" without a link."""
    if not entry.url:
        return ""
    address = _address(entry.url)
    if entry.published_raw:
        head = ids.hash_id("head", _without_query(address), ids.folded(entry.title), entry.published_raw)
    else:
        head = ids.hash_id("undated head", address, ids.folded(entry.title))
    return link_of(entry.url) + head[:_HEAD]


def link_of(url: str) -> str:
    """The part of an alias that stands for the link."""
    return ids.hash_id("link", _address(url))[:_LINK]


def link_in(alias: str) -> str:
    """The link in an alias; "" if there is none."""
    return alias[:_LINK]


def changes(before: Mapping[str, Fingerprint], now: Mapping[str, str]) -> Changes:
    """What is new in known entries.

    Args:
        before: what is remembered of them.
        now: their fingerprints as the body shows them, for some or all of these keys.
    """
    pairs = {key: (before[key].content, content) for key, content in now.items()}
    text = {key for key, (old, new) in pairs.items() if old[:HALF] != new[:HALF]}
    dates = {key for key, (old, new) in pairs.items() if old[HALF:] != new[HALF:]}
    bare = text if _are_rewritten(dates, before) else text - dates
    worn_out = {key for key in bare if before[key].bare_changes >= BARE_CHANGES}
    dates_alone = dates - text
    to_read = text - worn_out
    if not _are_rewritten(dates_alone, before):
        to_read |= dates_alone
    return Changes(frozenset(to_read), frozenset(bare))


def _are_rewritten(dates: Collection[str], entries: Collection[str]) -> bool:
    return len(dates) >= REWRITTEN_FROM and 2 * len(dates) > len(entries)


def _keys(parsed: Mapping[str, ParsedEntry], known: Mapping[str, Fingerprint]) -> dict[str, str]:
    """The key of each entry, by its narrow key: the plain one if no other entry of the body shares it."""
    sharing = Counter(key_of(entry) for entry in parsed.values())
    # One entry was known by its plain key before others came to share it: the one whose text is still the same.
    heirs: dict[str, str] = {}
    for narrow, entry in parsed.items():
        key = key_of(entry)
        if narrow not in known and key in known and known[key].content[:HALF] == entry.content_hash[:HALF]:
            heirs[key] = min(narrow, heirs.get(key, narrow))
    keys = {}
    for narrow, entry in parsed.items():
        key = key_of(entry)
        is_plain = narrow not in known and (sharing[key] == 1 or heirs.get(key) == narrow)
        keys[narrow] = key if is_plain else narrow
    return keys


def _former_keys(
    fresh: Mapping[str, ParsedEntry], known: Mapping[str, Fingerprint], in_body: Collection[str]
) -> dict[str, str]:
    """For entries under keys never seen, the keys that they were known by before, as far as there are any."""
    absent: dict[str, list[Fingerprint]] = defaultdict(list)
    if fresh:
        for key in sorted(known.keys() - in_body):
            alias = known[key].alias
            if alias:
                absent[alias[:_LINK]].append(known[key])
                absent[alias[_LINK:]].append(known[key])
    former: dict[str, str] = {}
    taken: set[str] = set()
    for key in sorted(fresh) if absent else ():
        alias = alias_of(fresh[key])
        for seen in (*absent.get(alias[:_LINK], ()), *absent.get(alias[_LINK:], ())):
            if seen.entry_key not in taken and _is_same(fresh[key], alias, seen):
                former[key] = seen.entry_key
                taken.add(seen.entry_key)
                break
    return former


def _is_same(entry: ParsedEntry, alias: str, seen: Fingerprint) -> bool:
    if alias[_LINK:] == seen.alias[_LINK:]:
        return True
    is_numbered = _stem(key_of(entry)) == _stem(seen.entry_key)
    return alias[:_LINK] == seen.alias[:_LINK] and (is_numbered or entry.content_hash[:HALF] == seen.content[:HALF])


def _stem(key: str) -> str:
    return _NUMBERED.sub("", key)


def _narrow_key(entry: ParsedEntry) -> str:
    """The key of an entry that shares its plain key with others in the same body."""
    return ids.hash_id("entry", key_of(entry), urls.identity(entry.url) if entry.guid else entry.title)


def _bounded(key: str) -> str:
    return key if len(key) <= KEY_LIMIT else ids.hash_id("key", key)


def _version(entry: ParsedEntry) -> tuple[str, str]:
    """What orders the versions of one entry: the date of change as far as it is known, then anything fixed."""
    changed = entry.modified or entry.published
    return (changed.isoformat() if changed else "", fingerprint(entry))


def _address(url: str) -> str:
    """What the addresses of one entry have in common at two polls."""
    parts = urlsplit(urls.identity(url))
    kept = [piece for piece in parts.query.split("&") if not _SESSION.fullmatch(piece.partition("=")[0])]
    path = _PATH_SESSION.sub("", parts.path)
    # A fragment tells the entries of a live blog apart.
    return urlunsplit(parts._replace(path=path, query="&".join(kept), fragment=urldefrag(url).fragment))


def _without_query(address: str) -> str:
    return urlunsplit(urlsplit(address)._replace(query=""))
