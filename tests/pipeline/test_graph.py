"""The graph: its step names, on which a running job's state hangs, and the coders on its edges."""

import os
from pathlib import Path
from typing import Any, cast

import apache_beam as beam
import pytest
from apache_beam.coders import Coder, coders
from apache_beam.pipeline import PipelineVisitor
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.pipeline_context import PipelineContext
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.backfill import Filters
from pipeline.backfill_job import build_backfill
from pipeline.cluster import SinkWriter
from pipeline.graph import Parts, StageParts, Work, build
from tests.pipeline.sinks.pubsub_server import INSTALL
from transforms.coders import RecordCoder
from transforms.copies.index import CopyIndex
from transforms.identify import NoAliases
from transforms.pool import Pool
from transforms.revise import NoMemory
from transforms.shared import Shared
from transforms.web.downloads import Downloads
from transforms.web.messages import HttpConfig
from transforms.write import Gathered

GOLDEN = Path(__file__).parent / "golden"
STEPS = {
    "local": GOLDEN / "steps.txt",
    "cluster": GOLDEN / "cluster_steps.txt",
    "stream": GOLDEN / "stream_steps.txt",
}

# What may stand on an edge beside a record: Beam's own keys, windows and ticks.
PLAIN = (
    coders.BytesCoder,
    coders.StrUtf8Coder,
    coders.VarIntCoder,
    coders.BooleanCoder,
    coders.GlobalWindowCoder,
    coders.IntervalWindowCoder,
)


STAGES: dict[str, Any] = {
    "downloads": Shared(Downloads, (HttpConfig(),)),
    "pool": Shared(Pool, (1,)),
    "aliases": Shared(NoAliases),
    "articles": Shared(NoMemory),
    "copies": Shared(CopyIndex),
    "deadline_s": 1.0,
    "max_pages": 10,
}


@pytest.fixture(scope="module", params=STEPS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(kind: str) -> beam.Pipeline:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    if kind == "local":
        build(pipeline, Parts(work=Shared(Work), gathered=Shared(Gathered), initial=None, **STAGES))
    elif kind == "stream":
        pytest.importorskip("google.pubsub_v1", reason=INSTALL)
        from pipeline import messages, stream, subscription  # noqa: PLC0415  # their libraries are an extra

        asked = messages.Subscription(name="projects/p/subscriptions/s", topic="projects/p/topics/t", ack_deadline_s=60)
        came = pipeline | "Messages" >> subscription.ReadMessages(asked.name)
        writers, publisher = {Shared(SinkWriter, ("jsonl:rows",)): 4}, Shared(SinkWriter, ("jsonl:again",))
        parts = StageParts(**STAGES)
        stream.build_stream(came, asked, parts, 5, writers, cast("Shared[Any]", publisher), flush_s=10)
    else:
        filters = Filters()
        writers = {Shared(SinkWriter, ("jsonl:rows",)): 4}
        build_backfill(pipeline, (), filters, StageParts(wanted=filters.wanted, **STAGES), writers)
    return pipeline


class Names(PipelineVisitor):
    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_transform(self, node: Any) -> None:
        self.names.append(node.full_label)


def test_step_names_are_the_golden_ones(kind: str, built: beam.Pipeline) -> None:
    names = Names()
    built.visit(names)
    made = "".join(f"{name}\n" for name in names.names)
    if os.environ.get("WIREBEAM_UPDATE_GOLDEN"):
        STEPS[kind].write_text(made)
    assert made == STEPS[kind].read_text()
    assert len(names.names) == len(set(names.names))


def _leaves(coder: Coder) -> list[Coder]:
    parts = coder._get_component_coders() if not isinstance(coder, RecordCoder) else []
    return [leaf for part in parts for leaf in _leaves(part)] if parts else [coder]


def test_every_record_on_an_edge_is_msgpack_and_nothing_is_a_pickle(built: beam.Pipeline) -> None:
    proto = built.to_runner_api()
    context = PipelineContext(proto.components)
    seen = set()
    for name, collection in proto.components.pcollections.items():
        for leaf in _leaves(context.coders.get_by_id(collection.coder_id)):
            assert isinstance(leaf, (RecordCoder, *PLAIN)), f"{collection.unique_name} ({name}): {leaf}"
            seen.add(leaf.kind.__name__ if isinstance(leaf, RecordCoder) else "")
    assert {"Entry", "Page", "Capture", "Article", "Outcome", "Link", "Revision"} <= seen


def _pardos(proto: Any) -> list[Any]:
    return [
        beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        for transform in proto.components.transforms.values()
        if transform.spec.urn == "beam:transform:pardo:v1"
    ]


def test_no_two_stages_name_an_event_time_timer_alike(built: beam.Pipeline) -> None:
    """Beam's in-process runner tells timers of steps that it fuses by this name alone: one of two would never fire."""
    event_time = beam_runner_api_pb2.TimeDomain.EVENT_TIME
    names = [
        name
        for pardo in _pardos(built.to_runner_api())
        for name, spec in pardo.timer_family_specs.items()
        if spec.time_domain == event_time
    ]
    assert len(names) >= 3  # identify, revise and link have one each
    assert len(names) == len(set(names)), names


def test_state_cells_are_msgpack_too(built: beam.Pipeline) -> None:
    proto = built.to_runner_api()
    context = PipelineContext(proto.components)
    cells = 0
    for pardo in _pardos(proto):
        for spec in pardo.state_specs.values():
            coder_id = spec.bag_spec.element_coder_id or spec.read_modify_write_spec.coder_id
            assert isinstance(context.coders.get_by_id(coder_id), RecordCoder)
            cells += 1
    assert cells >= 2
