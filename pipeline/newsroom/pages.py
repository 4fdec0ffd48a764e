"""An article as its outlet's page: the text among all that stands around it on a real page.

The page's frame is a template of the outlet's own in templates/ (string.Template); `_LAYOUTS` says how paragraphs and
pictures are marked up there, and what an outlet pushes in between paragraphs. The noise is of the kinds that were
counted in recorded pages: navigation, share bars, read-more links, credits, reading times, newsletter and cookie text.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Any

from pipeline.newsroom.outlets import FEED_TYPES, Outlet
from pipeline.newsroom.world import Published

WORDS_PER_MINUTE = 200  # for the reading time
_RELATED = 4  # links under an article
_MONTHS_DE = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    paragraph: str = "<p>{text}</p>"
    figure: str
    between: Mapping[int, str] = field(default_factory=dict)  # after that many paragraphs; {url} and {title} of another


_LAYOUTS = {
    "meridian": _Layout(
        figure='<figure><img src="{image}" alt="{text}"><figcaption>{text} '
        '<span class="credit">Photo: {credit}</span></figcaption></figure>',
        between={
            3: '<p class="read-more"><strong>Read more:</strong> <a href="{url}">{title}</a></p>',
            6: '<aside class="newsletter"><h3>Morning Wire</h3><p>Sign up for our newsletter and get the most '
            "important stories every morning.</p></aside>",
        },
    ),
    "coastgazette": _Layout(
        paragraph='<p class="text__par">{text}</p>',
        figure='<div class="picture"><img src="{image}" alt=""><div class="picture__caption">{text} '
        '<span class="picture__credit">Photograph: {credit}</span></div></div>',
        between={
            2: '<div class="promo">READ MORE: <a href="{url}">{title}</a></div>',
            4: '<div class="ad">Advertisement</div>',
        },
    ),
    "harrowpost": _Layout(
        paragraph="{text}<BR><BR>",
        figure='<DIV><IMG SRC="{image}"><DIV CLASS="caption">{text} (Pic: {credit})</DIV></DIV>',
        between={5: '<P>See also: <A HREF="{url}">{title}</A></P>'},
    ),
    "northernledger": _Layout(
        paragraph='<div data-block="text"><p>{text}</p></div>',
        figure='<div data-block="image"><figure><picture><img src="{image}"></picture><figcaption>'
        '<span data-testid="caption">{text}</span><span class="css-8e1 credit">Photo: {credit}</span></figcaption>'
        "</figure></div>",
        between={
            4: '<div data-block="related"><p>Related: <a href="{url}">{title}</a></p></div>',
            7: '<div data-block="newsletter"><p>Enjoying this? Sign up for our weekly newsletter.</p></div>',
        },
    ),
    "capitaldaily": _Layout(
        paragraph='<p align="justify">{text}</p>',
        figure='<div class="wp-caption"><img src="{image}" /><p class="wp-caption-text">{text} [{credit}]</p></div>',
        between={3: '<p><b>READ ALSO: <a href="{url}">{title}</a></b></p>'},
    ),
    "openfield": _Layout(
        figure='<figure class="wp-block-image"><img src="{image}" alt=""/><figcaption class="wp-element-caption">'
        "{text} <em>Image: {credit}</em></figcaption></figure>",
        between={5: '<p class="see-also">See also: <a href="{url}">{title}</a></p>'},
    ),
    "morgenkurier": _Layout(
        paragraph='<p class="absatz">{text}</p>',
        figure='<figure><img src="{image}" alt="{text}"><figcaption>{text} <small>Foto: {credit}</small></figcaption>'
        "</figure>",
        between={
            2: '<p class="lesen-sie-auch">Lesen Sie auch: <a href="{url}">{title}</a></p>',
            5: '<div class="newsletter"><p>Jeden Morgen das Wichtigste: Jetzt Newsletter abonnieren!</p></div>',
        },
    ),
    "plain": _Layout(
        figure='<figure><img src="{image}"><figcaption>{text} <em>Photo: {credit}</em></figcaption></figure>',
    ),
}


def render(article: Published, shown: Sequence[Published], origin: str) -> bytes:
    """The page as UTF-8.

    Args:
        article: what the page is about.
        shown: the outlet's articles of the round; the page links to some of them.
        origin: the start of the outlet's addresses, e.g. `http://meridian.localhost:8080`.
    """
    outlet = article.outlet
    others = [other for other in shown if other is not article][:_RELATED]
    related = "".join(f'<li><a href="{escape(other.path)}">{escape(other.title)}</a></li>' for other in others)
    words = sum(len(paragraph.split()) for paragraph in article.paragraphs)
    page = _template(outlet.layout).substitute(
        lang=article.language,
        outlet=escape(outlet.name),
        title=escape(article.title),
        summary=escape(article.summary),
        section=escape(article.section),
        author=escape(article.author),
        tags=escape(", ".join(article.tags)),
        url=escape(origin + article.path),
        feed_url=escape(origin + outlet.feed_path),
        image=_image(article, origin, 1),
        published=_printed(article.published_at, outlet),
        published_iso=article.published_at.astimezone(outlet.timezone).isoformat(),
        modified_iso=article.modified_at.astimezone(outlet.timezone).isoformat(),
        minutes=max(1, round(words / WORDS_PER_MINUTE)),
        latest=escape(shown[0].title),
        news_article=_json_ld(_news_article(article, origin)),
        graph=_json_ld({"@context": "https://schema.org", "@graph": _graph(article, origin)}),
        related=related,
        body=_body(article, others, origin),
    )
    return page.encode()


def home(outlet: Outlet, shown: Sequence[Published], origin: str) -> bytes:
    """The outlet's front page as UTF-8: its headlines, and where its feed is."""
    headlines = "".join(f'<li><a href="{escape(article.path)}">{escape(article.title)}</a></li>' for article in shown)
    return (
        f'<!DOCTYPE html>\n<html lang="{outlet.language}">\n<head><meta charset="utf-8">'
        f"<title>{escape(outlet.name)}</title>"
        f'<link rel="alternate" href="{escape(origin + outlet.feed_path)}" type="{FEED_TYPES[outlet.feed_format]}">'
        f"</head>\n<body><h1>{escape(outlet.name)}</h1><ul>{headlines}</ul></body>\n</html>\n"
    ).encode()


def expired(outlet: Outlet) -> bytes:
    """What stands where an article was, as UTF-8."""
    return (
        f'<!DOCTYPE html>\n<html lang="{outlet.language}">\n<head><meta charset="utf-8">'
        f"<title>Page not available | {escape(outlet.name)}</title></head>\n"
        f"<body><h1>{escape(outlet.name)}</h1><p>This page is no longer available.</p></body>\n</html>\n"
    ).encode()


def _body(article: Published, others: Sequence[Published], origin: str) -> str:
    layout = _LAYOUTS[article.outlet.layout]
    pieces: list[str] = []
    for number, paragraph in enumerate(article.paragraphs):
        if others and number in layout.between:
            pieces.append(layout.between[number].format(url=escape(others[0].path), title=escape(others[0].title)))
        pieces.append(layout.paragraph.format(text=escape(paragraph, quote=False)))
        if number % 4 == 0 and number // 4 < len(article.captions):
            picture = number // 4
            caption = article.captions[picture]
            pieces.append(
                layout.figure.format(
                    image=_image(article, origin, picture + 1),
                    text=escape(caption.text),
                    credit=escape(caption.credit or ""),
                )
            )
    return "\n".join(pieces)


def _news_article(article: Published, origin: str) -> dict[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "description": article.summary,
        "url": origin + article.path,
        "datePublished": article.published_at.astimezone(article.outlet.timezone).isoformat(),
        "dateModified": article.modified_at.astimezone(article.outlet.timezone).isoformat(),
        "author": [{"@type": "Person", "name": article.author}],
        "publisher": {"@type": "NewsMediaOrganization", "name": article.outlet.name},
        "image": [_image(article, origin, 1)],
        "articleSection": article.section,
        "keywords": list(article.tags),
    }


def _graph(article: Published, origin: str) -> list[dict[str, Any]]:
    page = {"@type": "WebPage", "@id": origin + article.path, "name": article.title}
    site = {"@type": "WebSite", "@id": f"{origin}/#site", "name": article.outlet.name}
    news = {key: value for key, value in _news_article(article, origin).items() if key != "@context"}
    news["author"] = {"@id": f"{origin}/#author"}
    author = {"@type": "Person", "@id": f"{origin}/#author", "name": article.author}
    return [site, page, news, author]


def _json_ld(thing: dict[str, Any]) -> str:
    return json.dumps(thing, ensure_ascii=False).replace("</", "<\\/")


def _image(article: Published, origin: str, number: int) -> str:
    return f"{origin}/img/{article.id}-{number}.jpg"


def _printed(at: dt.datetime, outlet: Outlet) -> str:
    at = at.astimezone(outlet.timezone)
    match outlet.layout:
        case "morgenkurier":
            return f"{at.day}. {_MONTHS_DE[at.month - 1]} {at.year}, {at:%H:%M} Uhr"
        case "capitaldaily" | "openfield":
            return f"{at:%B} {at.day}, {at.year}"
        case "harrowpost":
            return f"Last updated {at:%H:%M} {at:%A} {at.day} {at:%B} {at.year}"
        case _:
            return f"{at.day} {at:%B} {at.year}, {at:%H:%M} GMT"


@cache
def _template(layout: str) -> Template:
    return Template(resources.files(__package__).joinpath("templates", f"{layout}.html").read_text(encoding="utf-8"))
