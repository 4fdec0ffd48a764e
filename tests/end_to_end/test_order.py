"""The order in which captures arrive decides nothing: whatever it is, and wherever the run ends and begins anew."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import warehouse
from pipeline.deliver import deliver
from pipeline.engine import Cycle
from pipeline.graph import Parts, Work
from pipeline.memory import StateMemory
from pipeline.metrics import Metrics
from pipeline.sinks.iceberg import IcebergSink
from pipeline.state import State
from schemas import ids
from schemas.enums import Origin
from schemas.records import Article, Capture, Entry
from transforms.pool import Pool
from transforms.shared import Shared
from transforms.text import notices, urls
from transforms.visits import SINGLE_RUN
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig
from transforms.write import Gathered

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
STORY = "https://agency.example/harbour-vote"
TITLE = "Council votes to close the old harbour after forty years"
LEAD = (
    "ABERFORD (Agency) - The city council voted on Sunday evening to close the old harbour by the end of the year, "
    "after a debate of six hours in which fishermen and hoteliers spoke from the gallery."
)
MIDDLE = (
    "Mayor Clara Hensby said the quays had lost nine hundred thousand in the last three winters and that no buyer had "
    "come forward. Nineteen boats are still registered there, most of them family owned.\n\n"
    "Union leader Piotr Malik called the vote a betrayal and promised a blockade of the new terminal from Tuesday."
)
MORE = "On Monday the ministry confirmed that it would pay for the move of all nineteen boats to the northern basin."
CORRECTION = "Correction: An earlier version of this article said that twenty-nine boats were registered."
KILL = (
    "This article has been withdrawn. The vote that it reported did not take place on Sunday. Please do not use it; "
    "further information will follow."
)
OTHER = (
    "Rain fell for the ninth day over the valley of the Orle, and the dam at Upper Fells opened two of its gates for "
    "the first time since it was built. Farmers moved their animals to higher ground while engineers watched the "
    "spillway, which is made for twice as much water, the operator said in a statement."
)
FORECAST = "The weather service expects the rain to end on Wednesday, and the river to fall from Thursday on."
REPORT_TITLE = "Dam opens two gates as rain goes on"


def capture(minutes: float, url: str, title: str, body: str, extractor_version: str = "1") -> Capture:
    """A capture as extract would make it."""
    observed_at = NOON + dt.timedelta(minutes=minutes)
    article_id, content_hash = ids.article_id(urls.identity(url)), ids.content_hash(title, body)
    article = Article(
        capture_id=ids.capture_id(article_id, observed_at, content_hash),
        article_id=article_id,
        content_hash=content_hash,
        observed_at=observed_at,
        url=url,
        canonical_url=url,
        extractor_name="test",
        extractor_version=extractor_version,
        title=title,
        body=body,
        word_count=len(body.split()),
        language="en",
        published_at=NOON,
    )
    return Capture(
        article=article,
        entry_id=article.capture_id,
        attempt=1,
        origin=Origin.FEED,
        entry_url=url,
        entry_title=title,
        notice=notices.find(title, body),
    )


FIRST = f"{LEAD}\n\n{MIDDLE}"
CAPTURES = (
    capture(0, STORY, TITLE, FIRST),
    capture(30, STORY, TITLE, f"{FIRST}\n\n{MORE}"),
    capture(60, STORY, TITLE, FIRST),  # as at first
    capture(90, STORY, TITLE, f"{CORRECTION}\n\n{FIRST}\n\n{MORE}"),
    capture(120, STORY, f"WITHDRAWN: {TITLE}", KILL),
    capture(150, STORY, TITLE, f"{FIRST}\n\n{MORE}"),
    capture(45, "https://gazette.example/a", "Old harbour to close, council decides", f"{FIRST}\n\n{MORE}"),
    capture(50, "https://courier.example/b", "Harbour vote: council decides to close", FIRST),
    capture(10, "https://herald.example/dam", REPORT_TITLE, OTHER),
    capture(40, "https://herald.example/dam", REPORT_TITLE, OTHER.replace("engineers", "enginers")),
    # two of the pages by a newer extractor, which also reads their last paragraph
    capture(10, "https://herald.example/dam", REPORT_TITLE, f"{OTHER}\n\n{FORECAST}", "2"),
    capture(40, "https://herald.example/dam", REPORT_TITLE, OTHER.replace("engineers", "enginers") + FORECAST, "2"),
)

QUERIES = (
    "SELECT article_id, content_hash, pub_status, availability, copy_of, cluster_id FROM latest ORDER BY ALL",
    "SELECT article_id, number, seen_at, content_hash, change, pub_status FROM history ORDER BY ALL",
    "SELECT article_id, withdrawn_at, change_note FROM withdrawn ORDER BY ALL",
    "SELECT article_id, original_id, kind, cluster_id, cluster_size FROM copies ORDER BY ALL",
    "SELECT article_id, withdrawn_id, via FROM kill_exposure ORDER BY ALL",
)


@contextmanager
def running(folder: Path) -> Iterator[tuple[State, Cycle]]:
    """A run over `folder`, as far as its memory goes."""
    memory: Shared[Any] = Shared(StateMemory, (str(folder),))
    with closing(State(folder)) as state:
        yield (
            state,
            Cycle(
                Parts(
                    work=Shared(Work),
                    gathered=Shared(Gathered),
                    downloads=Shared(Downloads, (HttpConfig(),)),
                    pool=Shared(Pool),
                    aliases=memory,
                    articles=memory,
                    copies=memory,
                    initial=None,
                    deadline_s=1.0,
                    max_pages=10,
                )
            ),
        )
        memory.get().close()
        memory.forget()


def entry_of(one: Capture) -> Entry:
    return Entry(
        entry_id=one.entry_id,
        feed_id=None,
        entry_key=one.entry_id,
        fingerprint="",
        change_no=0,
        origin=one.origin,
        observed_at=one.article.observed_at,
        url=one.entry_url,
    )


def views_after(folder: Path, runs: Sequence[Sequence[Sequence[Capture]]]) -> list[list[tuple[Any, ...]]]:
    """What the views hold after these runs, each of some cycles, each of some captures."""
    for cycles in runs:
        with running(folder) as (state, cycle):
            for captures in cycles:
                gathered = cycle.run(Work(captures=captures))
                state.commit([entry_of(one) for one in captures], gathered, NOON, SINGLE_RUN)
            sink = IcebergSink(folder / "warehouse")
            deliver(state, sink, Metrics())
            sink.close()
    with warehouse.connect(folder / "warehouse") as connection:
        return [connection.execute(query).fetchall() for query in QUERIES]


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory) -> list[list[tuple[Any, ...]]]:
    """The views after all captures in the order of their times, each in a cycle of its own."""
    ordered = sorted(CAPTURES, key=lambda one: one.article.observed_at)
    return views_after(tmp_path_factory.mktemp("in-time"), [[[one] for one in ordered]])


def test_the_story_is_told_as_it_went(in_time: list[list[tuple[Any, ...]]]) -> None:
    latest, history, withdrawn, copies, exposed = in_time
    story = [row[4] for row in history if row[0] == CAPTURES[0].article.article_id]
    assert story == ["new", "update", "update", "correction", "kill", "restored"]
    assert len(latest) == 4
    assert len(copies) == 3
    assert (withdrawn, exposed) == ([], [])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(CAPTURES),
    cuts=st.lists(st.sampled_from(["", "cycle", "run"]), min_size=len(CAPTURES), max_size=len(CAPTURES)),
)
def test_any_order_with_restarts_ends_with_the_same_views(
    order: list[Capture],
    cuts: list[str],
    in_time: list[list[tuple[Any, ...]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    runs: list[list[list[Capture]]] = [[[]]]
    for one, cut in zip(order, cuts, strict=True):
        runs[-1][-1].append(one)
        if cut == "cycle":
            runs[-1].append([])
        elif cut == "run":
            runs.append([[]])
    assert views_after(tmp_path_factory.mktemp("order"), runs) == in_time
