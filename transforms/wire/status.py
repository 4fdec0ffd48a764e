"""What a version says of its item: that it is killed, withheld, or corrects the one before.

It is said in four places, the gravest counts: the publication status (IPTC NewsCodes "pubstatusg2": usable, withheld,
canceled; agencies' own words for it), signals (IPTC NewsCodes "signal", Reuters' edStat), the editor's note, and the
text, which `transforms.text.notices` reads. The words kept are the editor's where there are any.
"""

import re
from collections.abc import Mapping, Sequence

from schemas.enums import NoticeKind
from schemas.records import Notice
from transforms.text import notices
from transforms.wire import trees

_STATUSES = {
    **dict.fromkeys(
        ("canceled", "cancelled", "killed", "kill", "recalled", "retracted", "deleted", "takedown"), NoticeKind.KILL
    ),
    **dict.fromkeys(("withheld", "withhold", "withdrawn", "onhold", "hold", "unpublished"), NoticeKind.WITHHELD),
}
_SIGNALS = {
    **dict.fromkeys(
        ("kill", "killed", "mandatorykill", "cancel", "canceled", "cancelled", "delete", "deletion", "retraction",
         "retracted", "recall", "recalled", "takedown", "withdrawal", "edstat:d"),
        NoticeKind.KILL,
    ),
    **dict.fromkeys(("withhold", "withheld"), NoticeKind.WITHHELD),
    **dict.fromkeys(
        ("correction", "corrected", "correct", "corrective", "rectify", "rectification", "majorcorrection",
         "minorcorrection", "edstat:c"),
        NoticeKind.CORRECTION,
    ),
}  # fmt: skip
_GRAVITY = (NoticeKind.KILL, NoticeKind.WITHHELD, NoticeKind.CORRECTION)

# An editor's note that says what this version does, at the start of a sentence: "Eds: CORRECTS spelling of ...",
# "Refiles to fix the date in paragraph 2". And one that asks for the item to be killed.
_OPENING = r"(?:^|[.;:!(\[\n]|\b(?:eds?|editors|note|advisory|story|version|item|text|this|to|and|with))[\s\W]{0,4}"
_CORRECTS = re.compile(
    rf"{_OPENING}(?:correct(?:s|ed|ing|ion)?|fix(?:es|ed|ing)?|clarif(?:ies|y|ied|ication)|korrig\w{{1,6}}"
    r"|berichtig\w{1,5}|korrektur|corrig\w{1,5}|rectifi\w{1,8}|correct(?:if|ion)|corregid[oa]|corrige|correcci[óo]n"
    r"|corregge|corrett[oa]|correzione|rettifica|corrigid[oa]|corre[çc][ãa]o|r[äa]ttelse|r[äa]ttar|korjaus|korjattu)\b",
    re.IGNORECASE,
)
_NO_CORRECTION = re.compile(r"\b(?:no|not|without|see|previous|earlier)\s+(?:\w{1,10}\s+){0,2}correct", re.IGNORECASE)
_KILLS = re.compile(
    r"(?:^|[.;:!(\[\n]|\b(?:please|mandatory|advisory|eds?|editors|must|should be))[\s\W]{0,4}"
    r"(?:kill(?:s|ed)?|disregard|retract(?:s|ed)?|withdraws?|annull?iert|annul(?:e|ée?|er)|anulad[oa]|annullat[oa])\b"
    r"(?!\s(?:the\s)?(?:previous|earlier|prior|last|first)\b)",
    re.IGNORECASE,
)


def notice_of(
    *, status: str, signals: Sequence[str], ednote: str, title: str, body: str, is_embargoed: bool = False
) -> Notice | None:
    """The notice that a version carries.

    Args:
        status: its publication status as written.
        signals: words and QCodes that say what this version is.
        ednote: the editor's note.
        title: its headline.
        body: its text, a line per paragraph.
        is_embargoed: it is under an embargo of which nobody can tell the end: it is withheld.

    Returns:
        The gravest of what is said, or None. `text` is the note if it says so itself; else the words in the text; else
        the note whatever it says; else the status or signal.
    """
    in_note, in_text = _in_note(ednote), notices.find(title, body)
    coded = {kind: word for word in signals if (kind := _coded(word, _SIGNALS))}
    if kind := _coded(status, _STATUSES):
        coded[kind] = status
    if is_embargoed:
        coded.setdefault(NoticeKind.WITHHELD, "embargoed")
    for kind in _GRAVITY:
        found = in_text is not None and in_text.kind is kind
        if kind not in coded and not found and in_note is not kind:
            continue
        said = in_text.text if in_text is not None and found else ""
        words = ednote if in_note is kind else said or ednote or coded[kind]
        return Notice(kind=kind, text=words[: notices.TEXT_LIMIT])
    return None


def _coded(word: str, table: Mapping[str, NoticeKind]) -> NoticeKind | None:
    """What a status or a signal stands for; of a QCode or a URI its code, but for agencies' one-letter codes."""
    plain = word.strip().lower()
    code = re.sub(r"[\s_-]", "", trees.code_of(plain.rsplit("/", 1)[-1])[1])
    return table.get(plain) or table.get(code)


def _in_note(ednote: str) -> NoticeKind | None:
    note = ednote[: notices.TEXT_LIMIT]
    if _KILLS.search(note):
        return NoticeKind.KILL
    found = notices.find("", note)
    if found is not None:
        return found.kind
    return NoticeKind.CORRECTION if _CORRECTS.search(note) and not _NO_CORRECTION.search(note) else None
