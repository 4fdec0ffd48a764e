"""An outlet's articles as its feed, in the outlet's format."""

import datetime as dt
import email.utils
import json
from collections.abc import Sequence
from html import escape

from pipeline.newsroom.outlets import FeedFormat, Outlet, Trouble
from pipeline.newsroom.world import Published


def render(outlet: Outlet, articles: Sequence[Published], origin: str) -> bytes:
    """The feed as UTF-8.

    Args:
        outlet: whose feed it is.
        articles: its entries, in the order they are to stand in.
        origin: the start of the outlet's addresses, e.g. `http://meridian.localhost:8080`.
    """
    match outlet.feed_format:
        case FeedFormat.RSS20 | FeedFormat.RSS20_FULL:
            words = _rss20(outlet, articles, origin)
        case FeedFormat.RDF:
            words = _rdf(outlet, articles, origin)
        case FeedFormat.ATOM:
            words = _atom(outlet, articles, origin)
        case FeedFormat.JSON_FEED:
            words = _json_feed(outlet, articles, origin)
    return words.encode()


def _rss20(outlet: Outlet, articles: Sequence[Published], origin: str) -> str:
    is_cut = outlet.trouble is Trouble.MALFORMED_FEED
    entries = [_rss20_entry(outlet, article, origin, is_cut=is_cut and article is articles[-1]) for article in articles]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/">\n<channel>\n'
        f"<title>{escape(outlet.name)}</title>\n<link>{origin}/</link>\n"
        f"<description>News from {escape(outlet.name)}</description>\n<language>{outlet.language}</language>\n"
        + "".join(entries)
        + ("" if is_cut else "</channel>\n</rss>\n")
    )


def _rss20_entry(outlet: Outlet, article: Published, origin: str, *, is_cut: bool) -> str:
    link = escape(origin + article.feed_path)
    lines = ["<item>", f"<title>{escape(article.feed_title)}</title>", f"<link>{link}</link>"]
    if outlet.has_guids:
        lines.append(f'<guid isPermaLink="false">{outlet.host}-{article.id}</guid>')
    if outlet.has_dates:
        lines.append(f"<pubDate>{_rfc822(article.published_at, outlet)}</pubDate>")
    lines.append(f"<dc:creator>{escape(article.author)}</dc:creator>")
    lines.append(f"<description>{escape(article.summary)}</description>")
    if is_cut:  # a bare ampersand, tags that are never closed, and the end of the file
        return "\n".join([*lines, "<category>Tides & weather<br>"])
    lines += [f"<category>{escape(tag)}</category>" for tag in article.tags]
    if outlet.feed_format is FeedFormat.RSS20_FULL:
        lines.append(f"<content:encoded><![CDATA[{_content(article)}]]></content:encoded>")
    return "\n".join([*lines, "</item>", ""])


def _rdf(outlet: Outlet, articles: Sequence[Published], origin: str) -> str:
    links = [escape(origin + article.feed_path) for article in articles]
    listed = "".join(f'<rdf:li rdf:resource="{link}"/>' for link in links)
    entries = "".join(
        f'<item rdf:about="{link}">\n<title>{escape(article.feed_title)}</title>\n<link>{link}</link>\n'
        f"<description>{escape(article.summary)}</description>\n<dc:subject>{escape(article.section)}</dc:subject>\n"
        "</item>\n"
        for article, link in zip(articles, links, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f'<channel rdf:about="{origin}/">\n<title>{escape(outlet.name)}</title>\n<link>{origin}/</link>\n'
        f"<description>{escape(outlet.name)}</description>\n<items><rdf:Seq>{listed}</rdf:Seq></items>\n</channel>\n"
        f"{entries}</rdf:RDF>\n"
    )


def _atom(outlet: Outlet, articles: Sequence[Published], origin: str) -> str:
    newest = max((article.listed_at for article in articles), default=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    entries = "".join(
        f"<entry>\n<id>tag:{outlet.host}.localhost,2025:{article.id}</id>\n"
        f'<title type="html">{escape(escape(article.feed_title, quote=False))}</title>\n'
        f'<link rel="alternate" type="text/html" href="{escape(origin + article.feed_path)}"/>\n'
        f"<published>{article.published_at.isoformat()}</published>\n"
        f"<updated>{article.listed_at.isoformat()}</updated>\n"
        f"<author><name>{escape(article.author)}</name></author>\n"
        f'<summary type="text">{escape(article.summary)}</summary>\n</entry>\n'
        for article in articles
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{outlet.language}">\n<id>{origin}/</id>\n'
        f"<title>{escape(outlet.name)}</title>\n<updated>{newest.isoformat()}</updated>\n"
        f'<link href="{origin}/"/>\n<link rel="self" href="{origin}{outlet.feed_path}"/>\n{entries}</feed>\n'
    )


def _json_feed(outlet: Outlet, articles: Sequence[Published], origin: str) -> str:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.name,
        "home_page_url": f"{origin}/",
        "feed_url": origin + outlet.feed_path,
        "language": outlet.language,
        "items": [
            {
                "id": f"{outlet.host}-{article.id}",
                "url": origin + article.feed_path,
                "title": article.feed_title,
                "summary": article.summary,
                "content_text": article.summary,
                "date_published": article.published_at.isoformat(),
                "date_modified": article.listed_at.isoformat(),
                "authors": [{"name": article.author}],
                "tags": article.tags,
            }
            for article in articles
        ],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1)


def _content(article: Published) -> str:
    return "".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in article.paragraphs)


def _rfc822(at: dt.datetime, outlet: Outlet) -> str:
    return email.utils.format_datetime(at.astimezone(outlet.timezone))
