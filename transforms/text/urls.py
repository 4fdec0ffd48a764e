"""Addresses of articles: cleaned for storing, folded for identity, and the site that they belong to. Pure functions."""

import functools
import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import courlan

URL_LIMIT = 2_048  # characters: what browsers and the sitemap protocol accept; a longer address is kept as it is

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Left as they are when a path or query is quoted: RFC 3986's reserved and unreserved characters and the percent sign.
_SAFE = "%/:@!$&'()*+,;=~-._?[]"
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_CONTROL = re.compile(r"[\x00-\x20\x7f]+")

# How publishing systems name the variants of a page (WordPress and its AMP plug-in, Drupal, AEM, Escenic, Arc, TYPO3),
# and how web servers name a directory's document.
_VARIANT_HOSTS = frozenset({"www", "amp", "m", "mobile"})
_VARIANT_STARTS = frozenset({"amp", "print"})
_VARIANT_END = re.compile(r"(?:amp|print)(?:\.html?)?")
_VARIANT_PARAMETER = re.compile(r"(?:amp|print)(?:=(?:1|true|yes|on|amp)?)?|output(?:type)?=amp", re.IGNORECASE)
_AMP_FILE = re.compile(r"\.amp(\.html?)?$", re.IGNORECASE)
_INDEX = re.compile(r"(?:index|default)\.(?:html?|php|aspx?|jsp|cfm)")

_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d{6,14}(?![0-9A-Za-z])")
# 20251103, 2025110312, 202511, 251103 and 03112025; 1250000.
_NO_NUMBER = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-3]\d){0,1}(?:\d{2}|\d{4}|\d{6})?$"
    r"|\d\d(?:0[1-9]|1[0-2])[0-3]\d$|[0-3]\d(?:0[1-9]|1[0-2])(?:19|20)?\d\d$|\d+000$"
)

# Parameters that say where a reader came from, never what is shown. Sources: the query-stripping lists of Firefox and
# of AdGuard's TrackParamFilter, less whatever also names content on some sites ("ref", "source", "id").
_TRACKING = re.compile(
    r"(?:utm_[a-z_]*|at_(?:medium|campaign|custom\d*|format|link_[a-z]+|ptr_name|bbc_team)|ns_[a-z]+"
    r"|mtm_[a-z]+|pk_(?:campaign|kwd|keyword|source|medium|content|cid)"
    r"|hsa_[a-z]+|_hs(?:enc|mi)|oly_[a-z_]+|vero_[a-z]+|wt_[mz]c[a-z_]*|mc_[ce]id|mkt_tok|fbclid|gclid|gclsrc|dclid|gbraid"
    r"|wbraid|msclkid|yclid|ysclid|twclid|ttclid|igshid|igsh|li_fat_id|xtor|ocid|cmpid|ncid|smid|smtyp|s_cid|icid|spm"
    r"|__twitter_impression|traffic_source|guccounter|guce_referrer[a-z_]*)",
    re.IGNORECASE,
)


def cleaned(url: str) -> str:
    """`url` without what does not identify the page, else as it stands.

    Scheme and host become lower-case; a default port, credentials, the fragment and tracking parameters go; what must
    be percent-encoded is. Path and the order of parameters are the server's business and stay. Applying it twice
    changes nothing. What is no http(s) address comes back stripped of white space.
    """
    url = _CONTROL.sub("", url)
    parts = _split(url)
    if parts is None or len(url) > URL_LIMIT:
        return url
    kept = [piece for piece in parts.query.split("&") if piece and not _TRACKING.fullmatch(piece.partition("=")[0])]
    return urlunsplit(
        (parts.scheme, _netloc(parts, _host(parts)), _quoted(parts.path) or "/", _quoted("&".join(kept)), "")
    )


@functools.lru_cache(maxsize=1_024)  # an entry's address, the page's and its canonical one are mostly the same
def identity(url: str) -> str:
    """What the addresses of one article have in common: `cleaned`, without what says how the page is shown.

    http and https are one, as are `/a` and `/a/`, "www." and none, an AMP, mobile or print variant and the page that it
    is a variant of, a directory and its index document, and two orders of the same parameters. What may be an
    article's own id stays: every other segment of the path, every other parameter. Never shown, only hashed; folding
    twice changes nothing.
    """
    parts = _split(url := cleaned(url))
    if parts is None:
        return url
    pieces = [piece for piece in parts.query.split("&") if not _VARIANT_PARAMETER.fullmatch(piece)]
    query = "&".join(sorted(pieces, key=_parameter))
    path = "/" + "/".join(main_segments(url))
    return urlunsplit(("", _netloc(parts, _main_host(_host(parts))), path, query, ""))


def main_segments(url: str) -> list[str]:
    """The segments of the path, without those that name a variant of the page or its directory's index document."""
    parts = _split(url)
    segments = [segment for segment in parts.path.split("/") if segment] if parts else []
    while segments:
        first, last = segments[0].lower(), segments[-1].lower()
        if _INDEX.fullmatch(last) or (len(segments) > 1 and _VARIANT_END.fullmatch(last)):
            segments.pop()
        elif len(segments) > 1 and first in _VARIANT_STARTS:
            del segments[0]
        elif (plain := _AMP_FILE.sub(r"\1", segments[-1])) and plain != segments[-1]:
            segments[-1] = plain
        else:
            break
    return segments


@functools.lru_cache(maxsize=1_024)  # as above
def is_home(url: str) -> bool:
    """Whether `url` is a site's home page, or no http(s) address at all."""
    parts = _split(cleaned(url))
    return parts is None or not (main_segments(url) or parts.query)


def number(url: str) -> str | None:
    """The number by which a site knows the article at `url`, whatever words stand beside it; None if there is none.

    It stands in one of the last two segments of the path, has 6 to 14 digits, and is the only one there. One that can
    be read as a date is none, nor is a round one: headlines hold those.
    """
    found = set(_NUMBER.findall("/".join(main_segments(url)[-2:])))
    return next((each for each in found if len(found) == 1 and not _NO_NUMBER.match(each)), None)


def site(url: str) -> str:
    """The registered domain of `url`, by the public suffix list with its private part (a.blogspot.com is a site).

    A domain that is not on the list (localhost, an intranet's) is a public suffix by the list's own rule; an IP address
    and a bare name are sites of their own. "" for what is no http(s) address.
    """
    parts = _split(_CONTROL.sub("", url))
    return "" if parts is None else _registered(_host(parts))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:  # a bad port or a bad IPv6 literal
        return None
    return parts if usable else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".") or "."


def _netloc(parts: SplitResult, host: str) -> str:
    """`host`, with the port of `parts` if its scheme has another."""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{parts.port}"


@functools.lru_cache(maxsize=4_096)
def _registered(host: str) -> str:
    if _is_address(host):
        return host
    return courlan.extract_domain(f"https://{host}/") or ".".join(host.split(".")[-2:])


@functools.lru_cache(maxsize=4_096)
def _main_host(host: str) -> str:
    """The host that `host` shows the pages of in another form: never another site's."""
    label, _, rest = host.partition(".")
    if label in _VARIANT_HOSTS and rest and _registered(rest) == _registered(host):
        return _main_host(rest)
    return host


def _parameter(piece: str) -> str:
    return piece.partition("=")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    quoted = quote(text, safe=_SAFE, errors="replace")
    return _ESCAPE.sub(lambda escape: escape[0].upper(), quoted)
