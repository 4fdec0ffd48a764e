"""Keeping an Iceberg warehouse small: many small files of a day become few, and files that nobody needs are deleted.

Commits every half minute leave a day with thousands of small files, and a query opens each. `compact` writes the rows
of a day's small files into one, sorted, and exchanges old for new in one Iceberg commit; PyIceberg has no such
operation. The rows, and the properties that say what was delivered, stay as they are. `sweep` deletes data and metadata
files that no snapshot names, but only those that it saw unnamed at least `GRACE` before: whoever planned a query just
before a compaction still finds its files.

Beside a run: rewriting needs no lock, since a data file never changes; the writer lock is held only for the exchange.
Whatever ends a maintenance half-way leaves files that no snapshot names, and nothing else.
"""

import datetime as dt
import fcntl
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
from pyarrow import parquet
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, PyArrowFileIO, parquet_file_to_data_file, schema_to_pyarrow
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import FileScanTask
from pyiceberg.table import Table as IcebergTable

from pipeline.sinks.iceberg import CATALOG_FILE, NAMESPACE, drop_old_snapshots, open_catalog, sorted_by, writer_lock
from schemas import ids
from schemas.tables import TABLES

# What is held in memory at once: the rows of files of this size together. Text grows about fivefold when it is read.
TOGETHER_BYTES = 32_000_000
TOGETHER_ROWS = 200_000
SMALL_SHARE = 2  # a file is small below one half of either: so a rewritten one is not, unless it was a day's last
FEWEST = 8  # small files of a past day that are worth a rewrite
FEWEST_TODAY = 32  # of the present day, which goes on growing
ROW_GROUP = 10_000  # rows; a query for one article reads one group
SNAPSHOT_AGE = dt.timedelta(days=1)  # older ones are dropped though they are few: they name files that were replaced
GRACE = dt.timedelta(hours=1)  # from the first sight of an unnamed file to its end
MAINTENANCE_LOCK = "maintenance.lock"
UNNAMED_FILE = "unnamed.json"  # since when which files have been named by no snapshot
SUFFIXES = (".parquet", ".avro", ".metadata.json")  # of the files that make up a table


class CompactError(Exception):
    """A warehouse cannot be maintained; the message says why, for a person. Its rows are as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What was done with one table, or would be.

    Args:
        files_before: data files of the table as it was.
        files_after: data files of the table as it is.
        files_deleted: data and metadata files that no snapshot named any more.
    """

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    files_deleted: int
    bytes_deleted: int


def groups(tasks: Iterable[FileScanTask], today: dt.date) -> Iterator[list[FileScanTask]]:
    """The files to be written into one, each list of one day and bounded in size; none where it is not worth it.

    Args:
        tasks: the files of a table that is partitioned by day, as a scan of the whole table plans them.
        today: the present day, UTC.
    """
    of_day: dict[int, list[FileScanTask]] = defaultdict(list)
    for task in tasks:
        if _is_small(task):
            of_day[task.file.partition[0]].append(task)
    this_day = (today - ids.EPOCH.date()).days
    for day, small in sorted(of_day.items()):
        if len(small) < (FEWEST_TODAY if day >= this_day else FEWEST):
            continue
        group: list[FileScanTask] = []
        size = rows = 0
        for task in sorted(small, key=_path):
            size += task.file.file_size_in_bytes
            rows += task.file.record_count
            if group and (size > TOGETHER_BYTES or rows > TOGETHER_ROWS):
                yield group
                group, size, rows = [], task.file.file_size_in_bytes, task.file.record_count
            group.append(task)
        if len(group) > 1:
            yield group


def compact(folder: Path, name: str, table: IcebergTable, group: Sequence[FileScanTask]) -> None:
    """Write the rows of the files in `group` into one new file, and exchange them in one commit.

    Args:
        folder: the warehouse.
        name: the table's name.
        table: the table; it is refreshed.
        group: one of its `groups`.

    Raises:
        CompactError: the new file does not hold what the old ones held; nothing was exchanged.
    """
    read = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue()).to_table(group)
    order = [(column, "ascending") for column in sorted_by(name)]
    rows = read.cast(schema_to_pyarrow(table.schema())).sort_by(order)
    path = f"{_path(group[0]).rpartition('/')[0]}/compacted-{uuid.uuid4()}.parquet"
    with table.io.new_output(path).create() as stream:
        parquet.write_table(rows, stream, compression="zstd", row_group_size=ROW_GROUP)
    _verify(name, table, group, read, path)
    written = parquet_file_to_data_file(table.io, table.metadata, path)
    with writer_lock(folder):
        table.refresh()
        with table.transaction() as transaction:
            with transaction.update_snapshot().overwrite() as exchange:
                for task in group:
                    exchange.delete_data_file(task.file)
                exchange.append_data_file(written)
            drop_old_snapshots(transaction)


def sweep(
    table: IcebergTable, unnamed: Mapping[str, dt.datetime], now: dt.datetime
) -> tuple[dict[str, dt.datetime], list[Path]]:
    """Find the files in a table's folder that no snapshot names.

    Args:
        table: the table; it is refreshed.
        unnamed: what earlier sweeps returned: since when which files have been unnamed.
        now: the time.

    Returns:
        Since when which files have been unnamed; and of these the ones that have been so for `GRACE`, which can go.

    Raises:
        CompactError: a file that the table names is missing, so that nothing can be said of the others.
    """
    folder = local_path(table.location())
    files = {path for path in folder.rglob("*") if path.name.endswith(SUFFIXES)}
    table.refresh()
    missing = {local_path(_path(task)) for task in table.scan().plan_files()} - files
    if missing:
        raise CompactError(f"{folder}: {len(missing)} files of the table are missing, e.g. {min(missing)}")
    since = {str(path): min(unnamed.get(str(path), now), now) for path in files - named_files(table)}
    return since, [Path(path) for path, moment in sorted(since.items()) if now - moment >= GRACE]


def maintain_warehouse(folder: Path, now: dt.datetime, *, is_dry_run: bool = False) -> tuple[TableReport, ...]:
    """Compact every table of the warehouse in `folder`, and delete the files that are no longer needed.

    Args:
        folder: the warehouse.
        now: says which day is the present one, and which files have had their `GRACE`.
        is_dry_run: only say what would be done.

    Raises:
        CompactError: someone else is at it, a file is missing or cannot be written, or does not hold what it should.
    """
    try:
        with maintenance_lock(folder):
            catalog = open_catalog(folder)
            try:
                known = _read_unnamed(folder)
                unnamed: dict[str, dt.datetime] = {}
                reports = []
                for name in TABLES:
                    try:
                        table = catalog.load_table((NAMESPACE, name))
                    except NoSuchTableError:
                        continue
                    since, report = _maintain_table(folder, name, table, known, now, is_dry_run=is_dry_run)
                    unnamed |= since
                    reports.append(report)
                if not is_dry_run:
                    _write_unnamed(folder, unnamed)
            finally:
                catalog.close()
    except OSError as error:
        raise CompactError(f"{folder}: {error}") from error
    return tuple(reports)


def is_warehouse(folder: Path) -> bool:
    """True if there is a warehouse in `folder`."""
    return (folder / CATALOG_FILE).is_file()


# ── inside ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _maintain_table(
    folder: Path,
    name: str,
    table: IcebergTable,
    known: Mapping[str, dt.datetime],
    now: dt.datetime,
    *,
    is_dry_run: bool,
) -> tuple[dict[str, dt.datetime], TableReport]:
    """What is unnamed in the table's folder from now on, and what was done."""
    before = list(table.scan().plan_files())
    files_after = len(before)
    for group in groups(before, now.date()):
        files_after -= len(group) - 1
        if not is_dry_run:
            compact(folder, name, table, group)
    if not is_dry_run:
        with writer_lock(folder), table.refresh().transaction() as transaction:
            drop_old_snapshots(transaction, older_than=now - SNAPSHOT_AGE)
    unnamed, old = sweep(table, known, now)
    after = before if is_dry_run else list(table.scan().plan_files())
    bytes_deleted = sum(path.stat().st_size for path in old)
    if not is_dry_run:
        for path in old:
            path.unlink()
            del unnamed[str(path)]
    return unnamed, TableReport(
        table=name,
        files_before=len(before),
        files_after=files_after,
        bytes_before=sum(task.file.file_size_in_bytes for task in before),
        bytes_after=sum(task.file.file_size_in_bytes for task in after),
        files_deleted=len(old),
        bytes_deleted=bytes_deleted,
    )


def _is_small(task: FileScanTask) -> bool:
    """Of a file from which another program has deleted rows nothing is known here: it stays as it is."""
    return (
        task.file.file_size_in_bytes < TOGETHER_BYTES // SMALL_SHARE
        and task.file.record_count < TOGETHER_ROWS // SMALL_SHARE
        and not task.delete_files
    )


def _verify(name: str, table: IcebergTable, group: Sequence[FileScanTask], read: pa.Table, path: str) -> None:
    """That the file at `path` holds the rows of `group`, each once."""
    with table.io.new_input(path).open() as stream:
        written = parquet.read_table(stream)
    counts = {read.num_rows, written.num_rows, sum(task.file.record_count for task in group)}
    columns = list(dict.fromkeys((*TABLES[name].key, "batch_id")))
    by_key = [(column, "ascending") for column in columns]
    keys = [rows.select(columns).cast(_plain(rows, columns)).sort_by(by_key) for rows in (read, written)]
    if len(counts) != 1 or not keys[0].equals(keys[1]):
        raise CompactError(f"{path}: does not hold the rows of the {len(group)} files that it was made of")


def _plain(rows: pa.Table, columns: Sequence[str]) -> pa.Schema:
    """The columns' types without the difference between Arrow's strings of 32 and of 64 bits."""
    fields = [rows.schema.field(column) for column in columns]
    return pa.schema([pa.field(field.name, pa.large_string() if _is_text(field) else field.type) for field in fields])


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_string(field.type) or pa.types.is_large_string(field.type))


def named_files(table: IcebergTable) -> set[Path]:
    """Every file that the table's metadata names, directly or through its snapshots."""
    metadata = table.metadata
    names = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    names |= {file.statistics_path for file in (*metadata.statistics, *metadata.partition_statistics)}
    manifests: dict[str, ManifestFile] = {}
    for snapshot in metadata.snapshots:
        names.add(snapshot.manifest_list)
        manifests |= {manifest.manifest_path: manifest for manifest in snapshot.manifests(table.io)}
    names |= manifests.keys()
    for manifest in manifests.values():
        names |= {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io)}
    return {local_path(name) for name in names}


def _path(task: FileScanTask) -> str:
    return task.file.file_path


def local_path(location: str) -> Path:
    """The file that PyIceberg opens for `location`."""
    return Path(PyArrowFileIO.parse_location(location)[2])


def _read_unnamed(folder: Path) -> dict[str, dt.datetime]:
    try:
        return msgspec.json.decode((folder / UNNAMED_FILE).read_bytes(), type=dict[str, dt.datetime])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}  # without it files only stay longer


def _write_unnamed(folder: Path, unnamed: Mapping[str, dt.datetime]) -> None:
    unfinished = folder / f"{UNNAMED_FILE}.unfinished"
    unfinished.write_bytes(msgspec.json.encode(unnamed))
    unfinished.replace(folder / UNNAMED_FILE)


@contextmanager
def maintenance_lock(folder: Path) -> Iterator[None]:
    """Held by the one who maintains the warehouse; the lock dies with its process."""
    with (folder / MAINTENANCE_LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CompactError(f"{folder}: another maintenance is going on") from error
        yield
