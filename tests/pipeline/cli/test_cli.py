"""The commands, as a person or a script calls them: what they print, and how they end."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli.main import app
from pipeline.data_directory import RunnerLock, warehouse_of
from pipeline.formats import Dialect
from pipeline.newsroom import Newsroom
from pipeline.views import views
from schemas.tables import TABLES

LOOPBACK = ["--once", "--allow-net", "127.0.0.0/8", "--host-delay", "0"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one run over two feeds and a feed list with a broken line."""
    folder = tmp_path_factory.mktemp("cli")
    with Newsroom(slow_s=0.0) as newsroom:
        (folder / "feeds.txt").write_text(f"# two feeds\n{newsroom.feeds[0]}\nno address at all\n{newsroom.feeds[1]}\n")
        done = call("run", folder / "feeds.txt", "--data", folder / "data", *LOOPBACK)
    (folder / "printed.txt").write_text(done.output)
    assert done.exit_code == 0, done.output
    return folder


def test_run_reports_each_feed_and_where_the_rows_are(folder: Path) -> None:
    printed = (folder / "printed.txt").read_text()
    assert "feeds.txt" in printed
    assert "feeds.txt:3: " in printed
    assert "2 feeds" in printed
    assert f"rows are in iceberg:{warehouse_of(folder / 'data')}" in printed


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("json", json.loads),
        ("jsonl", lambda text: [json.loads(line) for line in text.splitlines()]),
        ("csv", lambda text: list(csv.DictReader(io.StringIO(text)))),
    ],
)
def test_sql_answers_in_every_format(folder: Path, form: str, read: object) -> None:
    query = "select feed_id, count(*) as articles from latest where title <> '' group by feed_id order by 2"
    done = call("sql", query, "--data", folder / "data", "--format", form)
    assert done.exit_code == 0, done.output
    rows = read(done.stdout)  # type: ignore[operator]  # each is a function
    assert len(rows) == 2
    assert all(int(row["articles"]) > 0 for row in rows)


def test_sql_prints_a_table_for_a_person(folder: Path) -> None:
    done = call("sql", "select 'a' as letter, NULL as nothing, [1, 2] as list", "--data", folder / "data")
    assert done.exit_code == 0
    assert "letter" in done.stdout
    assert "[1,2]" in done.stdout
    assert "None" not in done.stdout


def test_sql_stops_at_a_limit_and_says_so(folder: Path) -> None:
    query = "select unnest(range(5000)) as number"
    done = call("sql", query, "--data", folder / "data", "--limit", 1500, "--format", "csv")
    assert done.stdout.split() == ["number", *map(str, range(1500))]
    assert "only the first 1500 rows" in done.stderr
    done = call("sql", query, "--data", folder / "data", "--limit", 5000, "--format", "jsonl")
    assert len(done.stdout.splitlines()) == 5000
    assert done.stderr == ""


def test_latest_prints_headlines_or_everything(folder: Path) -> None:
    done = call("latest", "--limit", 3, "--data", folder / "data")
    assert done.exit_code == 0, done.output
    assert "title" in done.stdout
    assert "body" not in done.stdout
    assert "--limit shows more" in done.stderr
    done = call("latest", "--limit", 3, "--data", folder / "data", "--format", "json")
    rows = json.loads(done.stdout)
    assert len(rows) == 3
    assert all(row["body"] and row["pub_status"] == "usable" for row in rows)
    assert [row["observed_at"] for row in rows] == sorted((row["observed_at"] for row in rows), reverse=True)


def test_latest_about_somebody_or_something(folder: Path) -> None:
    asked = "select name, count(distinct article_id) as articles from entities group by 1 order by 2 desc, 1"
    (most,) = json.loads(call("sql", asked, "--limit", 1, "--data", folder / "data", "--format", "json").stdout)
    done = call("latest", "--entity", most["name"].upper(), "--data", folder / "data", "--format", "jsonl")
    assert len(done.stdout.splitlines()) == most["articles"]
    done = call("latest", "--entity", most["name"][:-1], "--data", folder / "data")
    assert done.exit_code == 0
    assert f"like it: {most['name']}" in done.stderr


def test_latest_says_what_is_no_time(folder: Path) -> None:
    done = call("latest", "--since", "soon", "--data", folder / "data")
    assert done.exit_code == 2
    assert "--since: 'soon'" in done.stderr


def test_export_writes_a_file_and_none_over_another(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "latest.CSV"
    done = call("export", "latest", "--to", to, "--data", folder / "data")
    assert done.exit_code == 0, done.output
    with to.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows)} rows of latest" in done.stdout
    to.write_text("before")
    done = call("export", "latest", "--to", to, "--data", folder / "data")
    assert (done.exit_code, to.read_text()) == (2, "before")
    assert "--force" in done.stderr
    assert call("export", "latest", "--to", to, "--data", folder / "data", "--force").exit_code == 0
    assert to.read_text() != "before"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["storys", "--to", "file.csv"], 2, "latest"),
        (["latest", "--to", "file.txt"], 2, "--format parquet|csv|jsonl|arrow"),
        (["latest", "--to", "missing/file.csv"], 1, "missing/file.csv: No such file"),
    ],
)
def test_export_says_what_is_wrong(
    arguments: list[str], status: int, words: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("export", *arguments, "--data", folder / "data")
    assert done.exit_code == status
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", [*TABLES, *views(Dialect.DUCKDB)])
def test_every_table_can_be_asked(folder: Path, table: str) -> None:
    done = call("sql", f"select * from {table} limit 3", "--data", folder / "data", "--format", "jsonl")
    assert done.exit_code == 0, done.output


def test_sql_says_in_one_line_what_is_wrong(folder: Path) -> None:
    done = call("sql", "select nonsense from articles", "--data", folder / "data")
    assert done.exit_code == 2
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.output
    assert call("sql", "select 1", "--data", folder / "elsewhere").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--once"], "no feed to poll"),
        (["http://127.0.0.1:9/feed", "--min-interval", "soon"], "'soon' is no duration"),
        (["http://127.0.0.1:9/feed", "--min-interval", "2h", "--max-interval", "1h"], "shortest interval"),
        (["http://127.0.0.1:9/feed", "--revisit", "24h,3h"], "--revisit: '24h,3h'"),
        (["missing.opml", "--once"], "missing.opml"),
        (["http://127.0.0.1:9/feed", "--once", "--initial", "some"], "newest:N"),
        (["http://127.0.0.1:9/feed", "--once", "--allow-net", "127.0.0.1.2"], "127.0.0.1.2"),
        (["ftp://127.0.0.1/feed", "--once"], "ftp"),
    ],
)
def test_bad_usage_ends_with_2_and_says_why(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = call("run", *arguments, "--data", tmp_path / "data")
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.output


def test_a_second_run_on_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    lock = RunnerLock(tmp_path)
    done = call("run", "http://127.0.0.1:9/feed", "--once", "--data", tmp_path)
    lock.release()
    assert done.exit_code == 1
    assert "another run is using it" in done.stderr


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("run", "http://127.0.0.1:9/feed", "--once", "--data", tmp_path / "file")
    assert done.exit_code == 1
    assert "file" in done.stderr
    assert "Traceback" not in done.output


def test_a_feed_that_fails_is_reported_and_is_no_fault_of_the_run(tmp_path: Path) -> None:
    done = call("run", "http://127.0.0.1:9/feed", "--data", tmp_path, *LOOPBACK)
    assert done.exit_code == 0, done.output
    assert "failed: connect" in done.stdout


def test_without_leave_loopback_is_refused(tmp_path: Path) -> None:
    done = call("run", "http://127.0.0.1:9/feed", "--data", tmp_path, "--once")
    assert done.exit_code == 0, done.output
    assert "failed: address refused" in done.stdout


def test_jsonl_can_be_the_only_sink(tmp_path: Path) -> None:
    with Newsroom(slow_s=0.0) as newsroom:
        done = call("run", newsroom.feeds[0], "--data", tmp_path / "d", "--sink", f"jsonl:{tmp_path}/out", *LOOPBACK)
    assert done.exit_code == 0, done.output
    assert list((tmp_path / "out" / "articles").glob("day=*/*.jsonl"))
    assert not warehouse_of(tmp_path / "d").exists()


def test_schema_prints_one_table_or_all() -> None:
    assert json.loads(call("schema", "links").stdout)["title"] == "links"
    assert set(json.loads(call("schema").stdout)) == set(TABLES)
    assert "capture_id: string not null" in call("schema", "articles", "--format", "arrow").stdout
    assert "CREATE TABLE IF NOT EXISTS links" in call("schema", "--format", "postgres").stdout
    assert "| capture_id | text |" in call("schema", "articles", "--format", "markdown").stdout
    for form in ("iceberg", "bigquery", "avro"):
        assert set(json.loads(call("schema", "--format", form).stdout)) == set(TABLES)
    assert json.loads(call("schema", "links", "--format", "bigquery").stdout)[0]["name"] == "copy_id"
    done = call("schema", "storys")
    assert done.exit_code == 2
    assert "articles" in done.stderr


@pytest.mark.parametrize("dialect", Dialect)
def test_schema_prints_the_views_of_every_engine(dialect: Dialect) -> None:
    made = call("schema", "--views", dialect).stdout
    assert made.count("CREATE OR REPLACE VIEW ") == len(views(dialect))
    assert call("schema", "links", "--views", dialect).exit_code == 2
