"""The dateline that opens an agency's text, and the agencies that are credited. Facts are read, the text stays."""

import re
from collections.abc import Sequence

# Agencies by the name under which they are credited here, with the forms in which texts sign them.
_AGENCIES = (
    ("AP", r"AP|Associated Press"),
    ("AFP", r"AFP|Agence France-Presse"),
    ("Reuters", r"Reuters|REUTERS|Thomson Reuters"),
    ("dpa", r"dpa|DPA|Deutsche Presse-Agentur"),
    ("EFE", r"EFE|Agencia EFE"),
    ("ANSA", r"ANSA"),
    ("PA Media", r"PA Media|Press Association"),
    ("Xinhua", r"Xinhua|XINHUA"),
    ("TASS", r"TASS|Tass"),
    ("Kyodo", r"Kyodo(?: News)?|KYODO"),
    ("Yonhap", r"Yonhap"),
    ("Anadolu", r"Anadolu(?: Agency| Ajans\u0131)?"),
    ("UPI", r"UPI|United Press International"),
    ("Bloomberg", r"Bloomberg(?: News)?"),
    ("APA", r"APA"),
    ("SID", r"SID"),
    ("Keystone-SDA", r"Keystone-SDA|SDA"),
    ("ANP", r"ANP"),
    ("Belga", r"Belga|BELGA"),
    ("Lusa", r"Lusa|LUSA"),
    ("NTB", r"NTB"),
    ("TT", r"TT"),
    ("Ritzau", r"Ritzau"),
    ("PTI", r"PTI"),
    ("IANS", r"IANS"),
    ("ANI", r"ANI"),
    ("CP", r"The Canadian Press|CP"),
    ("AAP", r"AAP|Australian Associated Press"),
    ("IPS", r"IPS|Inter Press Service"),
    ("Europa Press", r"Europa Press|EUROPA PRESS"),
)
# Any other agency that calls itself one: "Meridian News Agency"; at most five words, each with a capital.
_NAMED_AGENCY = (
    r"(?:[A-ZÀ-Þ][\w.&-]{0,30}\s){1,4}"
    r"(?:News\sAgency|Press\sAgency|News\sService|Press\sService|Newswire|Wire\sService)"
)
_NAMED_PRESS = rf"(?:{_NAMED_AGENCY}|(?:[A-ZÀ-Þ][\w.&-]{{0,30}}\s){{1,3}}Press)"
_ANY = "|".join(forms for _, forms in _AGENCIES)
_PLACE = (
    r"(?:[A-ZÀ-Þ][\w'\u2019.-]{0,30})"
    r"(?:(?:,\s|\s|/)(?:[A-ZÀ-Þ][\w'\u2019.-]{0,30}|de|da|do|del|am|an|der|of|the|al|el)){0,5}"
)
_DASH = r"\s?(?:[\u2013\u2014\u2015-]{1,2}|:)\s"
# PLACE, 4 May (Agency) - text; the agency or a place all in capitals makes it a dateline.
_SIGNED = re.compile(
    rf"(?P<place>{_PLACE})(?:,?\s[\w. ]{{1,20}}?)?\s?[(\[/](?P<agency>[^()\[\]]{{2,60}}?)[)\]/]{_DASH}?"
)
_CAPITALS = re.compile(
    r"(?P<place>[A-ZÀ-Þ]{2}[A-ZÀ-Þ'\u2019./ -]{1,40}(?:,\s[A-ZÀ-Þ][\w. ]{1,20})?)"
    r"\s?[\u2013\u2014\u2015-]{1,2}\s(?=[\"“«]?[A-ZÀ-Þ])"
)
_AGENCY_FIRST = re.compile(
    rf"[(\[](?P<agency>(?:{_ANY})(?:\s?[/,]\s?(?:{_ANY})){{0,3}})[)\]]\s?[\u2013\u2014\u2015-]{{0,2}}\s?"
)
# "... he said. (Meridian News Agency)": the agency in brackets that ends the text, or a dateline's.
_SIGNED_END = re.compile(r"[(\[](?P<agency>[^()\[\]]{2,60})[)\]]\W{0,3}$")
_WHOLE = re.compile(
    r"\W{0,5}(?:(?:source|quelle|fuente|fonte|via|by|the|with|mit material von|with reporting by|avec)\s?:?\s?){0,3}"
    rf"(?P<agency>(?:{_ANY})(?:\W{{1,3}}(?:and |und |et |y |The )?(?:{_ANY})){{0,3}})\W{{0,5}}$",
    re.IGNORECASE,
)


_AGENCY_PATTERNS = tuple((name, re.compile(rf"(?<!\w)(?:{forms})(?!\w)")) for name, forms in _AGENCIES)
_NAMED = re.compile(rf"(?<!\w){_NAMED_AGENCY}(?!\w)")
_PRESS = re.compile(_NAMED_PRESS)


def read(
    paragraphs: Sequence[str], byline: str | None, authors: Sequence[str]
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Place, printed dateline, and agencies credited.

    Args:
        paragraphs: the body.
        byline: the byline as printed.
        authors: the names in it or in the metadata.

    Returns:
        Place and dateline of the first paragraph if it clearly opens with one, else None; agencies named in the
        dateline, in the byline, alone in the last paragraph ("(Reuters, AFP)") or in brackets at its end.
    """
    opening = paragraphs[0][:200] if paragraphs else ""
    place = printed = None
    signers: list[str] = [byline or "", *authors]
    bracketed: tuple[str, ...] = ()
    if (found := _SIGNED.match(opening)) and (signed := _in_brackets(found["agency"])):
        place, printed = found["place"].strip(" ,"), found[0]
        bracketed += signed
    elif found := _CAPITALS.match(opening):
        place, printed = found["place"].strip(" ,"), found[0]
    elif found := _AGENCY_FIRST.match(opening):
        signers.append(found["agency"])
    if paragraphs:
        last = paragraphs[-1][-100:]
        if len(paragraphs[-1]) <= 100 and (found := _WHOLE.match(last)):
            signers.append(found["agency"])
        elif _NAMED.fullmatch(last):
            signers.append(last)
        elif found := _SIGNED_END.search(last):
            bracketed += _in_brackets(found["agency"])
    credited = dict.fromkeys([*(name for signer in signers for name in agencies(signer)), *bracketed])
    return place, printed.strip(" \u2013\u2014\u2015-:") if printed else None, tuple(credited)


def agencies(text: str) -> tuple[str, ...]:
    """The agencies named in a short text such as a byline: those known here, else one that calls itself an agency."""
    text = text[:500]
    known = tuple(name for name, forms in _AGENCY_PATTERNS if forms.search(text))
    if known:
        return known
    found = _NAMED.search(text)
    return (found[0],) if found else ()


def _in_brackets(text: str) -> tuple[str, ...]:
    """The agencies in the brackets of a dateline or at the end, where "... Press" is one too."""
    return agencies(text) or _named_press(text)


def _named_press(text: str) -> tuple[str, ...]:
    return (text.strip(),) if _PRESS.fullmatch(text.strip()) else ()
