"""iceberg:DIR: Apache Iceberg tables with a SQLite catalog in DIR, append-only, partitioned by day.

What was delivered is a property of each table, set in the same Iceberg commit as the append: a crash between two tables
leaves the first with its number and the second without, and the next delivery writes only what is lacking. One writer
lock per warehouse is held while writing, since PyIceberg silently retries an append on a stale table.

Every snapshot in a table's metadata makes each further commit dearer, by about 0.7 ms (benchmarks/maintenance.py), so
commits drop the oldest. Files that no snapshot names any more are deleted by `pipeline.sinks.compact`.

A table that an earlier version of this program made gets the columns that have come since when the sink is opened; in
its older rows they are null. One that a later version has changed is refused.
"""

import datetime as dt
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction
from pyiceberg.table.update.snapshot import ExpireSnapshots
from pyiceberg.transforms import DayTransform

from pipeline.sinks.base import Batch, Refused, SinkError, behind
from schemas import ids, tables
from schemas.records import SCHEMA_VERSION

NAMESPACE = "wirebeam"
CATALOG_FILE = "catalog.db"
LOCK_FILE = "writer.lock"
DELIVERED = "wirebeam.delivered-seq."  # + the writer's id
VERSION = "wirebeam.schema-version"
SNAPSHOTS_KEPT = 50  # 25 minutes of commits every 30 s; a table holds up to twice as many

_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    # Each commit writes a new metadata file; only the last few are kept.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
    # Each commit writes a new manifest as well; a hundred are merged into one, or planning a query reads them all.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "100",
    VERSION: str(SCHEMA_VERSION),
}


def open_catalog(folder: Path, *, may_create: bool = False) -> SqlCatalog:
    """The catalog of the warehouse in `folder`, which must exist.

    Args:
        folder: the warehouse.
        may_create: make the catalog's own tables if they are not there; the caller holds the writer lock. Two that
            make them at once fail, so a reader never does.
    """
    return SqlCatalog(
        "wirebeam",
        uri=f"sqlite:///{folder / CATALOG_FILE}",
        warehouse=str(folder.absolute()),  # no URI: PyIceberg would take %20 for the folder's own name
        init_catalog_tables=str(may_create).lower(),
    )


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Held by whoever changes the tables of the warehouse in `folder`; the lock dies with its process."""
    with (folder / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def drop_old_snapshots(transaction: Transaction, older_than: dt.datetime | None = None) -> None:
    """Take snapshots out of a table's metadata; no file is deleted.

    Once there are twice as many as are kept, only the newest stay; and of these, those that are not `older_than`. The
    present snapshot stays, and any that a branch or a tag names.
    """
    metadata = transaction.table_metadata
    snapshots = sorted(metadata.snapshots, key=lambda snapshot: snapshot.sequence_number or 0)
    expired = snapshots[:-SNAPSHOTS_KEPT] if len(snapshots) >= 2 * SNAPSHOTS_KEPT else []
    if older_than is not None:
        expired = [*expired, *(each for each in snapshots if each.timestamp_ms < ids.micros(older_than) // 1000)]
    named = {ref.snapshot_id for ref in metadata.refs.values()}
    dropped = {snapshot.snapshot_id for snapshot in expired} - named
    if dropped:
        ExpireSnapshots(transaction).by_ids(sorted(dropped)).commit()


class IcebergSink:
    """Exactly once per writer.

    Args:
        folder: the warehouse.
    """

    takes_entries = False

    def __init__(self, folder: Path) -> None:
        self.uri = f"iceberg:{folder}"
        self._folder = folder.absolute()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with writer_lock(self._folder):
                self._tables = {name: self._open_table(name) for name in tables.TABLES}
        except OSError as error:
            raise SinkError(f"{self.uri}: {error.strerror or error}") from error

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Append the rows that are new here, one Iceberg commit per table; see `Sink.write`."""
        try:
            with writer_lock(self._folder):
                for name, rows in batch.by_table():
                    table = self._tables[name].refresh()
                    self._check_version(name, table)  # another process may have changed it meanwhile
                    key = DELIVERED + batch.writer
                    fresh = behind(rows, int(table.properties.get(key, "0")))
                    if not fresh:
                        continue
                    arrow = tables.arrow_table(name, [row.record for row in fresh], batch.delivery)
                    with table.transaction() as transaction:
                        transaction.append(arrow)
                        transaction.set_properties({key: str(batch.last_seq)})
                        drop_old_snapshots(transaction)
        except OSError as error:
            raise SinkError(f"{self.uri}: {error}") from error
        return ()

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    @cached_property
    def _catalog(self) -> SqlCatalog:
        catalog = open_catalog(self._folder, may_create=True)
        catalog.create_namespace_if_not_exists(NAMESPACE)
        return catalog

    def _open_table(self, name: str) -> IcebergTable:
        identifier = (NAMESPACE, name)
        try:
            table = self._catalog.load_table(identifier)
        except NoSuchTableError:
            schema = tables.iceberg_schema(name)
            time_column = tables.TABLES[name].time_column
            source = schema.find_field(time_column)
            day = PartitionField(
                source_id=source.field_id, field_id=1000, transform=DayTransform(), name=f"{time_column}_day"
            )
            return self._catalog.create_table(
                identifier, schema=schema, partition_spec=PartitionSpec(day), properties=_PROPERTIES
            )
        self._check_version(name, table)
        _add_columns(table, name)
        return table

    def _check_version(self, name: str, table: IcebergTable) -> None:
        version = _version(table)
        if version > SCHEMA_VERSION:
            raise SinkError(
                f"{self.uri}: table {name} has schema version {version}, this program knows {SCHEMA_VERSION}"
            )


def _version(table: IcebergTable) -> int:
    return int(table.properties.get(VERSION, "0"))


def _add_columns(table: IcebergTable, name: str) -> None:
    """Give a table that an earlier version made the columns that have come since.

    They are optional, whatever a new table makes of them, since older rows lack them; Iceberg numbers them itself.
    """
    schema, known = tables.iceberg_schema(name), {field.name for field in table.schema().fields}
    if _version(table) == SCHEMA_VERSION and known.issuperset(field.name for field in schema.fields):
        return
    fields = [field if field.name in known else field.model_copy(update={"required": False}) for field in schema.fields]
    with table.transaction() as transaction:
        with transaction.update_schema() as update:
            update.union_by_name(IcebergSchema(*fields))
        transaction.set_properties({VERSION: str(SCHEMA_VERSION)})
