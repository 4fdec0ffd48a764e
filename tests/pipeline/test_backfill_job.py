"""A backfill as one bounded pipeline makes the same rows as a local one, and is the same graph around other edges."""

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline import cluster
from pipeline.backfill import Filters, Report, backfill
from pipeline.backfill_job import backfill_on
from pipeline.cluster import Cluster, ClusterError, shards_of
from pipeline.data_directory import RunnerLock
from pipeline.engine import Settings
from pipeline.newsroom import Newsroom
from pipeline.sinks import open_sink
from pipeline.sinks.base import Batch, Refused, SinkError
from pipeline.sources import Means, open_sources
from pipeline.sources.base import Source
from pipeline.sources.web import WebFetch
from schemas.examples import EXAMPLES
from schemas.tables import TABLES, key_of
from tests.end_to_end.crawl import crawl_all
from tests.pipeline.sinks.test_sinks import read_jsonl, read_postgres, uri_of
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig

HERE = Cluster(runner="FnApiRunner")
SETTINGS = Settings(http=HttpConfig(), workers=1)
CLOCKS = {"ingested_at", "batch_id", "decided_at"}
# What a capture is judged first depends on which ones came before it.
OF_ORDER = {"judged_seq", "similarity", "containment", "evidence"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "newsroom.warc.gz"
    with Newsroom(slow_s=0.05) as newsroom:
        assert crawl_all(newsroom, path) > 200
    return path


def sources_of(*given: Path) -> list[Source]:
    http = HttpConfig()
    means = Means(fetch=WebFetch(Shared(Downloads, (http,))), pool=Shared(Pool, (1,)))
    return list(open_sources([str(path) for path in given], means))


def run_here(archive: Path, *sinks: str, filters: Filters | None = None) -> Report:
    return backfill_on(HERE, sources_of(archive), sinks, SETTINGS, filters or Filters())


@pytest.fixture(scope="module")
def local(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a local backfill writes, as JSON lines."""
    folder = tmp_path_factory.mktemp("local")
    lock = RunnerLock(folder / "data")
    filters = Filters()
    backfill(folder / "data", sources_of(archive), [open_sink(f"jsonl:{folder}")], SETTINGS, filters)
    lock.release()
    return folder


def facts(rows: list[dict[str, Any]]) -> list[str]:
    """Rows without clocks, each key once."""
    plain = ({name: value for name, value in row.items() if name not in CLOCKS} for row in rows)
    return sorted({msgspec.json.encode(row, order="sorted").decode() for row in plain})


def valid(rows: list[dict[str, Any]], key: str) -> list[str]:
    """The judgements that count, without how many there were before."""
    newest: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: int(row["judged_seq"])):
        newest[row[key]] = row
    return facts([{name: value for name, value in row.items() if name not in OF_ORDER} for row in newest.values()])


def assert_same(found: dict[str, list[dict[str, Any]]], local: Path) -> None:
    wanted = {table: read_jsonl(local, table) for table in TABLES}
    assert len(wanted["articles"]) > 40
    assert facts(found["articles"]) == facts(wanted["articles"])
    assert valid(found["revisions"], "capture_id") == valid(wanted["revisions"], "capture_id")
    assert valid(found["links"], "copy_id") == valid(wanted["links"], "copy_id")
    entries = [{row["entry_id"] for row in rows["outcomes"] if row["is_terminal"]} for rows in (found, wanted)]
    assert entries[0] == entries[1]
    assert found["dead_letters"] == wanted["dead_letters"] == []


def test_the_same_rows_as_locally_and_again_nothing_else(archive: Path, local: Path, tmp_path: Path) -> None:
    report = run_here(archive, f"jsonl:{tmp_path}")
    found = {table: read_jsonl(tmp_path, table) for table in TABLES}
    assert_same(found, local)
    assert not report.failed
    assert report.taken == report.outcomes.total() == len(found["outcomes"]) > 200
    assert report.outcomes["published"] + report.outcomes["revised"] == len(found["articles"])

    assert run_here(archive, f"jsonl:{tmp_path}").outcomes == report.outcomes
    again = {table: read_jsonl(tmp_path, table) for table in TABLES}
    for table, rows in again.items():
        assert {key_of_json(table, row) for row in rows} == {key_of_json(table, row) for row in found[table]}
    assert_same(again, local)


def key_of_json(table: str, row: dict[str, Any]) -> str:
    return key_of(table, msgspec.convert(row, TABLES[table].record))


def test_into_two_sinks_at_once_one_of_them_with_keys(archive: Path, local: Path, tmp_path: Path) -> None:
    postgres = uri_of("postgresql", tmp_path)
    for _ in range(2):
        run_here(archive, postgres, f"parquet:{tmp_path / 'parquet'}")
    ours = {row["capture_id"] for row in read_postgres(tmp_path, "articles")}
    assert ours == {row["capture_id"] for row in read_jsonl(local, "articles")}
    assert len(ours) == len(read_postgres(tmp_path, "articles"))
    assert not list((tmp_path / "parquet").rglob("*.unfinished"))


def test_filters_and_damage_are_counted(archive: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(archive.read_bytes()[:20_000])
    report = run_here(cut, f"jsonl:{tmp_path}", filters=Filters(hosts=frozenset({"nowhere.example"})))
    assert report.taken == 0
    assert report.refused["not_wanted"] > 0
    assert len(report.damage) == 1
    (outcome,) = read_jsonl(tmp_path, "outcomes")
    assert outcome["stage"] == "read"
    assert str(cut) in outcome["detail"]


def test_a_source_that_is_gone_costs_itself_only(archive: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone.warc.gz"
    gone.write_bytes(archive.read_bytes())
    sources = sources_of(gone, archive)
    gone.unlink()
    report = backfill_on(HERE, sources, [f"jsonl:{tmp_path}"], SETTINGS, Filters())
    assert report.taken > 200
    assert report.failed == ["1 sources could not be read to their end; the outcomes of stage read say why"]


def test_a_row_that_a_sink_cannot_hold_becomes_a_dead_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Batch] = []

    class Choosy:
        uri = "choosy:"

        def write(self, batch: Batch) -> list[Refused]:
            written.append(batch)
            return [Refused(row, "no") for row in batch.rows if row.table in {"articles", "dead_letters"}]

    monkeypatch.setattr(cluster, "open_sink", lambda _: Choosy())
    cluster.SinkWriter("choosy:").write([EXAMPLES["articles"], EXAMPLES["revisions"]])
    first, second = written
    assert [row.table for row in first.rows] == ["articles", "revisions"]
    assert [row.table for row in second.rows] == ["dead_letters"]
    assert second.rows[0].record.error == "choosy:, a row of articles: no"


def test_a_folder_s_catalog_is_for_one_process(tmp_path: Path) -> None:
    assert shards_of(f"iceberg:{tmp_path}", HERE) == 1
    assert shards_of(uri_of("catalog", tmp_path), Cluster(runner="FlinkRunner")) == 1
    with pytest.raises(SinkError, match="a cluster needs one that all workers share: iceberg:catalog=NAME"):
        shards_of(f"iceberg:{tmp_path}", Cluster(runner="FlinkRunner"))


def test_what_cannot_be_asked_of_a_cluster_is_refused() -> None:
    with pytest.raises(ClusterError, match="take a sample"):
        backfill_on(HERE, (), (), SETTINGS, Filters(limit=1))
    with pytest.raises(ClusterError, match="NoRunner: not a runner; known are FlinkRunner"):
        Cluster(runner="NoRunner")


def test_all_kinds_of_sources_reach_a_worker(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "urls.txt").write_text("https://outlet.example/a\n")
    (tmp_path / "rows.jsonl").write_text('{"url": "https://outlet.example/b"}\n')
    (tmp_path / "sitemap.xml").write_text('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>')
    (tmp_path / "feed.xml").write_text("<rss><channel></channel></rss>")
    (tmp_path / "page.html").write_text("<!doctype html><p>text</p>")
    sources = sources_of(archive, tmp_path)
    assert len(sources) == 6
    for source in pickle.loads(pickle.dumps(sources)):
        assert source.name


def test_the_in_process_runner_is_named() -> None:
    assert isinstance(Cluster(runner="DirectRunner").pipeline().runner, FnApiRunner)
