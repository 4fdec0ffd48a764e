"""Old articles that state.db has forgotten are known again before a backfill judges captures of their days."""

import datetime as dt
from pathlib import Path

from pipeline.maintain import Task, maintain
from pipeline.memory import StateMemory
from pipeline.prime import Primer
from pipeline.state import State
from schemas.enums import Change, Origin
from schemas.records import Article, Capture
from tests.pipeline.test_rebuild import NOW, TEXT, capture, publish
from transforms.revise import Judgement, revise

YEAR = dt.timedelta(days=365)
THEN = NOW - YEAR


def judge(folder: Path, article: Article) -> Judgement:
    memory = StateMemory(str(folder))
    seen = Capture(article=article, entry_id="e", attempt=1, origin=Origin.BACKFILL)
    judgement = revise(seen, memory.neighbours(article.article_id))
    memory.close()
    return judgement


def test_what_the_warehouse_has_is_not_new_a_second_time(tmp_path: Path) -> None:
    first, last = capture("a", THEN, TEXT), capture("a", THEN + dt.timedelta(days=2), f"{TEXT} It has been repaired.")
    publish(tmp_path, first, last, now=THEN)
    maintain(tmp_path, frozenset({Task.STATE}), clock=lambda: NOW, sleep=lambda _: None)
    assert judge(tmp_path, first).change is Change.NEW
    state = State(tmp_path)
    primer = Primer(state, tmp_path)
    assert primer.prime([THEN.date()], NOW) == 2
    assert primer.prime([THEN.date()], NOW) == 0
    assert Primer(state, tmp_path).prime([THEN.date()], NOW) == 0  # state.db has them now
    state.close()
    assert judge(tmp_path, first).same_as == first.capture_id
    assert judge(tmp_path, last).same_as == last.capture_id
    between = judge(tmp_path, capture("a", THEN + dt.timedelta(days=1), f"{TEXT} The master was heard."))
    assert between.change is Change.UPDATE
    assert [(row.predecessor_id, row.judged_seq) for row in between.revisions] == [
        (first.capture_id, 0),
        ("a " + f"{THEN + dt.timedelta(days=1):%d %H:%M}", 1),
    ]


def test_what_is_young_or_has_no_warehouse_costs_nothing(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert Primer(state, tmp_path).prime([THEN.date(), NOW.date()], NOW) == 0
    state.close()
