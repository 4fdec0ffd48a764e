"""What was purged stays away, though its feed goes on showing it and its page goes on changing."""

from pathlib import Path

from pipeline import warehouse
from pipeline.data_directory import warehouse_of
from pipeline.newsroom import Newsroom
from pipeline.purge import plan, purge
from tests.end_to_end.conftest import Run
from transforms.outcomes import utc_now


def test_what_was_purged_is_not_taken_in_again(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    run(tmp_path, newsroom.feeds)
    revised = {one.url for one in newsroom.truth().articles}
    newsroom.advance()
    revised &= {one.url for one in newsroom.truth().articles if one.changed_in == 2}
    url = min(revised)  # its page has changed since, and its feed shows it again
    with warehouse.connect(warehouse_of(tmp_path)) as tables:
        (body,) = tables.execute("SELECT body FROM latest WHERE url = ?", [url]).fetchone() or ("",)
    assert body
    purge(tmp_path, plan(tmp_path, url, utc_now()), utc_now())
    run(tmp_path, newsroom.feeds)
    with warehouse.connect(warehouse_of(tmp_path)) as tables:
        assert tables.execute("SELECT count(*) FROM articles WHERE url = ?", [url]).fetchall() == [(0,)]
        outcomes = "SELECT outcome, reason, title FROM outcomes WHERE url = ? AND reason IS NOT NULL"
        assert tables.execute(outcomes, [url]).fetchall() == [("dropped", "suppressed", None)]
    marker = body.split("\n\n")[0][:60].encode()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and marker in path.read_bytes()]
