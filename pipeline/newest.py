"""The newest articles that may be used, read without the bodies of any others.

First is found which they are, by columns that are small; then these are read, by their ids and the range of their
times, so that the files of other days are left alone.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

OFFERED = 5  # names that are like one that no article has


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which articles.

    Args:
        entity: they name it: an entity's name, in capitals or not, its id or its key.
        since: their newest content was seen then or later.
        language: of the text; `en` is `en-GB` too.
    """

    entity: str | None = None
    since: dt.datetime | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An article's newest capture."""

    capture_id: str
    observed_at: dt.datetime


def find(connection: duckdb.DuckDBPyConnection, asked: Asked, limit: int) -> list[Found]:
    """The newest `limit` of the articles that are asked for, by the time of their newest content, the newest first."""
    conditions, values = ["true"], list[Any]()
    if asked.entity is not None:
        conditions.append("(lower(name) = lower(?) OR id = ? OR key = ?)")
        values += [asked.entity] * 3
    if asked.since is not None:
        conditions.append("observed_at >= ?")
        values.append(asked.since)
    if asked.language is not None:
        conditions.append("(lower(language) = lower(?) OR starts_with(lower(language), lower(?) || '-'))")
        values += [asked.language] * 2
    view = "latest" if asked.entity is None else "entities"
    rows = connection.execute(
        f"SELECT DISTINCT capture_id, observed_at FROM {view} WHERE {' AND '.join(conditions)}"  # noqa: S608  # constants
        " ORDER BY observed_at DESC, capture_id LIMIT ?",
        [*values, limit],
    ).fetchall()
    return [Found(*row) for row in rows]


def read(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Found], columns: Sequence[str]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """These columns of view `latest`, in the order of `found`: the columns' names and the rows."""
    places = ", ".join("?" * len(found)) or "NULL"
    times = [one.observed_at for one in found]
    answer = connection.execute(
        f"SELECT {', '.join(columns)} FROM latest"  # noqa: S608  # the caller's own words
        f" WHERE capture_id IN ({places}) AND observed_at BETWEEN ? AND ? ORDER BY observed_at DESC, capture_id",
        [*(one.capture_id for one in found), min(times, default=None), max(times, default=None)],
    )
    return [column[0] for column in answer.description or ()], answer.fetchall()


def like(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """The names of entities that hold `name`, those first that most articles name."""
    rows = connection.execute(
        "SELECT name FROM entities WHERE contains(lower(name), lower(?)) GROUP BY name ORDER BY count(*) DESC, name"
        " LIMIT ?",
        [name, OFFERED],
    ).fetchall()
    return [found for (found,) in rows]
