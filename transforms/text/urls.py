"""Addresses of articles: cleaned for storing, folded for identity, and the site that they belong to. Pure functions."""

import ipaddress
import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

import courlan

URL_LIMIT = 2_048  # characters: what browsers and the sitemap protocol accept; a longer address is kept as it is

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Left as they are when a path or query is quoted: RFC 3986's reserved and unreserved characters and the percent sign.
_SAFE = "%/:@!$&'()*+,;=~-._?[]"
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_CONTROL = re.compile(r"[\x00-\x20\x7f]+")

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
    return urlunsplit((parts.scheme, _host_port(parts), _quoted(parts.path) or "/", _quoted("&".join(kept)), ""))


def identity(url: str) -> str:
    """What two addresses of one article have in common: `cleaned`, without scheme and without a trailing slash.

    http and https of one address are one article, as are `/a` and `/a/`. Never shown, only hashed.
    """
    parts = _split(url := cleaned(url))
    if parts is None:
        return url
    return urlunsplit(("", parts.netloc, parts.path.rstrip("/") or "/", parts.query, ""))


def site(url: str) -> str:
    """The registered domain of `url`, by the public suffix list with its private part (a.blogspot.com is a site).

    A host that has none (localhost and its subdomains, an IP address, an intranet name) is a site of its own, without
    the port and "www.". "" for what is no http(s) address.
    """
    parts = _split(_CONTROL.sub("", url))
    if parts is None:
        return ""
    host = _host(parts)
    if _is_address(host):
        return host
    return courlan.extract_domain(f"{parts.scheme}://{host}/") or host.removeprefix("www.")


def canonical(page_url: str, claims: tuple[str | None, ...]) -> str:
    """The address that identifies the article at `page_url`.

    Args:
        page_url: the address that answered.
        claims: what the page says of itself, most trusted first (rel=canonical, og:url, JSON-LD), absolute or relative.

    Returns:
        The first claim on the page's own site that is not the site's home page, cleaned; else the page's own address,
        cleaned. A page cannot claim another site's article as itself, nor all articles one address.
    """
    own = _split(cleaned(page_url))
    for claim in claims:
        if not claim or own is None:
            continue
        try:
            url = cleaned(urljoin(page_url, claim.strip()))
        except ValueError:
            continue
        parts = _split(url)
        if parts is None or len(url) > URL_LIMIT or site(url) != site(page_url):
            continue
        is_home = parts.path == "/" and not parts.query
        if not is_home or (own.path == "/" and not own.query):
            return url
    return cleaned(page_url)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:  # a bad port or a bad IPv6 literal
        return None
    return parts if usable else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".") or "."


def _host_port(parts: SplitResult) -> str:
    host = _host(parts)
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{parts.port}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    quoted = quote(text, safe=_SAFE, errors="replace")
    return _ESCAPE.sub(lambda escape: escape[0].upper(), quoted)
