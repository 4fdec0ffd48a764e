"""bigquery:PROJECT.DATASET: tables in BigQuery, written by Parquet load jobs. Exactly once per writer.

A label of each table says up to which sequence number it has a writer's rows. The load that follows is a job whose id
says after which number it begins, and a label of the job up to which it goes. The service takes an id once only, so a
batch that is delivered again, in whatever division, meets the job of its first delivery: if that has succeeded, its
rows are there; if it runs, it is waited for; if it has failed, the next id is tried. Of a cluster the batch's id stands
in the job's in place of the writer's, and no table is labelled.

A table takes 1,500 load jobs a day, so rows wait for others at least `FLUSH_S`. A job fails as a whole: if something is
wrong with its rows, they are loaded in ever smaller parts until the one is found that the service cannot hold.

Tables are made, partitioned by the day of their time column and clustered by article, and the columns and views that
have come since are added when the sink is opened; tables of a later version are refused. Where BIGQUERY_EMULATOR_HOST
names an emulator, that is used, as by all of Google's libraries.
"""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pyarrow as pa
from google.api_core.exceptions import Conflict, GoogleAPICallError, NotFound, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from pyarrow import parquet

from pipeline.sinks.base import Batch, Refused, Row, SinkError, behind
from pipeline.sinks.bigquery_views import bigquery_views
from schemas import dialects, tables
from schemas.records import SCHEMA_VERSION, Delivery

FLUSH_S = 120.0  # 720 load jobs a table and day, of 1,500 (cloud.google.com/bigquery/quotas#load_jobs)
RETRY_S = 60.0  # that a call which fails for a reason that may pass is tried again; after that the sink has failed
UPLOAD_RETRIES = 4  # as RETRY_S, of an upload, which counts instead: 1 + 2 + 4 + 8 s
CALL_TIMEOUT_S = 60.0
JOB_TIMEOUT_S = 600.0  # for which a load job is waited; it goes on, and is found by its id the next time
ALONE_LIMIT = 3  # rows that fail each for itself while none goes in: then the fault is the table's
VERSION = "wirebeam-schema-version"  # label of a table
LAST_SEQ = "wirebeam-last-seq"  # label of a job, and with the writer's id behind it of a table

# Of a failed job: something is wrong with its rows, or with the table (cloud.google.com/bigquery/docs/error-messages).
OF_ROWS = "invalid"
NOT_OF_TYPE = (pa.ArrowException, OverflowError, UnicodeError)  # what Arrow raises of a value


@dataclass(frozen=True, slots=True)
class _Span:
    """Which rows of a writer's, or of a cluster's batch, a load job is of."""

    writer: str
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class _Loaded:
    """How a load ended: up to which sequence number it went; and the service's words, if it takes none of its rows."""

    last_seq: int
    refusal: str = ""


class BigQuerySink:
    """Exactly once per writer.

    Args:
        dataset: PROJECT.DATASET; the dataset exists.
    """

    takes_entries = False
    least_flush_s = FLUSH_S

    def __init__(self, dataset: str) -> None:
        self.uri = f"bigquery:{dataset}"
        self._dataset = dataset
        project, _, self._name = dataset.partition(".")
        if not (project and self._name):
            raise SinkError(f"{self.uri}: bigquery:PROJECT.DATASET was expected")
        self._retry = DEFAULT_RETRY.with_timeout(RETRY_S)
        self._reached: dict[tuple[str, str], int] = {}  # by table and writer: its label
        is_emulated = "BIGQUERY_EMULATOR_HOST" in os.environ
        try:
            self._client = bigquery.Client(project, credentials=AnonymousCredentials() if is_emulated else None)
            self._location = self._call(self._client.get_dataset, dataset).location
            for table in tables.TABLES:
                self._open_table(table)
            for view, query in bigquery_views(dataset).items():
                self._open_view(view, query)
        except (GoogleAPICallError, GoogleAuthError, RetryError, OSError) as error:
            raise self._failed(error) from error

    def write(self, batch: Batch) -> Sequence[Refused]:
        """Load the rows that are new here, each table by a job of its own; see `Sink.write`."""
        refused: list[Refused] = []
        try:
            for table, rows in batch.by_table():
                refused += self._write_table(table, rows, batch)
        except (GoogleAPICallError, GoogleAuthError, RetryError, OSError) as error:  # OSError: of requests, of time
            raise self._failed(error) from error
        return refused

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    # ── tables ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open_table(self, name: str) -> None:
        """Make the table, or add the columns that it lacks."""
        described = tables.TABLES[name]
        schema = [bigquery.SchemaField.from_api_repr(field) for field in dialects.bigquery_schema(name)]
        wanted = bigquery.Table(f"{self._dataset}.{name}", schema)
        wanted.time_partitioning = bigquery.TimePartitioning(field=described.time_column)
        names = {field.name for field in schema}
        wanted.clustering_fields = ["article_id"] if "article_id" in names else [described.key[0]]
        wanted.description = f"One row is {described.grain}"
        wanted.labels = {VERSION: str(SCHEMA_VERSION)}
        try:
            table = self._call(self._client.get_table, wanted.reference)
        except NotFound:
            table = self._call(self._client.create_table, wanted, exists_ok=True)  # by another writer, meanwhile
        version = int(table.labels.get(VERSION, 1))
        if version > SCHEMA_VERSION:
            raise SinkError(
                f"{self.uri}: table {name} has schema version {version}, this program knows {SCHEMA_VERSION}"
            )
        known = {field.name for field in table.schema}
        added = [_nullable(field) for field in schema if field.name not in known]
        if added or version < SCHEMA_VERSION:
            table.schema = [*table.schema, *added]
            table.labels = {**table.labels, VERSION: str(SCHEMA_VERSION)}
            self._call(self._client.update_table, table, ["schema", "labels"])

    def _open_view(self, name: str, query: str) -> None:
        """Make the view, or give it its present query."""
        wanted = bigquery.Table(f"{self._dataset}.{name}")
        wanted.view_query = query
        try:
            view = self._call(self._client.get_table, wanted.reference)
        except NotFound:
            view = self._call(self._client.create_table, wanted, exists_ok=True)
        if view.view_query != query:
            view.view_query = query
            self._call(self._client.update_table, view, ["view_query"])

    def _reached_by(self, table: str, batch: Batch) -> int:
        """The sequence number up to which `table` is known to have the rows of the batch's writer."""
        if batch.writer is None:
            return batch.first_seq - 1
        at = (table, batch.writer)
        if at not in self._reached:
            labels = self._call(self._client.get_table, f"{self._dataset}.{table}").labels
            self._reached[at] = int(labels.get(f"{LAST_SEQ}-{batch.writer}", batch.first_seq - 1))
        return self._reached[at]

    def _note(self, table: str, writer: str, seq: int) -> None:
        """Label the table; what is patched leaves the labels of other writers as they are."""
        patch = bigquery.Table(f"{self._dataset}.{table}")
        patch.labels = {f"{LAST_SEQ}-{writer}": str(seq)}
        self._call(self._client.update_table, patch, ["labels"])
        self._reached[table, writer] = seq

    # ── load jobs ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _write_table(self, table: str, rows: Sequence[Row], batch: Batch) -> list[Refused]:
        reached = self._reached_by(table, batch)
        name = batch.writer or batch.delivery.batch_id
        rows, columns, refused = _converted(table, behind(rows, reached), batch.delivery)
        alone: list[Refused] = []
        some_went_in = False
        size = len(rows)
        while rows:
            part = rows[:size]
            last_seq = part[-1].seq if size < len(rows) else batch.last_seq
            loaded = self._load(table, columns[:size], _Span(name, reached + 1, last_seq))
            if loaded.refusal and len(part) > 1:
                size = len(part) // 2
                continue
            if loaded.refusal:
                alone.append(Refused(part[0], loaded.refusal))
                if len(alone) == ALONE_LIMIT and not some_went_in:
                    break
            else:
                some_went_in = True
            reached = loaded.last_seq
            rows = behind(rows, reached)
            size = len(rows)
            columns = columns[len(columns) - size :]
        if alone and not some_went_in:
            raise SinkError(f"{self.uri}: table {table} takes none of its rows: {alone[0].error}")
        if batch.writer is not None and reached > self._reached[table, batch.writer]:
            self._note(table, batch.writer, reached)
        return [*refused, *alone]

    def _load(self, table: str, columns: pa.Table, span: _Span) -> _Loaded:
        """Load rows, or find the job that has loaded what begins with the same sequence number.

        Raises:
            SinkError: a job failed for a reason that does not lie in the rows.
        """
        for number in count():
            job_id = f"wirebeam-{span.writer}-{self._name}-{table}-{span.first_seq:012d}-{number}"  # one in the project
            # After a first failure the next ids are likely taken too: asking costs less than an upload.
            job = self._found(job_id) if number else None
            is_new = job is None
            if job is None:
                try:
                    job = self._start(job_id, table, columns, span.last_seq)
                except Conflict:
                    is_new = False
                    job = self._call(self._client.get_job, job_id, location=self._location)
            _wait(job)
            if not job.error_result:
                return _Loaded(int(job.labels[LAST_SEQ]))
            if is_new:
                reason, words = job.error_result.get("reason"), job.error_result.get("message", "")
                if reason != OF_ROWS:
                    raise SinkError(f"{self.uri}: load job {job_id} failed: {reason}: {words}")
                return _Loaded(span.last_seq, words or OF_ROWS)
        raise AssertionError

    def _found(self, job_id: str) -> Any | None:
        try:
            return self._call(self._client.get_job, job_id, location=self._location)
        except NotFound:
            return None

    def _start(self, job_id: str, table: str, columns: pa.Table, last_seq: int) -> Any:
        file = io.BytesIO()
        parquet.write_table(columns, file, compression="zstd")
        return self._client.load_table_from_file(
            file,
            f"{self._dataset}.{table}",
            rewind=True,
            job_id=job_id,
            location=self._location,
            job_config=_job_config(last_seq),
            num_retries=UPLOAD_RETRIES,
            timeout=CALL_TIMEOUT_S,
        )

    def _call(self, method: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """One call of the client's, bounded in time with all its retries: the library's own bound is 10 minutes."""
        return method(*args, retry=self._retry, timeout=CALL_TIMEOUT_S, **more)

    def _failed(self, error: Exception) -> SinkError:
        return SinkError(f"{self.uri}: {' '.join(str(error).split()) or type(error).__name__}")


def _wait(job: Any) -> None:
    """Until the job has ended, well or not."""
    try:
        job.result(timeout=JOB_TIMEOUT_S)
    except GoogleAPICallError:
        if not job.error_result:  # the call failed, not the job
            raise


def _job_config(last_seq: int) -> Any:
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        labels={LAST_SEQ: str(last_seq)},
    )
    config.parquet_options = bigquery.ParquetOptions()
    config.parquet_options.enable_list_inference = True  # else a list is a record of records
    return config


def _converted(table: str, rows: Sequence[Row], delivery: Delivery) -> tuple[Sequence[Row], pa.Table, list[Refused]]:
    """The rows whose values are of their columns' types, the same as columns, and the other rows."""
    try:
        return rows, _columns(table, rows, delivery), []
    except NOT_OF_TYPE:
        fitting, refused = [], []
        for row in rows:
            try:
                _columns(table, [row], delivery)
            except NOT_OF_TYPE as error:
                refused.append(Refused(row, str(error)))
            else:
                fitting.append(row)
        return fitting, _columns(table, fitting, delivery), refused


def _columns(table: str, rows: Sequence[Row], delivery: Delivery) -> pa.Table:
    return tables.arrow_table(table, [row.record for row in rows], delivery)


def _nullable(field: Any) -> Any:
    """A column that is added must allow null, whatever it is in a new table."""
    described: Mapping[str, Any] = field.to_api_repr()
    if described.get("mode") != "REQUIRED":
        return field
    return bigquery.SchemaField.from_api_repr({**described, "mode": "NULLABLE"})
