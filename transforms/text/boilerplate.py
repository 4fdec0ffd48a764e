"""Paragraphs that are on the page but not of the article: what general extraction leaves in.

On recorded pages stock extraction left in the headline (21 % of pages), byline or date (14 %), read-more links (12 %),
photo credits (10 %), newsletter lines (6 %), share lines (5 %) and repeated lines (4 %). A rule here must hold on any
site: it knows kinds of lines, in the large European languages, and never a site or a story. Standfirsts stay: labelled
news counts them as text more often than not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import html

from transforms.text import captions, dates, markup

LINE_LIMIT = 250  # characters: a longer paragraph is prose, and only echoes and repetition are looked for
OPENING = 8  # paragraphs from the top: where headline, byline and date are printed
ENDING = 8  # paragraphs from the bottom: where bylines and rights are
REPEAT_LIMIT = 40  # characters: a shorter line may well be said twice (a refrain, "Yes.", a label)
TEASER_LIMIT = 500  # characters: what is longer is the story itself, under a careless name
CALL_LIMIT = 120  # characters
LABEL_LIMIT = 40  # characters and
LABEL_WORDS = 4  # words: a section or a name printed above the text
PROSE = 80  # characters: a paragraph of the text itself, not a line above it
LINK_LIMIT = 15  # characters: the text of a shorter link names no other story


# The words of each kind of line, then the line. No quantifier stands inside another without a fixed bound.
_READ = "(?:read(?:ing)?|lesezeit|lesen|lecture|lectura|leitura|lettura|leestijd|leestid|lezen|läsning|lesetid|чтения)"
_READING_TIME = (
    r"\W{0,5}"
    "(?:(?:estimated )?read(?:ing)?(?: time)?|lesezeit|(?:temps de )?lecture|tiempo de lectura"
    "|tempo d[ei] (?:leitura|lettura)|leestijd|lästid|lesetid|время чтения)"
    r"?\W{0,5}(?:about |ca\.? |environ )?\d{1,3}(?:\W{1,3}\d{1,2})?\W{0,3}(?:m|mins?|minut\w{0,3}|мин\w{0,3}|phút)"
    rf"\W{{0,5}}(?:(?:of |de |di |à )?{_READ})?(?: time)?\W{{0,5}}"
)

_BYLINE = (
    r"(?i:(?:written|posted|published|reported|words|story|text|reviewed|edited|updated|created)\s)?"
    r"(?:[Bb]y|BY|[Vv]on|[Pp]ar|[Pp]or)\s(?:[A-ZÀ-Þ][^\s,]{0,40}|[a-z]{1,3})"
    r"(?:[\s,|]{1,3}(?:[A-ZÀ-Þ(@][^\s,|]{0,40}|[a-z]{1,3}|&)){0,12}[.,|\s]{0,5}"
)
_STAMP = (
    r"\W{0,5}(?:first |last |originally |article )?"
    "(?:published|posted|updated|modified|last update|publié|mis à jour|veröffentlicht|aktualisiert|stand"
    "|publicado|actualizado|atualizado|pubblicato|aggiornato|gepubliceerd|oppdatert|publisert|uppdaterad"
    "|publicerad)"
    r"\b\D{0,40}\d.{0,60}"
)
_RIGHTS = (
    ".{0,200}"
    r"(?:copyright\s(?:©|\(c\)|ⓒ|\d{4}|by\b)|©\s?\w|\(c\)\s\d{4}|ⓒ|all rights reserved"
    "|material may not be published|alle rechte vorbehalten|tous droits réservés"
    "|todos los derechos reservados|todos os direitos reservados|無断転載|무단 ?전재)"
    ".{0,250}"
)

_NETWORK = (
    "(?:facebook|twitter|x|whatsapp|linked-?in|e-?mail|mail|pinterest|reddit|telegram|messenger|bluesky"
    "|threads|flipboard|tumblr|print|copy link)"
)
_SHARE = (
    r"\W{0,5}(?:(?:please |click to )?"
    "(?:share|tweet|pin|save|print|email|e-mail|send|copy|partager|teilen|compartir|compartilhe|compartilhar"
    "|condividi|delen|del)"
    rf"\b(?:\W{{1,5}}(?:{_NETWORK}|"
    "(?:this|the|it|on|via|to|with|by|article|story|post|page|link|friends?|a|options|url|now|and|more"
    "|copied|sur|auf|en|em|su|op|på)"
    rf")){{0,15}}|{_NETWORK}(?:\W{{1,5}}{_NETWORK}){{0,15}})\W{{0,5}}"
)
_NEWSLETTER = (
    r"(?:.{0,60}\b(?:sign up|subscribe|register)\b.{0,60}"
    r"\b(?:newsletters?|inbox|mailing list|e-?mail (?:updates|alerts|list)|daily briefing)\b.{0,250}"
    r"|.{0,80}\b(?:abonnieren sie|abonniere|inscrivez-vous|abonnez-vous|suscr[ií]bete|assine|inscreva-se|iscriviti"
    r"|meld je aan|schrijf je in)\b.{0,80}\b(?:newsletters?|infolettre|bolet[ií]n|nieuwsbrief)\b.{0,250}"
    r"|.{0,60}\bour (?:\w{1,20} ){0,3}newsletters?\b.{0,20}"
    r"|.{0,150}\b(?:delivered|straight|sent|right|directly) (?:straight |right |directly )?(?:to|into|in)"
    r" your (?:inbox|e-?mail|mailbox)\b.{0,250})"
)
_FURNITURE = (
    r"\W{0,5}"
    "(?:advertisement|advertising|anzeige|werbung|publicité|publicidad|publicidade|pubblicità"
    "|sponsored(?: content)?|(?:article|story|content) continues (?:after|below).{0,40}"
    "|scroll (?:down )?(?:to|for) .{0,40}|continue reading(?: below)?.{0,30}"
    "|skip (?:advertisement|to .{0,30})|loading|back to (?:top|the top|blogs?|news|articles|all .{0,20})"
    "|jump to (?:section|top|content).{0,20}|text size|font size|order reprints|play video|watch video"
    "|this article has been sent to|listen to this (?:article|story).{0,40}"
    r"|(?:\d{1,5}\s)?comments?(?: \(\d{1,5}\))?|leave a (?:comment|reply).{0,30}|post a comment"
    "|join the (?:conversation|discussion)|(?:view|show|hide) comments|no comments.{0,20}"
    r"|kommentare?(?: abgeben)?|commentaires?|comentarios|comentários|follow (?:us|me) (?:on|at)\b.{0,80}"
    "|like us on.{0,40}"
    r"|(?:tags?|topics?|keywords?|categories|schlagwörter|mots-clés|etiquetas)\s?:.{0,200}"
    r"|(?:filed|posted) (?:under|in)\b.{0,150}|(?:image|photo|picture) (?:caption|source|credit),.{0,100})"
    r"\W{0,5}"
)
# A heading that announces other stories may stand alone; before a link's text it is followed by a mark or the link.
_HEADING_END = r"(?=\W{0,3}$|\s?[:|])"
_READ_MORE = re.compile(
    r"\W{0,5}(?:read (?:more|also|next|this next)|also read|see also|more on this|more from|next article"
    r"|previous article|you (?:may|might) also (?:like|be)|what to read next|up next"
    r"|(?:read|more|watch|listen|see|don.t miss)(?=\s?[:|])"
    r"|(?:further reading|recommended(?: for you| reading| stories)?|related(?: stories| story| articles?| posts?"
    rf"| reading| content| coverage| news| topics| videos?)?){_HEADING_END}"
    r"|lesen sie (?:auch|mehr)|mehr zum thema|mehr lesen|(?:à |a )?lire (?:aussi|la suite|également)|sur le même sujet"
    r"|leia (?:também|mais)|le[ae] también|leer más|te puede interesar|leggi anche|lees (?:ook|meer)|l[eæ]s også"
    r"|läs (?:också|även|mer)|lue myös|czytaj też|zobacz także|читайте также|baca juga)",
    re.IGNORECASE,
)

# A line that calls to another page: "Read our full coverage here", or a link's text that opens so.
_CALL = re.compile(
    r"\W{0,5}(?:read|see|watch|view|listen to|click|explore|follow|find|discover|check out)\s", re.IGNORECASE
)
_CALL_HERE = re.compile(rf"{_CALL.pattern}.{{0,100}}\shere\W{{0,3}}", re.IGNORECASE)

_ANYWHERE, _EDGE, _END = range(3)
_LINES = (
    ("byline", _EDGE, re.compile(_BYLINE)),
    ("stamp", _EDGE, re.compile(_STAMP, re.IGNORECASE)),
    ("rights", _END, re.compile(_RIGHTS, re.IGNORECASE)),
    ("reading_time", _ANYWHERE, re.compile(_READING_TIME, re.IGNORECASE)),
    ("share", _ANYWHERE, re.compile(_SHARE, re.IGNORECASE)),
    ("furniture", _ANYWHERE, re.compile(_FURNITURE, re.IGNORECASE)),
    ("newsletter", _ANYWHERE, re.compile(_NEWSLETTER, re.IGNORECASE)),
)
_BOXES = ("div", "section", "li", "article", "aside", "p")
# A section, a topic or a name: a few words with a capital first and no full stop.
_LABEL = re.compile(
    rf"(?=.{{1,{LABEL_LIMIT}}}$)[A-ZÀ-ÞĀ-Ž\u0391-\u03a9\u0410-\u042f][^\s.!?:|]{{0,30}}"
    rf"(?:\s[^\s.!?:|]{{1,30}}){{0,{LABEL_WORDS - 1}}}"
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a page, for recognising its echoes in the text. All texts as `folded`."""

    titles: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()  # byline and authors
    captions: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()  # see `link_texts`
    headings: frozenset[str] = frozenset()  # see `heading_texts`
    site_lines: frozenset[str] = frozenset()  # what the host repeats on every page (its profile)


def folded(text: str) -> str:
    """The words of `text`, case and punctuation aside: what two printings of one line have in common."""
    return " ".join(_WORD.findall(text.casefold()))


def cleaned(paragraphs: Sequence[str], known: Known) -> list[str]:
    """`paragraphs` less those that are not of the article, in order."""
    kept: list[str] = []
    seen: set[str] = set()
    start = next((index for index, paragraph in enumerate(paragraphs) if len(paragraph) > PROSE), 0)
    for index, paragraph in enumerate(paragraphs):
        line = folded(paragraph)
        is_repeated = len(line) >= REPEAT_LIMIT and line in seen
        is_above = index < min(start, OPENING) and _LABEL.fullmatch(paragraph) and line not in known.headings
        if line and not is_repeated and not is_above and not kind(paragraph, index, len(paragraphs), known):
            seen.add(line)
            kept.append(paragraph)
    while len(kept) > 1 and folded(kept[-1]) in known.links:  # teasers of other stories, under the text
        kept.pop()
    return kept


def kind(paragraph: str, index: int, count: int, known: Known) -> str | None:
    """What kind of furniture `paragraph` is (title, byline, share, ...), or None for text.

    Args:
        paragraph: one line.
        index: its place among the page's paragraphs.
        count: how many they are.
        known: what the page says of itself.
    """
    line = folded(paragraph)
    is_opening, is_ending = index < OPENING, count - index <= ENDING
    is_edge = is_opening or is_ending
    for name, applies, echoes in (
        ("site_line", True, known.site_lines),
        ("caption", True, known.captions),
        ("title", is_opening, known.titles),
        ("name", is_edge, known.names),
    ):
        if applies and line in echoes:
            return name
    text = paragraph.removeprefix("- ").strip()
    if len(text) > LINE_LIMIT:
        return None
    applicable = (True, is_edge, is_ending)
    for name, where, pattern in _LINES:
        if applicable[where] and pattern.fullmatch(text):
            return name
    if is_edge and dates.is_date_line(_without_name(text, line, known)):
        return "date"
    if captions.is_credit_line(text):
        return "credit"
    return "teaser" if _is_teaser(text, line, known) else None


def _without_name(text: str, line: str, known: Known) -> str:
    """`text`, whose folded form is `line`, less the author's name that it begins with ("Ann Bee, 3 May 2021, 9:05")."""
    name = next((name for name in known.names if line.startswith(f"{name} ")), "")
    return " ".join(text.split()[len(name.split()) :])


def link_texts(tree: html.HtmlElement) -> frozenset[str]:
    """The texts of links that are long enough to name a page, as `folded`."""
    texts = (folded("".join(link.itertext())) for link in tree.iter("a"))
    return frozenset(text for text in texts if len(text) >= LINK_LIMIT)


def heading_texts(tree: html.HtmlElement) -> frozenset[str]:
    """The texts of headings within a page, as `folded`: they look like labels and are text."""
    return frozenset(
        folded("".join(heading.itertext())) for heading in tree.iter("h2", "h3", "h4", "h5", "h6", "strong")
    )


def _is_teaser(text: str, line: str, known: Known) -> bool:
    if len(text) <= CALL_LIMIT and (_CALL_HERE.fullmatch(text) or (line in known.links and _CALL.match(text))):
        return True
    found = _READ_MORE.match(text)
    if not found:
        return False
    rest = text[found.end() :]
    return not folded(rest) or rest.lstrip()[:1] in (":", "|") or line in known.links or folded(rest) in known.links


def without_teasers(tree: html.HtmlElement) -> html.HtmlElement:
    """`tree` with the boxes that lead to other stories taken out in place: short, with a link, and called teasers."""
    for element in list(tree.iter(*_BOXES)):
        if (
            "teaser" in element.get("class", "").lower()
            and next(element.iter("a"), None) is not None
            and next(element.iter("h1"), None) is None
            and len(markup.words(element)) <= TEASER_LIMIT
        ):
            element.drop_tree()
    return tree
