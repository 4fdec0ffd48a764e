"""iceberg:DIR and iceberg:catalog=NAME: Apache Iceberg tables, append-only, partitioned by day.

DIR is a warehouse of this program's own, with a SQLite catalog in it. NAME is any catalog that PyIceberg knows (REST,
SQL, Glue, ...), described by PyIceberg's own configuration: ~/.pyiceberg.yaml or PYICEBERG_CATALOG__NAME__URI and such.

What was delivered is a property of each table, set in the same Iceberg commit as the append: a crash between two tables
leaves the first with its number and the second without, and the next delivery writes only what is lacking. A commit
holds only on the snapshot whose number was read: where somebody else has committed meanwhile it fails, and the number
is read again. PyIceberg by itself would put the append on top of whatever it finds. In DIR one writer lock is held as
well, so that writers wait for each other and for maintenance.

A cluster's batches have no numbers: the id of each stands in the summary of its snapshot, and one that is written again
is refused while that snapshot is among those that the table keeps. A property of each would grow the table for ever.

Every snapshot in a table's metadata makes each further commit dearer, by about 0.7 ms (benchmarks/maintenance.py), so
commits drop the oldest. Files that no snapshot names any more are deleted by `pipeline.sinks.compact`.

A table that an earlier version of this program made gets the columns that have come since when the sink is opened; in
its older rows they are null. One that a later version has changed is refused.
"""

import datetime as dt
import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import TableProperties, Transaction
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.table.update.snapshot import ExpireSnapshots
from pyiceberg.transforms import DayTransform, IdentityTransform

from pipeline.sinks.arrow import arrow_rows
from pipeline.sinks.base import Batch, Refused, Row, SinkError, behind
from schemas import ids, tables
from schemas.records import SCHEMA_VERSION

T = TypeVar("T")

NAMESPACE = "wirebeam"
CATALOG_FILE = "catalog.db"
LOCK_FILE = "writer.lock"
DELIVERED = "wirebeam.delivered-seq."  # + the writer's id
BATCH = "wirebeam.batch-id"  # in the summary of a snapshot
VERSION = "wirebeam.schema-version"
TRIES = 10  # at a commit, while others commit to the same table
SNAPSHOTS_KEPT = 50  # 25 minutes of commits every 30 s; a table holds up to twice as many

_BY_NAME = "catalog="
_ORDER = {"articles": ("article_id", "observed_at"), "revisions": ("article_id", "observed_at", "judged_seq")}
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


@dataclass(frozen=True, slots=True)
class NamedCatalog:
    """A catalog that PyIceberg's configuration describes under this name."""

    name: str

    def __str__(self) -> str:
        """As it stands in a sink's URI."""
        return f"{_BY_NAME}{self.name}"


Place = Path | NamedCatalog  # where a warehouse is


def place_of(where: str) -> Place:
    """What stands behind iceberg: in a URI: a folder, or catalog=NAME."""
    if where.startswith(_BY_NAME):
        return NamedCatalog(where.removeprefix(_BY_NAME))
    return Path(where).expanduser()


def open_catalog(place: Place, *, may_create: bool = False) -> Catalog:
    """The catalog of the warehouse at `place`, which must exist.

    Args:
        place: the warehouse.
        may_create: make the catalog's own tables if they are not there; the caller holds the writer lock. Two that
            make them at once fail, so a reader never does.

    Raises:
        ValueError: PyIceberg knows no catalog of that name.
    """
    if isinstance(place, NamedCatalog):
        return load_catalog(place.name)
    return SqlCatalog(
        "wirebeam",
        uri=f"sqlite:///{place / CATALOG_FILE}",
        warehouse=str(place.absolute()),  # no URI: PyIceberg would take %20 for the folder's own name
        init_catalog_tables=str(may_create).lower(),
    )


def is_shared(place: Place) -> bool:
    """Whether processes on several machines can commit to the warehouse: its catalog is no SQLite file.

    Raises:
        SinkError: PyIceberg knows no catalog of that name, or cannot open it.
    """
    if isinstance(place, Path):
        return False
    try:
        with closing(open_catalog(place)) as catalog:
            return not catalog.properties.get("uri", "").startswith("sqlite")
    except Exception as error:  # whatever a catalog's library raises
        raise SinkError(f"iceberg:{place}: {error}") from error


def sorted_by(name: str) -> tuple[str, ...]:
    """The columns by which the rows of a table's larger files are sorted."""
    return _ORDER.get(name, tables.TABLES[name].key)


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
        place: the warehouse.
    """

    takes_entries = False

    def __init__(self, place: Place) -> None:
        self.uri = f"iceberg:{place}"
        self._place = place.absolute() if isinstance(place, Path) else place
        try:
            if isinstance(self._place, Path):
                self._place.mkdir(parents=True, exist_ok=True)
            with self._lock():
                self._tables = {name: self._retried(partial(self._open_table, name)) for name in tables.TABLES}
        except SinkError:
            raise
        except Exception as error:  # whatever a catalog's library raises
            raise SinkError(f"{self.uri}: {getattr(error, 'strerror', None) or error}") from error

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Append the rows that are new here, one Iceberg commit per table; see `Sink.write`."""
        refused: list[Refused] = []
        try:
            with self._lock():
                for name, rows in batch.by_table():
                    refused += self._retried(partial(self._append, name, rows, batch))
        except OSError as error:
            raise SinkError(f"{self.uri}: {error}") from error
        return refused

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()

    @cached_property
    def _catalog(self) -> Catalog:
        catalog = open_catalog(self._place, may_create=True)
        catalog.create_namespace_if_not_exists(NAMESPACE)
        return catalog

    def _lock(self) -> AbstractContextManager[None]:
        return writer_lock(self._place) if isinstance(self._place, Path) else nullcontext()

    def _retried(self, work: Callable[[], T]) -> T:
        """Do it on the table as it is now, again if somebody else has changed that meanwhile."""
        for _ in range(TRIES - 1):
            with suppress(CommitFailedException):
                return work()
        try:
            return work()
        except CommitFailedException as error:
            raise SinkError(f"{self.uri}: {error}") from error

    def _append(self, name: str, rows: Sequence[Row], batch: Batch) -> Sequence[Refused]:
        table = self._tables[name].refresh()
        self._check_version(name, table)
        fresh = _lacking(table, rows, batch)
        if not fresh:
            return ()
        arrow, refused = arrow_rows(name, fresh, batch.delivery)
        if arrow.num_rows:
            # Of this object only: the property would keep others, who may, from trying again.
            once = {**table.properties, TableProperties.COMMIT_NUM_RETRIES: "0"}
            table.metadata = table.metadata.model_copy(update={"properties": once})
            with table.transaction() as transaction:
                if batch.writer is None:
                    transaction.append(arrow, snapshot_properties={BATCH: batch.delivery.batch_id})
                else:
                    transaction.append(arrow)
                    transaction.set_properties({DELIVERED + batch.writer: str(batch.last_seq)})
                drop_old_snapshots(transaction)
        return refused

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
            order = SortOrder(*[SortField(schema.find_field(column).field_id) for column in sorted_by(name)])
            table = self._catalog.create_table_if_not_exists(
                identifier, schema=schema, partition_spec=PartitionSpec(day), sort_order=order, properties=_PROPERTIES
            )
        self._check_version(name, table)
        _add_columns(table, name)
        _add_order(table, name)
        return table

    def _check_version(self, name: str, table: IcebergTable) -> None:
        version = _version(table)
        if version > SCHEMA_VERSION:
            raise SinkError(
                f"{self.uri}: table {name} has schema version {version}, this program knows {SCHEMA_VERSION}"
            )


def _lacking(table: IcebergTable, rows: Sequence[Row], batch: Batch) -> Sequence[Row]:
    """The rows that a table lacks, as far as it knows."""
    if batch.writer is not None:
        return behind(rows, int(table.properties.get(DELIVERED + batch.writer, "0")))
    summaries = (snapshot.summary for snapshot in table.metadata.snapshots)
    return () if any(each and each[BATCH] == batch.delivery.batch_id for each in summaries) else rows


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


def _add_order(table: IcebergTable, name: str) -> None:
    """Declare by what a table is sorted that an earlier version made."""
    if table.sort_order().is_unsorted:
        with table.update_sort_order() as update:
            for column in sorted_by(name):
                update.asc(column, IdentityTransform())
