"""What a sink is given of each row: the rules of its `[[sink]]` table in the configuration file.

In: a row's table and record, as every sink is offered them. Out: what this sink gets, or None if it is to have nothing
of the row. Pure functions: a row left out here is a rule and no loss, so nothing counts it.

Rules never change a key, a time, or which article a row belongs to; definitions of tables stay the same. A column left
out is there and empty: null where it may be null, else "" or an empty list.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.enums import BodyPolicy, MentionField, Tdm
from schemas.records import Article, DeadLetter, Entry, Link, Outcome, Revision
from schemas.tables import ROWS, TABLES, Column, columns
from transforms.extract import EXCERPT_WORDS

UNDETERMINED = "und"  # BCP 47's word for a language that is not known

_EXCERPT = re.compile(rf"\s*(?:\S+\s+){{0,{EXCERPT_WORDS - 1}}}\S+")  # linear: what ends a word never begins one
_EMPTY: Mapping[type[Any], object] = {str: "", bytes: b"", list: ()}
_STRICTEST_FIRST = (BodyPolicy.NONE, BodyPolicy.EXCERPT, BodyPolicy.FULL)
_MENTIONS_IN = {
    "title": MentionField.TITLE,
    "summary": MentionField.SUMMARY,
    "body": MentionField.BODY,
    "captions": MentionField.CAPTION,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a sink takes.

    Args:
        tables: the tables whose rows it takes; None for all.
        leave_out: for each table the columns that stay empty; see `left_out`.
        languages: BCP 47 ranges (RFC 4647, 3.3.1: "en" takes "en-GB" too), in lower case, of the articles that it takes
            with all that belongs to them; None for all. `UNDETERMINED` stands for articles whose language is not known.
        bodies: how much of a body it takes.
        bodies_if_reserved: how much where the publisher reserves text and data mining; the stricter of both counts.
    """

    tables: frozenset[str] | None = None
    leave_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    languages: frozenset[str] | None = None
    bodies: BodyPolicy = BodyPolicy.FULL
    bodies_if_reserved: BodyPolicy = BodyPolicy.FULL


EVERYTHING = Rules()


def apply(rules: Rules, table: str, record: Any, language: str | None = None) -> Any | None:
    """What a sink with these rules gets of a row.

    Args:
        rules: the sink's.
        table: the row's.
        record: the row.
        language: of the article that a row of another table belongs to; None if that is not known, or if it belongs to
            none: then the row is taken.

    Returns:
        The record as it came, one with less in it, or None.
    """
    if rules.tables is not None and table not in rules.tables:
        return None
    if isinstance(record, Article):
        language = record.language or UNDETERMINED
    if rules.languages is not None and language is not None and not _is_among(language, rules.languages):
        return None
    return _without(_with_body(record, rules), table, rules.leave_out.get(table, frozenset()))


def article_of(record: object) -> str | None:
    """The id of the article that a row belongs to; None if it belongs to none, or cannot tell."""
    if isinstance(record, Article | Revision | Outcome):
        return record.article_id
    return record.copy_id if isinstance(record, Link) else None


def left_out(named: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """The columns to leave out, by table.

    Raises:
        ValueError: there is no such table or column; or it is one that rows are told apart or put in order by (a key, a
            time, an id, a hash), or one that has no empty value (numbers, booleans, closed vocabularies).
    """
    for table, names in named.items():
        if table not in TABLES:
            raise ValueError(f"no table {table!r}: one of {', '.join(TABLES)}")
        known = {column.name: column for column in columns(table) if column.name in TABLES[table].record.__slots__}
        for name in names:
            if name not in known:
                raise ValueError(f"table {table} has no column {name!r}")
            if name in {*TABLES[table].key, TABLES[table].time_column} or _identifies(known[name]):
                raise ValueError(f"column {name!r} of table {table} tells rows apart and cannot be left out")
            if not (known[name].is_nullable or _has_empty_value(known[name])):
                raise ValueError(f"column {name!r} of table {table} has no empty value and cannot be left out")
    return {table: frozenset(names) for table, names in named.items()}


def known_tables(names: Iterable[str]) -> frozenset[str]:
    """These tables.

    Raises:
        ValueError: there is no such table.
    """
    for name in names:
        if name not in ROWS:
            raise ValueError(f"no table {name!r}: one of {', '.join(ROWS)}")
    return frozenset(names)


def ranges(languages: Iterable[str]) -> frozenset[str]:
    """Language ranges as `Rules` has them.

    Raises:
        ValueError: one is no BCP 47 tag or the beginning of one.
    """
    for each in languages:
        if not re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", each):
            raise ValueError(f"no language {each!r}: BCP 47, as in 'en' or 'pt-BR', was expected")
    return frozenset(each.lower() for each in languages)


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_among(language: str, wanted: frozenset[str]) -> bool:
    subtags = language.lower().split("-")
    return any("-".join(subtags[:number]) in wanted for number in range(1, len(subtags) + 1))


def _with_body(record: Any, rules: Rules) -> Any:
    """The row with as much of a body as the rules allow."""
    is_reserved = not isinstance(record, Article) or record.tdm is Tdm.RESERVED  # of others it is not known
    allowed = {rules.bodies, rules.bodies_if_reserved if is_reserved else BodyPolicy.FULL}
    policy = next(each for each in _STRICTEST_FIRST if each in allowed)
    if policy is BodyPolicy.FULL:
        return record
    if isinstance(record, Article):
        begins = _EXCERPT.match(record.body) if policy is BodyPolicy.EXCERPT else None
        return _cut(record, "body", begins[0] if begins else "")
    if isinstance(record, Entry):
        return replace(record, content="")
    # A dead letter's input holds the page, the feed's content or the article.
    return replace(record, raw=b"") if isinstance(record, DeadLetter) else record


def _without(record: Any, table: str, names: frozenset[str]) -> Any:
    for column in columns(table) if names else ():
        if column.name not in names:
            continue
        empty = None if column.is_nullable else _EMPTY[column.kind]
        if isinstance(record, Article) and column.name in _MENTIONS_IN:
            record = _cut(record, column.name, empty)
        else:
            record = replace(record, **{column.name: empty})
    return record


def _cut(article: Article, column: str, kept: Any) -> Article:
    """The article with the beginning of a column's text, and without the mentions that counted in the rest."""
    end, where = len(kept or ()), _MENTIONS_IN[column]
    entities = tuple(
        replace(each, mentions=tuple(one for one in each.mentions if one.field is not where or one.end <= end))
        for each in article.entities
    )
    return replace(article, **{column: kept, "entities": entities})


def _identifies(column: Column) -> bool:
    return column.name == "article_id" or (not column.is_nullable and column.name.endswith(("_id", "_hash")))


def _has_empty_value(column: Column) -> bool:
    return column.kind in _EMPTY and not column.values
