"""The newsroom: a loopback news site whose rounds advance on request.

In: a seed and a round, which decide every byte that is served but the port in its addresses.
Out: outlets at `http://NAME.localhost:PORT/`, each with a feed, pages, a robots.txt and its own way of being awkward;
and `Newsroom.truth`, what a correct pipeline finds there.

On every host, `POST /-/advance` starts the next round and `GET /-/state` tells what was asked for, both as JSON;
`GET /feeds.txt` lists the feeds. Every other method than GET and HEAD gets 405.
"""

import datetime as dt
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pipeline.newsroom import feeds, pages
from pipeline.newsroom.loopback import Answer, Asked, LoopbackServer, conditional, text
from pipeline.newsroom.outlets import FEED_TYPES, OUTLETS, Outlet, Trouble
from pipeline.newsroom.world import AGENCY, LAST_ROUND, STORY, Link, Published, edition
from schemas.enums import Availability, Change, PubStatus, Source
from schemas.records import Caption

_OUTLETS: Mapping[str, Outlet] = {outlet.host: outlet for outlet in OUTLETS}
_OK = 200
_EPOCH = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)  # Last-Modified of what never changes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueArticle:
    """What a correct pipeline knows about an article after a round, having polled in every round."""

    url: str  # the page's address, after redirects
    former_urls: tuple[str, ...]  # where the page stood before
    feed_url: str  # the address that the feed links to
    outlet: str  # host name without .localhost
    source: Source  # feed where the page cannot be had: then `body` is the summary
    title: str
    feed_title: str
    summary: str
    body: tuple[str, ...]  # paragraphs; dateline, corrections and agency line are part of the text
    captions: tuple[Caption, ...]
    credits: tuple[str, ...]  # the agency that a copy names
    language: str
    published_at: dt.datetime
    change: Change  # what the newest version of the page is
    changed_in: int  # the round that brought it
    pub_status: PubStatus
    availability: Availability  # gone once its page has expired, which takes a second look to know
    copy_of: str | None  # the original's `url`
    is_excerpt: bool  # of a copy: whether it holds a small part only


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a correct pipeline knows after a round."""

    articles: tuple[TrueArticle, ...]  # newest first
    copies: tuple[tuple[str, str], ...]  # (copy, original), both `TrueArticle.url`

    @property
    def kill_exposure(self) -> tuple[str, ...]:
        """The copies that are still up of articles that were killed."""
        killed = {article.url for article in self.articles if article.pub_status is not PubStatus.USABLE}
        return tuple(copy for copy, original in self.copies if original in killed and copy not in killed)


class Newsroom:
    """Serves the newsroom's outlets while its `with` block lasts.

    Args:
        seed: chooses names, figures and minutes in the articles.
        rounds: the last round, 1 to `LAST_ROUND`; `advance` stays there.
        host: the address to listen on.
        port: the port, or 0 for a free one.
        slow_s: seconds that a page of the slow outlet takes.
        advance_after_polls: whether the round advances by itself when a feed is asked for again after every feed that
            answers was asked for in this round.

    Raises:
        OSError: on entering, when the port cannot be listened on.
    """

    def __init__(
        self,
        seed: int = 7,
        rounds: int = LAST_ROUND,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        slow_s: float = 2.0,
        advance_after_polls: bool = False,
    ) -> None:
        if not 1 <= rounds <= LAST_ROUND:
            raise ValueError(f"the newsroom has rounds 1 to {LAST_ROUND}, not {rounds}")
        self._seed = seed
        self._rounds = rounds
        self._slow_s = slow_s
        self._advance_after_polls = advance_after_polls
        self._lock = threading.Lock()
        self._round = 1
        self._polled: set[str] = set()
        self._server = LoopbackServer(self._answer, host, port)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.port

    @property
    def feeds(self) -> list[str]:
        """The addresses of all feeds, the one that is down included."""
        return [self._server.origin(outlet.host) + outlet.feed_path for outlet in OUTLETS]

    @property
    def requests(self) -> Counter[str]:
        """How often each address was asked for, whatever was answered; a copy."""
        return self._server.requests

    @property
    def round(self) -> int:
        """The round that is shown."""
        with self._lock:
            return self._round

    def advance(self) -> int:
        """Start the next round, if there is one; returns the round that is shown now."""
        with self._lock:
            return self._next_round()

    def truth(self) -> Truth:
        """What a correct pipeline knows after the present round."""
        articles = tuple(self._true(article) for article in edition(self._seed, self.round))
        return Truth(
            articles=articles,
            copies=tuple((article.url, article.copy_of) for article in articles if article.copy_of),
        )

    def _true(self, article: Published) -> TrueArticle:
        origin = self._server.origin(article.outlet.host)
        has_page = article.link is not Link.MISSING and article.outlet.trouble not in {
            Trouble.PAGES_DOWN,
            Trouble.ROBOTS_FORBID,
        }
        original = article.original
        return TrueArticle(
            url=origin + article.path,
            former_urls=tuple(origin + path for path in article.former_paths),
            feed_url=origin + article.feed_path,
            outlet=article.outlet.host,
            source=Source.WEB if has_page else Source.FEED,
            title=article.title,
            feed_title=article.feed_title,
            summary=article.summary,
            body=article.paragraphs if has_page else (article.summary,),
            captions=article.captions if has_page else (),
            credits=(AGENCY,) if article.credit else (),
            language=article.language,
            published_at=article.published_at,
            change=article.change,
            changed_in=article.changed_in,
            pub_status=article.pub_status,
            availability=Availability.LIVE if article.page_status == _OK else Availability.GONE,
            copy_of=self._server.origin(original.outlet.host) + original.path if original else None,
            is_excerpt=article.is_excerpt,
        )

    def _next_round(self) -> int:
        self._round = min(self._round + 1, self._rounds)
        self._polled.clear()
        return self._round

    def _polled_round(self, outlet: Outlet) -> int:
        """The round that a poll of the outlet's feed sees."""
        with self._lock:
            healthy = {other.host for other in OUTLETS if other.trouble is not Trouble.FEED_DOWN}
            if self._advance_after_polls and outlet.host in self._polled and healthy <= self._polled:
                self._next_round()
            self._polled.add(outlet.host)
            return self._round

    def _answer(self, asked: Asked) -> Answer:
        if (asked.method, asked.target) == ("POST", "/-/advance"):
            self.advance()
            return self._state()
        if asked.method not in {"GET", "HEAD"}:
            return text(405, "method not allowed\n")
        if asked.target == "/-/state":
            return self._state()
        if asked.target == "/feeds.txt":
            return text(200, "".join(f"{feed}\n" for feed in self.feeds))
        outlet = _OUTLETS.get(asked.host)
        return self._of_outlet(asked, outlet) if outlet else text(404, "no such outlet\n")

    def _of_outlet(self, asked: Asked, outlet: Outlet) -> Answer:
        if asked.target == "/robots.txt":
            return text(200, _robots(outlet))
        if asked.target == outlet.feed_path:
            return self._feed(asked, outlet)
        if asked.target == "/":
            shown = _standing(self._published(outlet, self.round))
            return Answer(body=pages.home(outlet, shown, self._server.origin(outlet.host)))
        if outlet.trouble is Trouble.PAGES_DOWN:
            return text(500, "internal server error\n")
        return self._page(asked, outlet)

    def _feed(self, asked: Asked, outlet: Outlet) -> Answer:
        round_no = self._polled_round(outlet)
        if outlet.trouble is Trouble.FEED_DOWN:
            return text(500, "internal server error\n")
        published = self._published(outlet, round_no)
        listed = [article for article in published if article.is_listed]
        return conditional(
            asked,
            Answer(
                content_type=f"{FEED_TYPES[outlet.feed_format]}; charset=utf-8",
                body=feeds.render(outlet, listed, self._server.origin(outlet.host)),
            ),
            has_etag=outlet.has_etags,
            last_modified=_changed_at(published) if outlet.has_last_modified else None,
        )

    def _page(self, asked: Asked, outlet: Outlet) -> Answer:
        published = self._published(outlet, self.round)
        for article in published:
            if article.link is Link.MISSING:
                continue
            if asked.target in article.former_paths:
                return Answer(status=301, headers={"Location": article.path})
            if asked.target == article.feed_path != article.path:
                return Answer(status=302, headers={"Location": article.path})
            if asked.target != article.path:
                continue
            if article.page_status != _OK:
                return Answer(status=article.page_status, body=pages.expired(outlet))
            return conditional(
                asked,
                Answer(
                    body=pages.render(article, _standing(published), self._server.origin(outlet.host)),
                    drip_s=self._slow_s if outlet.trouble is Trouble.SLOW_PAGES else 0.0,
                ),
                has_etag=outlet.has_etags,
                last_modified=_changed_at(published) if outlet.has_last_modified else None,
            )
        return text(404, "not found\n")

    def _state(self) -> Answer:
        state = {
            "seed": self._seed,
            "round": self.round,
            "rounds": self._rounds,
            "feeds": self.feeds,
            "requests": self.requests,
        }
        return Answer(content_type="application/json", body=json.dumps(state, indent=1).encode())

    def _published(self, outlet: Outlet, round_no: int) -> list[Published]:
        return [article for article in edition(self._seed, round_no) if article.outlet is outlet]


def story_url(newsroom: Newsroom) -> str:
    """The address of the article that the demo follows: a flash, then updated, copied, corrected, killed, restored."""
    articles = newsroom.truth().articles
    return next(article.url for article in articles if STORY in article.url and article.copy_of is None)


def _robots(outlet: Outlet) -> str:
    if outlet.trouble is Trouble.ROBOTS_FORBID:
        return f"User-agent: *\nAllow: {outlet.feed_path}\nDisallow: /\n"
    return "User-agent: *\nDisallow: /account/\n"


def _standing(published: list[Published]) -> list[Published]:
    """Those whose pages have not expired."""
    return [article for article in published if article.page_status == _OK]


def _changed_at(published: list[Published]) -> dt.datetime:
    # a page links to the others, so what changes one of them changes all
    return max((article.listed_at for article in published), default=_EPOCH)
