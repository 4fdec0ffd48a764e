"""What a data directory knows: the rows that were delivered and those that still wait, each once.

Rows leave state.db's outbox when every sink has them; until then they may be in one place, in the other or in both.
Rows under an embargo wait before the outbox (`pipeline.embargo`). A `Ledger` reads all as they are at one moment and
gives each row once, so that an answer is right before, during and after a delivery. It only reads, beside a live run.
"""

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import duckdb
import msgspec
import pyarrow as pa

from pipeline import alias_store, embargo
from pipeline.data_directory import warehouse_of
from pipeline.sinks.iceberg import place_of
from pipeline.state import BUSY_TIMEOUT_S, FILE_NAME, STATE_VERSION
from pipeline.warehouse import WarehouseError, connect
from schemas import codec, ids
from schemas.memory import KnownAlias
from schemas.records import Delivery, Entry
from schemas.tables import TABLE_OF, TABLES, arrow_schema, arrow_table

T = TypeVar("T")
Parameters = Sequence[object] | Mapping[str, object]  # for question marks, or for names

_WAITING = Delivery(ingested_at=ids.EPOCH, batch_id="")  # stands in for the delivery of what is not delivered
_ICEBERG = "iceberg:"
EMBARGOED = 0  # stands for the number of a row that an embargo keeps from the outbox, whose numbers begin with 1


class LedgerError(Exception):
    """There is nothing to read; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A row, and how far it has come."""

    record: T
    seq: int | None  # in the outbox; None when it has left that, `EMBARGOED` when it is not there yet
    ingested_at: dt.datetime | None  # of the warehouse; None when it is not there yet
    batch_id: str | None


@dataclass(frozen=True, slots=True)
class Queued:
    """An entry without a terminal outcome."""

    entry: Entry
    due_at: dt.datetime


class Ledger:
    """Reads the data directory `folder`; used as a context manager, or closed by hand.

    The warehouse is the directory's own; failing that, the first Iceberg sink that ever was delivered to from it.

    Raises:
        LedgerError: neither a state nor a warehouse is there, or they cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with contextlib.ExitStack() as opened:
            self.state = open_state(folder)
            if self.state:
                opened.callback(self.state.close)
                self.state.execute("BEGIN")  # all reads see one moment: nothing moves from queue to outbox in between
            # The outbox is read first: a row that is delivered meanwhile is then found twice rather than not at all.
            waiting = self._outbox()
            self._duckdb = opened.enter_context(self._warehouse())
            for table in TABLES:
                self._duckdb.register(f"{table}_waiting", _with_seq(table, waiting.get(table, [])))
                self._duckdb.execute(
                    f"CREATE VIEW all_{table} AS SELECT *, NULL::BIGINT AS seq FROM {table}"  # noqa: S608  # our names
                    f" UNION ALL BY NAME SELECT * FROM {table}_waiting"
                )
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close both; a second time does nothing."""
        self._opened.close()

    def rows(
        self, kind: type[T], where: str = "true", parameters: Parameters = (), *, leave_out: Sequence[str] = ()
    ) -> list[Known[T]]:
        """The rows of one table for which the condition holds, by event time.

        Args:
            kind: the table's record.
            where: SQL over the table's columns and `seq`; nothing of an outsider's may stand in it.
            parameters: for what stands in for values in it.
            leave_out: columns that take their default instead: what is heavy and not asked for.
        """
        table = TABLES[TABLE_OF[kind]]
        exclude = f" EXCLUDE ({', '.join(leave_out)})" if leave_out else ""
        answer = self.ask(
            f"SELECT *{exclude} FROM all_{table.name} WHERE {where}"  # noqa: S608  # see `where`
            f" ORDER BY {table.time_column}, seq NULLS FIRST",
            parameters,
        )
        found: dict[tuple[object, ...], Known[T]] = {}
        for row in answer:
            key = tuple(row[column] for column in table.key)
            known = found.get(key) or Known(_record(row, kind), None, None, None)
            if row["seq"] is None:
                found[key] = replace(known, ingested_at=row["ingested_at"], batch_id=row["batch_id"])
            else:
                found[key] = replace(known, seq=row["seq"])
        return list(found.values())

    def ask(self, query: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """Ask the views `all_TABLE`: the table's columns and `seq`. A row on its way may be there twice."""
        answer: pa.Table = self._duckdb.sql(query, params=parameters).to_arrow_table()
        rows: list[dict[str, Any]] = answer.to_pylist()
        return rows

    def queue(self, entry_ids: Sequence[str] | None = None) -> Iterator[Queued]:
        """The entries that wait: those of these ids, or all of them."""
        if self.state is None:
            return
        if entry_ids is None:
            found: Iterator[tuple[bytes, int]] = self.state.execute("SELECT entry, due_at FROM queue ORDER BY due_at")
        else:
            found = (
                row
                for entry_id in entry_ids
                for row in self.state.execute("SELECT entry, due_at FROM queue WHERE entry_id = ?", (entry_id,))
            )
        for entry, due_at in found:
            yield Queued(codec.decode(entry, Entry), ids.EPOCH + due_at * ids.MICROSECOND)

    def aliases(self, keys: Sequence[str]) -> list[KnownAlias]:
        """What identify knows under these keys."""
        return alias_store.known(self.state, keys) if self.state else []

    def sinks(self) -> dict[str, int]:
        """Each sink that was ever delivered to, and the sequence number up to which it has everything."""
        if self.state is None:
            return {}
        return dict(self.state.execute("SELECT sink, seq FROM cursors ORDER BY sink"))

    def _outbox(self) -> dict[str, list[tuple[int, object]]]:
        waiting: dict[str, list[tuple[int, object]]] = {}
        if self.state:
            for seq, table, row in self.state.execute("SELECT seq, tab, row FROM outbox ORDER BY seq"):
                if table not in TABLES:
                    continue  # entries that `wirebeam poll` hands on
                waiting.setdefault(table, []).append((seq, codec.decode(row, TABLES[table].record)))
            for table, record in embargo.held_back(self.state):
                waiting.setdefault(table, []).append((EMBARGOED, record))
        return waiting

    def _warehouse(self) -> duckdb.DuckDBPyConnection:
        own = warehouse_of(self._folder)
        others = [place_of(uri.removeprefix(_ICEBERG)) for uri in self.sinks() if uri.startswith(_ICEBERG)]
        for place in (own, *others):
            with contextlib.suppress(WarehouseError):
                return connect(place)
        if self.state is None:
            raise LedgerError(f"{self._folder}: no run has left anything here yet")
        connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            connection.register(table, arrow_schema(table).empty_table())
        return connection


def open_state(folder: Path) -> sqlite3.Connection | None:
    """state.db of a data directory, to read from; None if there is none.

    Raises:
        LedgerError: it is damaged, or of a version that this program does not know.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        state = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
        row = state.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"{path}: {error}") from error
    if not row or row[0] != str(STATE_VERSION):
        state.close()
        raise LedgerError(f"{path}: state of another version, this program knows {STATE_VERSION}")
    return state


def _with_seq(table: str, rows: Sequence[tuple[int, object]]) -> pa.Table:
    arrow = arrow_table(table, [record for _, record in rows], _WAITING)
    return arrow.append_column("seq", pa.array([seq for seq, _ in rows], pa.int64()))


def _record(row: dict[str, Any], kind: type[T]) -> T:
    # A column that a file of an earlier schema version lacks reads as null: then the record's default stands.
    return msgspec.convert({name: value for name, value in row.items() if value is not None}, kind)
