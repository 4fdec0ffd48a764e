"""Status of a data directory after a whole run over the newsroom."""

from collections.abc import Callable
from pathlib import Path

from pipeline.newsroom import Newsroom
from pipeline.status import Condition, status
from transforms.outcomes import utc_now


def test_a_run_that_is_over_leaves_nothing_behind(
    newsroom: Newsroom, run: Callable[[Path, list[str]], object], tmp_path: Path
) -> None:
    run(tmp_path, [*newsroom.feeds[:3], "http://127.0.0.1:9/feed"])
    found = status(tmp_path, utc_now())
    conditions = [feed.condition for feed in found.feeds]
    assert sorted(conditions) == [Condition.FAILING, *[Condition.HEALTHY] * 3]
    assert (found.runner, found.queue_due, found.outbox_rows) == (None, 0, 0)
    assert found.rows["articles"] > 0
    assert found.rows["polls"] == 4
    (sink,) = found.sinks
    assert sink.rows_behind == 0
