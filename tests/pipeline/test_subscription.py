"""A subscription as a source: Beam's own where the runner has it, else pullers whose state is no pickle."""

import apache_beam as beam
import pytest
from apache_beam.io.restriction_trackers import OffsetRange
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.utils.timestamp import Timestamp

from tests.pipeline.sinks.pubsub_server import INSTALL

pytest.importorskip("google.pubsub_v1", reason=INSTALL)

from pipeline import subscription  # its libraries are an extra

NAME = "projects/some-project/subscriptions/entries"


def test_dataflow_reads_by_itself_and_knows_repeats_by_the_key_of_an_entry() -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    pipeline | subscription.ReadMessages(NAME, is_native=True)
    transforms = pipeline.to_runner_api().components.transforms.values()
    (read,) = (each for each in transforms if each.spec.urn == "beam:transform:pubsub_read:v1")
    payload = beam_runner_api_pb2.PubSubReadPayload.FromString(read.spec.payload)
    assert payload.subscription == NAME
    assert payload.id_attribute == "key"
    assert payload.with_attributes


def test_where_a_puller_stands_comes_back_as_it_was() -> None:
    pulls = subscription._Pulls()
    coder = pulls.restriction_coder()
    for each in (pulls.initial_restriction(None), OffsetRange(7, 9)):
        assert coder.decode(coder.encode(each)) == each
    watermarks = subscription._Watermarks()
    coder = watermarks.estimator_state_coder()
    for at in (watermarks.initial_estimator_state(None, OffsetRange(0, 1)), Timestamp(1_771_000_000.5)):
        assert coder.decode(coder.encode(at)) == at
