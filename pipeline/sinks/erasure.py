"""Taking an article's text out of what was delivered: for `wirebeam purge`, and for nothing else, since rows are facts.

The articles' rows go. What was judged and decided of them stays (revisions, links, outcomes), and what else bears words
of theirs is blanked: correction notes, titles and details of outcomes, dead letters.

In an Iceberg warehouse the files that hold such rows are written anew without them, all older snapshots are dropped,
and every file that the table names no longer is deleted at once: a query that is just being planned may fail for it. In
folders of the jsonl and the parquet sink each file is exchanged for one without the text, under its name, which says
what was delivered.

Interrupted at any point it is done by doing it again.
"""

import base64
import html
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import msgspec
import pyarrow as pa
from pyarrow import parquet
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, parquet_file_to_data_file, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table import FileScanTask
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.update.snapshot import ExpireSnapshots

from pipeline.sinks.base import SinkError
from pipeline.sinks.compact import ROW_GROUP, SUFFIXES, CompactError, local_path, maintenance_lock, named_files
from pipeline.sinks.files import UNFINISHED, write_file
from pipeline.sinks.iceberg import NAMESPACE, open_catalog, writer_lock
from pipeline.sinks.jsonl import JsonlSink
from pipeline.sinks.parquet import ParquetSink, encode
from schemas.tables import ENTRIES

PURGED = "purged"  # what stands for a dead letter's error

# The columns that tell whose a row is, and those that are blanked; of the tables that hold text.
COLUMNS = {
    "articles": ("article_id",),
    "revisions": ("article_id", "change_note"),
    "outcomes": ("entry_id", "article_id", "url", "title", "detail"),
    "dead_letters": ("entry_id", "error", "raw"),
    ENTRIES.name: ("entry_id", "url"),
}
GOES: Mapping[str, Any] | None = None  # stands for a row that is deleted
STAYS: Mapping[str, Any] = {}  # and for one that is left as it is


@dataclass(frozen=True)
class Erasure:
    """Whose text is taken out.

    Args:
        article_ids: the articles.
        entry_ids: the entries that they came by, and those that never became an article.
        addresses: of both, as they stand in rows and in feeds.
    """

    article_ids: frozenset[str]
    entry_ids: frozenset[str]
    addresses: frozenset[str]

    def changes(self, table: str, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What becomes of a row of one of the `COLUMNS`' tables: columns with new values, `STAYS` or `GOES`.

        Args:
            table: the table.
            row: at least its `COLUMNS`.
        """
        is_of_entry = row.get("entry_id") in self.entry_ids
        is_of_article = row.get("article_id") in self.article_ids
        if table == "articles":
            return GOES if is_of_article else STAYS
        if table == ENTRIES.name:
            return GOES if is_of_entry or row.get("url") in self.addresses else STAYS
        if table == "revisions":
            return {"change_note": None} if is_of_article and row.get("change_note") is not None else STAYS
        if table == "outcomes":
            is_of_none = row.get("article_id") is None and row.get("url") in self.addresses
            is_ours = is_of_article or is_of_entry or is_of_none
            has_words = row.get("title") is not None or row.get("detail") is not None
            return {"title": None, "detail": None} if is_ours and has_words else STAYS
        # A dead letter that names no entry holds what a feed said, or a row that a sink refused.
        is_ours = is_of_entry or (row.get("entry_id") is None and self._is_named_in(row["raw"]))
        return {"raw": b"", "error": PURGED} if is_ours and row.get("error") != PURGED else STAYS

    def may_be_in(self, raw: bytes) -> bool:
        """False if no row among these bytes of JSON lines is concerned, but for dead letters without an entry."""
        ids = (*self.article_ids, *self.entry_ids, *self.addresses)
        return any(each.encode() in raw for each in ids)

    @cached_property
    def _as_written(self) -> frozenset[bytes]:
        """Ids and addresses as bytes; in a feed's XML an ampersand is escaped."""
        escaped = {html.escape(each) for each in self.addresses}
        return frozenset(each.encode() for each in self.article_ids | self.addresses | escaped)

    def _is_named_in(self, raw: bytes) -> bool:
        return any(each in raw for each in self._as_written)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: rows deleted or blanked, and files that were deleted."""

    rows: int = 0
    files: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(self.rows + other.rows, self.files + other.files)


class IcebergEraser:
    """Holds a warehouse against writers and maintenance; used as a context manager.

    Raises:
        SinkError: a maintenance is going on, or a table has a branch or a tag, whose old snapshot would keep the text.
            Nothing has been changed then.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with ExitStack() as opened:
            try:
                opened.enter_context(maintenance_lock(folder))
                opened.enter_context(writer_lock(folder))
            except (CompactError, OSError) as error:
                raise SinkError(str(error)) from error
            catalog = open_catalog(folder)
            opened.callback(catalog.close)
            self._tables: dict[str, IcebergTable] = {}
            for name in COLUMNS:
                try:
                    self._tables[name] = catalog.load_table((NAMESPACE, name))
                except NoSuchTableError:
                    continue  # a run that has just begun is still making them; entries are in no warehouse
                if others := self._tables[name].metadata.refs.keys() - {"main"}:
                    raise SinkError(f"{folder}: table {name} has {', '.join(sorted(others))}, which keep old rows")
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def erase(self, erasure: Erasure) -> Erased:
        """Take the text out of every table and every file of the warehouse."""
        done = Erased()
        for name, table in self._tables.items():
            done += Erased(rows=_rewrite_rows(name, table, erasure), files=_forget_past(table))
        return done


def erase_files(folder: Path, erasure: Erasure) -> Erased:
    """Take the text out of the files that the jsonl and the parquet sink wrote in `folder`, each exchanged at once."""
    rows = 0
    for table in COLUMNS:
        for path in sorted((folder / table).glob("day=*/*")):
            if path.suffix == JsonlSink.suffix:
                rows += _erase_lines(table, path, erasure)
            elif path.suffix == ParquetSink.suffix:
                rows += _erase_rows(table, path, erasure)
    unfinished = list(folder.rglob(f"*{UNFINISHED}"))
    for path in unfinished:  # left by a crash: whoever wrote it writes it again
        path.unlink()
    return Erased(rows=rows, files=len(unfinished))


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _erase_lines(table: str, path: Path, erasure: Erasure) -> int:
    """Exchange a file of JSON lines for one without the text; gives the number of rows concerned."""
    raw = path.read_bytes()
    if table != "dead_letters" and not erasure.may_be_in(raw):
        return 0
    changed, lines = 0, []
    for line in raw.splitlines(keepends=True):
        row = msgspec.json.decode(line)
        changes = erasure.changes(table, {**row, "raw": base64.b64decode(row.get("raw", ""))})
        changed += changes != STAYS
        if changes is not GOES:
            lines.append(msgspec.json.encode({**row, **changes}) + b"\n" if changes else line)
    if changed:
        write_file(path, b"".join(lines))
    return changed


def _erase_rows(table: str, path: Path, erasure: Erasure) -> int:
    """The same of a Parquet file."""
    changes = _changes(table, parquet.read_table(path, columns=list(COLUMNS[table]), partitioning=None), erasure)
    if changes:
        write_file(path, encode(_changed(parquet.read_table(path, partitioning=None), changes)))
    return len(changes)


def _changes(table: str, keys: pa.Table, erasure: Erasure) -> dict[int, Mapping[str, Any] | None]:
    """What becomes of which row."""
    return {
        number: change
        for number, row in enumerate(keys.to_pylist())
        if (change := erasure.changes(table, row)) is GOES or change
    }


def _rewrite_rows(name: str, table: IcebergTable, erasure: Erasure) -> int:
    """Exchange the files with rows of the erasure for ones without, in one commit; gives the number of those rows."""
    rows = 0
    old: list[DataFile] = []
    new: list[DataFile] = []
    for task in table.scan().plan_files():
        changes = _changes(name, _read(table, task, table.schema().select(*COLUMNS[name])), erasure)
        if not changes:
            continue
        rows += len(changes)
        old.append(task.file)
        left = _changed(_read(table, task, table.schema()), changes)
        if left.num_rows:
            new.append(_write(table, task, left))
    if old:
        with table.transaction() as transaction, transaction.update_snapshot().overwrite() as exchange:
            for file in old:
                exchange.delete_data_file(file)
            for file in new:
                exchange.append_data_file(file)
    return rows


def _read(table: IcebergTable, task: FileScanTask, columns: IcebergSchema) -> pa.Table:
    read = ArrowScan(table.metadata, table.io, columns, AlwaysTrue()).to_table([task])
    return read.cast(schema_to_pyarrow(columns))


def _changed(rows: pa.Table, changes: Mapping[int, Mapping[str, Any] | None]) -> pa.Table:
    """The rows with the changes at their places."""
    for column in {column for change in changes.values() if change for column in change}:
        values = rows.column(column).to_pylist()
        for number, change in changes.items():
            if change and column in change:
                values[number] = change[column]
        at = rows.schema.get_field_index(column)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))
    return rows.filter(pa.array([changes.get(number, STAYS) is not GOES for number in range(rows.num_rows)]))


def _write(table: IcebergTable, task: FileScanTask, rows: pa.Table) -> DataFile:
    """A new data file beside that of `task`, of the same day."""
    path = f"{task.file.file_path.rpartition('/')[0]}/purged-{uuid.uuid4()}.parquet"
    with table.io.new_output(path).create() as stream:
        parquet.write_table(rows, stream, compression="zstd", row_group_size=ROW_GROUP)
    return parquet_file_to_data_file(table.io, table.metadata, path)


def _forget_past(table: IcebergTable) -> int:
    """Leave the table its present snapshot and the files that this needs; gives the number of files deleted.

    What an exchange deletes stays named in a list of that snapshot, with the least and the greatest value of each
    column; the next commit, here one of nothing, leaves such lists out.
    """
    if table.metadata.current_snapshot_id is None:
        return 0
    with table.transaction() as transaction, transaction.update_snapshot().merge_append():
        pass
    current = table.metadata.current_snapshot_id
    older = [each.snapshot_id for each in table.metadata.snapshots if each.snapshot_id != current]
    with table.transaction() as transaction:
        ExpireSnapshots(transaction).by_ids(older).commit()
    named = named_files(table)
    files = [path for path in local_path(table.location()).rglob("*") if path.name.endswith(SUFFIXES)]
    deleted: Sequence[Path] = [path for path in files if path not in named]
    for path in deleted:
        path.unlink()
    return len(deleted)
