"""The newsroom's outlets: what each publishes, in which form, and what is awkward about it."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class FeedFormat(StrEnum):
    """The form of an outlet's feed."""

    RSS20 = "rss20"
    RSS20_FULL = "rss20_full"  # with content:encoded
    RDF = "rdf"  # RSS 1.0
    ATOM = "atom"
    JSON_FEED = "json_feed"


FEED_TYPES = {
    FeedFormat.RSS20: "application/rss+xml",
    FeedFormat.RSS20_FULL: "application/rss+xml",
    FeedFormat.RDF: "application/rdf+xml",
    FeedFormat.ATOM: "application/atom+xml",
    FeedFormat.JSON_FEED: "application/feed+json",
}


class Trouble(StrEnum):
    """What is wrong with an outlet."""

    MALFORMED_FEED = "malformed_feed"  # the last entry's tags are never closed
    SLOW_PAGES = "slow_pages"
    PAGES_DOWN = "pages_down"  # 500
    FEED_DOWN = "feed_down"  # 500
    ROBOTS_FORBID = "robots_forbid"  # robots.txt disallows everything but the feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A news outlet; its address is `http://{host}.localhost:PORT/`."""

    host: str
    name: str
    feed_path: str
    feed_format: FeedFormat
    article_path: str  # with {id}, {slug}, {section} and {date}
    layout: str  # the page template
    language: str = "en"
    utc_offset_h: int = 0
    dateline: str = ""  # how a dateline is printed, with {place} and {date}; "" for an outlet that prints none
    has_guids: bool = True
    has_dates: bool = True
    has_etags: bool = True
    has_last_modified: bool = True
    trouble: Trouble | None = None

    @property
    def timezone(self) -> dt.timezone:
        """The zone that the outlet prints its times in."""
        return dt.timezone(dt.timedelta(hours=self.utc_offset_h))


OUTLETS = (
    Outlet(
        host="meridian",
        name="Meridian News Agency",
        feed_path="/feed.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/{section}/{date:%Y/%m/%d}/{slug}-{id}",
        layout="meridian",
        dateline="{place}, {date:%b} {date.day} (Meridian) - ",
    ),
    Outlet(
        host="coastgazette",
        name="The Coast Gazette",
        feed_path="/atom.xml",
        feed_format=FeedFormat.ATOM,
        article_path="/news/{slug}.html",
        layout="coastgazette",
        has_last_modified=False,
    ),
    Outlet(
        host="harrowpost",
        name="The Harrow Post",
        feed_path="/rss.php?section=all",
        feed_format=FeedFormat.RSS20,
        article_path="/article.php?id={id}",
        layout="harrowpost",
        has_guids=False,
        has_etags=False,
    ),
    Outlet(
        host="northernledger",
        name="Northern Ledger",
        feed_path="/feed.json",
        feed_format=FeedFormat.JSON_FEED,
        article_path="/{section}/{slug}",
        layout="northernledger",
    ),
    Outlet(
        host="capitaldaily",
        name="Capital Daily",
        feed_path="/index.rdf",
        feed_format=FeedFormat.RDF,
        article_path="/a/{id}/{slug}/",
        layout="capitaldaily",
        has_dates=False,
        has_etags=False,
        has_last_modified=False,
    ),
    Outlet(
        host="openfield",
        name="Open Field",
        feed_path="/feed/",
        feed_format=FeedFormat.RSS20_FULL,
        article_path="/{date:%Y/%m}/{slug}/",
        layout="openfield",
        utc_offset_h=1,
    ),
    Outlet(
        host="morgenkurier",
        name="Morgenkurier",
        feed_path="/rss/nachrichten.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/artikel/{id}-{slug}.html",
        layout="morgenkurier",
        language="de",
        utc_offset_h=1,
    ),
    Outlet(
        host="tideline",
        name="Tideline",
        feed_path="/feed.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/{slug}",
        layout="plain",
        trouble=Trouble.MALFORMED_FEED,
    ),
    Outlet(
        host="slowriver",
        name="Slow River",
        feed_path="/feed.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/{slug}",
        layout="plain",
        trouble=Trouble.SLOW_PAGES,
    ),
    Outlet(
        host="quarry",
        name="The Quarry",
        feed_path="/feed.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/{slug}",
        layout="plain",
        trouble=Trouble.PAGES_DOWN,
    ),
    Outlet(
        host="vault",
        name="Vault",
        feed_path="/feed.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/{slug}",
        layout="plain",
        trouble=Trouble.ROBOTS_FORBID,
    ),
    Outlet(
        host="darkwire",
        name="Dark Wire",
        feed_path="/feed.xml",
        feed_format=FeedFormat.RSS20,
        article_path="/{slug}",
        layout="plain",
        trouble=Trouble.FEED_DOWN,
    ),
)
