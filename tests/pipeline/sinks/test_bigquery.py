"""What is BigQuery's own: migrations and views against the emulator, and recorded answers for what that lacks."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.sinks import open_sink
from pipeline.sinks.base import Row, SinkError
from pipeline.sinks.bigquery_views import bigquery_statements, bigquery_views
from schemas.examples import EXAMPLES
from schemas.records import SCHEMA_VERSION, Article
from schemas.tables import TABLES
from tests.pipeline.sinks.bigquery_server import INSTALL, ask, bigquery_client, in_bigquery, read_bigquery
from tests.pipeline.sinks.test_sinks import batch, record, rows, write


def dataset_of(folder: Path) -> str:
    return in_bigquery(folder).partition(":")[2]


def article(number: int) -> Article:
    made = record("articles", number)
    assert isinstance(made, Article)
    return made


# ── against the emulator ───────────────────────────────────────────────────────────────────────────────────────────


def test_tables_are_partitioned_by_day_and_clustered(tmp_path: Path) -> None:
    open_sink(in_bigquery(tmp_path)).close()
    table = bigquery_client().get_table(f"{dataset_of(tmp_path)}.revisions")
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "observed_at")
    assert table.clustering_fields == ["article_id"]


def test_a_table_of_an_earlier_version_gets_what_it_lacks_and_of_a_later_one_is_refused(tmp_path: Path) -> None:
    client, dataset = bigquery_client(), dataset_of(tmp_path)
    open_sink(in_bigquery(tmp_path)).close()
    before = client.get_table(f"{dataset}.revisions")
    client.delete_table(before)
    older = type(before)(before.reference, [field for field in before.schema if field.name != "seen_until"])
    older.labels = {"wirebeam-schema-version": "1"}
    client.create_table(older)
    write("bigquery", tmp_path, batch(rows(3)))
    assert [row["seen_until"] for row in read_bigquery(tmp_path, "revisions")] == [None]
    later = client.get_table(before.reference)
    assert later.labels["wirebeam-schema-version"] == str(SCHEMA_VERSION)
    later.labels = {**later.labels, "wirebeam-schema-version": str(SCHEMA_VERSION + 1)}
    client.update_table(later, ["labels"])
    with pytest.raises(SinkError, match=f"schema version {SCHEMA_VERSION + 1}, this program knows {SCHEMA_VERSION}"):
        open_sink(in_bigquery(tmp_path))


def test_every_view_can_be_asked(tmp_path: Path) -> None:
    write("bigquery", tmp_path, batch([Row(seq, *row) for seq, row in enumerate(EXAMPLES.items(), start=1)]))
    found = {name: len(ask(f"SELECT * FROM `{dataset_of(tmp_path)}.{name}`")) for name in bigquery_views("p.d")}
    assert {name: count for name, count in found.items() if not count} == {
        "withdrawn": 0,
        "kill_exposure": 0,
        "missing": 0,
    }


def test_a_view_gets_its_present_query(tmp_path: Path) -> None:
    client = bigquery_client()
    open_sink(in_bigquery(tmp_path)).close()
    view = client.get_table(f"{dataset_of(tmp_path)}.latest")
    query, view.view_query = view.view_query, "SELECT 1"
    client.update_table(view, ["view_query"])
    open_sink(in_bigquery(tmp_path)).close()
    assert client.get_table(view.reference).view_query == query


def test_a_value_that_no_column_can_hold_is_refused_and_the_others_are_written(tmp_path: Path) -> None:
    sink = open_sink(in_bigquery(tmp_path))
    some = [Row(1, "articles", replace(article(1), urgency=2**63)), Row(2, "articles", article(2))]
    assert [refused.row.seq for refused in sink.write(batch(some))] == [1]
    assert not sink.write(batch([Row(3, "articles", article(3))]))
    sink.close()
    assert [row["capture_id"] for row in read_bigquery(tmp_path, "articles")] == ["002", "003"]


def test_two_datasets_of_one_project_get_the_same_rows(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write("bigquery", folder, batch(rows(3)))
        assert [row["capture_id"] for row in read_bigquery(folder, "articles")] == ["003"]


def test_a_dataset_that_is_missing_is_said(tmp_path: Path) -> None:
    in_bigquery(tmp_path)
    with pytest.raises(SinkError, match=r"bigquery:test\.nowhere: 404"):
        open_sink("bigquery:test.nowhere")


# ── recorded answers ───────────────────────────────────────────────────────────────────────────────────────────────


class Job:
    """A load job: how it is when it is looked at, and how it ends."""

    def __init__(self, last_seq: int, reason: str = "", *, is_endless: bool = False) -> None:
        self.labels = {"wirebeam-last-seq": str(last_seq)}
        self.error_result = {"reason": reason, "message": f"{reason}: words"} if reason else None
        self._is_endless = is_endless

    def result(self, timeout: float) -> None:  # noqa: ARG002  # as the library's
        from google.api_core.exceptions import BadRequest  # noqa: PLC0415  # an extra

        if self._is_endless:
            raise TimeoutError
        if self.error_result:
            raise BadRequest(self.error_result["message"])


class Service:
    """As `bigquery.Client`, of which a sink sees this much; it notes what it is asked.

    Args:
        jobs: those that it has already, by id.
        answers: to the uploads, in turn: an exception, a job's reason to fail, or "" for success; success at the end.
        poison: sequence numbers of rows with which a job fails.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.answers: list[Exception | str] = []
        self.poison: set[str] = set()
        self.loaded: list[str] = []
        self.labels: dict[str, dict[str, str]] = {}

    def get_dataset(self, *_args: Any, **_more: Any) -> Any:
        return SimpleNamespace(location="EU")

    def get_table(self, table: Any, **_more: Any) -> Any:
        name = str(table)
        view_query = bigquery_views("p.d").get(name.rpartition(".")[2])
        labels = {"wirebeam-schema-version": str(SCHEMA_VERSION), **self.labels.get(name, {})}
        schema = [] if view_query else [SimpleNamespace(name=column) for column in _columns_of(name)]
        return SimpleNamespace(labels=labels, schema=schema, view_query=view_query)

    def update_table(self, table: Any, fields: list[str], **_more: Any) -> None:
        assert fields == ["labels"]
        self.labels.setdefault(str(table), {}).update(table.labels)

    def get_job(self, job_id: str, **_more: Any) -> Job:
        from google.api_core.exceptions import NotFound  # noqa: PLC0415  # an extra

        if job_id not in self.jobs:
            raise NotFound(job_id)
        return self.jobs[job_id]

    def load_table_from_file(self, file: Any, _table: str, *, job_id: str, job_config: Any, **_more: Any) -> Job:
        from google.api_core.exceptions import Conflict  # noqa: PLC0415  # an extra
        from pyarrow import parquet  # noqa: PLC0415  # beside it

        if job_id in self.jobs:
            raise Conflict(job_id)
        file.seek(0)
        ids = parquet.read_table(file)["capture_id"].to_pylist()
        answer = self.answers.pop(0) if self.answers else "invalid" if self.poison & set(ids) else ""
        if isinstance(answer, Exception):
            raise answer
        job = self.jobs[job_id] = Job(int(job_config.labels["wirebeam-last-seq"]), answer)
        if not answer:
            self.loaded += ids
        return job

    def close(self) -> None:
        pass


def _columns_of(name: str) -> list[str]:
    from schemas.tables import columns  # noqa: PLC0415  # beside its only use

    return [column.name for column in columns(name.rpartition(".")[2])]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    library = pytest.importorskip("google.cloud.bigquery", reason=INSTALL)
    made = Service()
    monkeypatch.setattr(library, "Client", lambda *_args, **_more: made)
    return made


ARTICLES = [Row(seq, "articles", article(seq)) for seq in range(1, 9)]
JOB = "wirebeam-w1-d-articles-000000000001"


def ids(some: list[Row]) -> list[str]:
    return [f"{row.seq:03d}" for row in some]


def test_a_job_that_has_succeeded_is_a_delivery_up_to_where_it_went(service: Service) -> None:
    service.jobs[f"{JOB}-0"] = Job(3)
    sink = open_sink("bigquery:p.d")
    sink.write(batch(ARTICLES[:2]))
    assert service.loaded == []
    sink.write(batch(ARTICLES[2:5]))
    assert service.loaded == ids(ARTICLES[3:5])
    assert list(service.jobs) == [f"{JOB}-0", "wirebeam-w1-d-articles-000000000004-0"]


def test_a_later_process_goes_on_where_the_tables_label_says(service: Service) -> None:
    open_sink("bigquery:p.d").write(batch(ARTICLES[:5]))
    assert service.labels["p.d.articles"] == {"wirebeam-last-seq-w1": "5"}
    open_sink("bigquery:p.d").write(batch(ARTICLES[2:7]))
    assert service.loaded == ids(ARTICLES[:7])


def test_a_job_that_has_failed_is_followed_by_the_next_id(service: Service) -> None:
    service.jobs |= {f"{JOB}-0": Job(3, "backendError"), f"{JOB}-1": Job(3, "quotaExceeded")}
    open_sink("bigquery:p.d").write(batch(ARTICLES[:3]))
    assert (list(service.jobs)[-1], service.loaded) == (f"{JOB}-2", ids(ARTICLES[:3]))


def test_a_job_that_runs_is_waited_for_and_found_again(service: Service) -> None:
    service.jobs[f"{JOB}-0"] = Job(3, is_endless=True)
    sink = open_sink("bigquery:p.d")
    with pytest.raises(SinkError, match="TimeoutError"):
        sink.write(batch(ARTICLES[:3]))
    service.jobs[f"{JOB}-0"] = Job(3)
    sink.write(batch(ARTICLES[:3]))
    assert service.loaded == []


@pytest.mark.parametrize("reason", ["quotaExceeded", "rateLimitExceeded", "backendError", "accessDenied"])
def test_a_job_that_fails_for_another_reason_than_its_rows_is_tried_again_later(service: Service, reason: str) -> None:
    service.answers = [reason]
    sink = open_sink("bigquery:p.d")
    with pytest.raises(SinkError, match=f"{JOB}-0 failed: {reason}: {reason}: words"):
        sink.write(batch(ARTICLES[:3]))
    assert not sink.write(batch(ARTICLES[:4]))
    assert (list(service.jobs), service.loaded) == ([f"{JOB}-0", f"{JOB}-1"], ids(ARTICLES[:4]))


@pytest.mark.parametrize(("name", "words"), [("ServiceUnavailable", "503"), ("Forbidden", "403 quotaExceeded")])
def test_a_call_that_fails_is_an_error_of_the_sink(service: Service, name: str, words: str) -> None:
    from google.api_core import exceptions  # noqa: PLC0415  # an extra

    service.answers = [getattr(exceptions, name)("quotaExceeded")]
    sink = open_sink("bigquery:p.d")
    with pytest.raises(SinkError, match=words):
        sink.write(batch(ARTICLES[:3]))
    sink.write(batch(ARTICLES[:3]))
    assert service.loaded == ids(ARTICLES[:3])


def test_rows_that_the_service_cannot_hold_are_found_and_refused(service: Service) -> None:
    service.poison = {"003", "008"}
    sink = open_sink("bigquery:p.d")
    refused = sink.write(batch(ARTICLES))
    assert [(each.row.seq, each.error) for each in refused] == [(3, "invalid: words"), (8, "invalid: words")]
    assert service.loaded == ids([row for row in ARTICLES if row.seq not in {3, 8}])
    again = open_sink("bigquery:p.d").write(batch(ARTICLES))  # its cursor was not noted
    assert not again
    assert len(service.loaded) == 6


def test_where_no_row_goes_in_the_fault_is_the_tables(service: Service) -> None:
    service.poison = set(ids(ARTICLES))
    with pytest.raises(SinkError, match="articles takes none of its rows: invalid: words"):
        open_sink("bigquery:p.d").write(batch(ARTICLES))


# ── without the library ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipeline.sinks.bigquery", None)
    with pytest.raises(SinkError, match=r"pip install 'wirebeam\[gcp\]'"):
        open_sink("bigquery:p.d")


def test_views_name_everything_in_full() -> None:
    text = bigquery_statements("p.d")
    for name in (*TABLES, *bigquery_views("p.d")):
        assert f"FROM {name}" not in text
        assert f"JOIN {name}" not in text
    assert "CREATE OR REPLACE VIEW `p.d.kill_exposure`" in text
    assert "JOIN `p.d.copies` AS original ON" in text
    assert "FROM `p.d.revisions` AS revisions" in text
