"""What a file is, by its name and its first bytes: pure functions."""

import codecs
import re
from enum import StrEnum

import msgspec

HEAD_BYTES = 65_536  # of a file that are looked at
# The first element that tells; lists of feeds and wire formats hold elements of the others' names.
_ROOT = re.compile(
    rb"<(?:[\w.-]{1,40}:)?(?:(?P<feed>rss|rdf|feed)|(?P<sitemap>urlset|sitemapindex)|html|head|body"
    rb"|(?P<other>opml|nitf|news(?:ml|item|message)))(?=[\s>/])|<!doctype\s{1,9}html(?=[\s>])",
    re.IGNORECASE,
)
_JSON_FEED = re.compile(rb"jsonfeed\.org/version/|\"items\"\s{0,9}:\s{0,9}\[")


class Kind(StrEnum):
    """What a backfill can read; the values are words for a person."""

    WARC = "WARC"
    ADDRESSES = "list of addresses"
    TABLE = "table of addresses"
    JSON_LINES = "JSON lines"
    PAGE = "page"
    FEED = "feed"
    SITEMAP = "sitemap"


# What a name says for certain; of .xml, .json, .txt and all others the first bytes tell.
ENDINGS = {
    ".warc": Kind.WARC,
    ".jsonl": Kind.JSON_LINES,
    ".ndjson": Kind.JSON_LINES,
    ".csv": Kind.TABLE,
    ".tsv": Kind.TABLE,
    ".html": Kind.PAGE,
    ".htm": Kind.PAGE,
    ".xhtml": Kind.PAGE,
    ".rss": Kind.FEED,
    ".atom": Kind.FEED,
    ".rdf": Kind.FEED,
}


def kind_of_name(path: str) -> Kind | None:
    """What a file's name says that it is; None if that is for its first bytes to tell."""
    name = path.rpartition("/")[2].lower().removesuffix(".gz")
    return ENDINGS.get(f".{name.rpartition('.')[2]}") if "." in name else None


def kind_of_content(head: bytes) -> Kind | None:
    """What a document is by its first bytes, gzip undone; None if it is nothing that can be read."""
    head = head[:HEAD_BYTES].removeprefix(codecs.BOM_UTF8).lstrip()
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode()
    if head.startswith(b"WARC/"):
        return Kind.WARC
    if head.startswith(b"{"):
        return Kind.FEED if _JSON_FEED.search(head) else _json_lines(head)
    if head.startswith(b"<"):
        root = _ROOT.search(head)
        if root is None or root["other"]:
            return None
        return Kind.FEED if root["feed"] else Kind.SITEMAP if root["sitemap"] else Kind.PAGE
    lines = (line.strip() for line in head.splitlines())
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    return Kind.ADDRESSES if first.lower().startswith((b"http://", b"https://")) else None


def _json_lines(head: bytes) -> Kind | None:
    first, line_feed, _ = head.partition(b"\n")
    if not line_feed and len(head) == HEAD_BYTES:
        return Kind.JSON_LINES  # one long line
    try:
        return Kind.JSON_LINES if isinstance(msgspec.json.decode(first), dict) else None
    except (msgspec.DecodeError, RecursionError):
        return None
