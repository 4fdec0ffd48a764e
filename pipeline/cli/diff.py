"""`wirebeam diff`: what changed in an article."""

import re
import sys
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.cli.terminal import FAULT, USAGE, console, fail
from pipeline.formats import TextFormat

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pipeline.diff import Difference, Paragraph, PartKind, Version

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # what a page may not tell a terminal


def diff(
    query: Annotated[str, typer.Argument(metavar="URL|ID", help="Any address of the article, or its id.")],
    start: Annotated[
        str | None,
        typer.Argument(metavar="[FROM]", help="A capture: its number, its id, or a time (2026-03-01T12:00, 2h)."),
    ] = None,
    end: Annotated[str | None, typer.Argument(metavar="[TO]", help="Another; the newest if it is left out.")] = None,
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("wirebeam-data"),
    form: Annotated[TextFormat, typer.Option("--format", help="For a person, or for a script.")] = TextFormat.TEXT,
) -> None:
    """Show what changed in an article: from each capture to the next, or between two.

    Words that went are marked [-so-], words that came {+so+}; on a terminal by colour. Exit status 1 if nothing is
    known of the article.
    """
    from pipeline.diff import DiffError, difference, pick, versions
    from pipeline.ledger import Ledger, LedgerError
    from pipeline.named import find_named
    from transforms.outcomes import utc_now

    now = utc_now()
    try:
        with Ledger(data) as ledger:
            named = find_named(ledger, query, now)
            known = versions(ledger, named.article_ids[-1]) if named.article_ids else []
        if not known:
            fail(f"{query}: no capture of it is known; wirebeam why tells what is", FAULT)
        pairs = list(pairwise(known))
        if start is not None:
            pairs = [(pick(known, start, now), pick(known, end, now) if end else known[-1])]
    except LedgerError as error:
        fail(str(error), USAGE)
    except DiffError as error:
        fail(str(error), USAGE)
    differences = [difference(before, after) for before, after in pairs]
    if form is TextFormat.JSON:
        answer = {"article_id": named.article_ids[-1], "captures": known, "differences": differences}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n")
    else:
        _print(known, differences)


def _print(known: "list[Version]", differences: "list[Difference]") -> None:
    out = console()
    newest = known[-1]
    out.print(_plain(newest.title or "(without a title)"), style="bold", markup=False, soft_wrap=True)
    out.print(f"{_plain(newest.url)}\n{_counted(len(known), 'capture')}", markup=False, soft_wrap=True)
    if len(known) == 1:
        out.print(f"\n{_heading(newest)}", markup=False, soft_wrap=True)
        _print_note(out, newest)
    for each in differences:
        after = each.after
        out.print(f"\n{each.before.number} → {_heading(after)}", style="bold cyan", markup=False, soft_wrap=True)
        _print_note(out, after)
        _print_paragraphs(out, each)


def _heading(version: "Version") -> str:
    words = [version.change or "not judged yet"]
    words += [word for word, usual in ((version.pub_status, "usable"), (version.availability, "live")) if word != usual]
    return f"{version.number}  {version.seen_at:%Y-%m-%d %H:%M:%S} UTC  {', '.join(words)}"


def _print_note(out: "Console", version: "Version") -> None:
    if version.change_note:
        out.print(f"  “{_plain(version.change_note)}”", style="italic", markup=False, soft_wrap=True)


def _print_paragraphs(out: "Console", each: "Difference") -> None:
    from pipeline.diff import PartKind

    if each.title.kind is not PartKind.SAME:
        _print_paragraph(out, each.title, "title ")
    for kind, of_kind in groupby(each.body, key=_kind):
        paragraphs = list(of_kind)
        if kind is PartKind.SAME:
            out.print(f"  … {_counted(len(paragraphs), 'paragraph')} as before", style="dim", markup=False)
            continue
        for paragraph in paragraphs:
            _print_paragraph(out, paragraph, "")


def _print_paragraph(out: "Console", paragraph: "Paragraph", label: str) -> None:
    """The old words in one line, the new in the next, what went and what came marked."""
    from pipeline.diff import PartKind

    kinds = {words.kind for words in paragraph.words}
    for sign, kind, colour in (("-", PartKind.REMOVED, "red"), ("+", PartKind.ADDED, "green")):
        if kind in kinds or paragraph.kind is PartKind.CHANGED:
            out.print(_line(out, paragraph, kind, f"{sign} {label}", colour), soft_wrap=True)


def _line(out: "Console", paragraph: "Paragraph", kind: "PartKind", start: str, colour: str) -> "Text":
    from rich.text import Text

    from pipeline.diff import PartKind

    is_coloured = out.is_terminal and not out.no_color
    opened, closed = ("[-", "-]") if kind is PartKind.REMOVED else ("{+", "+}")
    line = Text(start, style=colour)
    for words in paragraph.words:
        text = _plain(words.text)
        if words.kind is PartKind.SAME:
            line.append(text)
        elif words.kind is kind and (is_coloured or paragraph.kind is not PartKind.CHANGED):
            line.append(text, style="bold" if paragraph.kind is PartKind.CHANGED else None)
        elif words.kind is kind:
            bare = text.rstrip()
            line.append(f"{opened}{bare}{closed}{text[len(bare) :]}")
    return line


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _kind(paragraph: "Paragraph") -> "PartKind":
    return paragraph.kind
