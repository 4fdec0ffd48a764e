"""What a stream asks of its cluster and its subscription, and refuses."""

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.cluster import Cluster, ClusterError, parts_of
from pipeline.engine import Settings
from schemas import dialects
from tests.pipeline.sinks.pubsub_server import INSTALL
from transforms.outcomes import utc_now
from transforms.web.messages import HttpConfig

pytest.importorskip("google.pubsub_v1", reason=INSTALL)

from pipeline import stream  # its libraries are an extra
from pipeline.messages import Subscription  # as above

NAME = "projects/p/subscriptions/s"


def options_of(cluster: Cluster) -> PipelineOptions:
    return stream.streaming(cluster).beam_options()


def subscription(schema: object = None) -> Subscription:
    return Subscription(name=NAME, topic="projects/p/topics/t", ack_deadline_s=60, schema=schema)


def test_what_flink_needs_is_set_and_what_is_given_counts_more() -> None:
    told = options_of(Cluster(runner="FlinkRunner", options=["--checkpointing_interval=2000"]))
    options = told.get_all_options(retain_unknown_options=True)
    assert options["streaming"] is True
    assert float(options["checkpointing_interval"]) == 2000
    assert (options["environment_type"], options["environment_config"]) == ("EXTERNAL", "localhost:50000")
    for other in ("--environment_type=DOCKER", "--sdk_container_image=own"):
        told = options_of(Cluster(runner="FlinkRunner", options=[other]))
        assert not told.get_all_options(retain_unknown_options=True)["environment_config"]
    for name in (
        "finish_bundle_before_checkpointing",
        "externalized_checkpoints_enabled",
        "retain_externalized_checkpoints_on_cancellation",
    ):
        assert options[name] is True
    # Beam refuses a flag with "=true" once a job server has said that it is one.
    assert not [each for each in stream.OF_FLINK if each.endswith("=true")]


def test_messages_must_be_leased_for_longer_than_a_checkpoint_takes_to_come() -> None:
    stream.check_deadline(subscription(), options_of(Cluster(runner="FlinkRunner")))
    stream.check_deadline(subscription(), options_of(Cluster(runner="DataflowRunner")))
    late = Cluster(runner="FlinkRunner", options=["--checkpointing_interval=60000"])
    with pytest.raises(ClusterError, match="leased for 60 s, and acknowledged at a checkpoint, every 60 s"):
        stream.check_deadline(subscription(), options_of(late))


def test_a_topic_s_schema_must_hold_what_is_published_again() -> None:
    schema = dialects.avro_schema("entries")
    stream.check_schema(subscription())
    stream.check_schema(subscription(schema))
    older = schema | {"fields": [field for field in schema["fields"] if field["name"] != "not_before"]}
    with pytest.raises(ClusterError, match="its schema lacks not_before"):
        stream.check_schema(subscription(older))


def test_the_in_process_runner_never_ends_and_is_refused() -> None:
    parts = parts_of(Settings(HttpConfig()), 1.0, 1, utc_now)
    with pytest.raises(ClusterError, match="wirebeam run --from"):
        stream.pipeline_of(Cluster(runner="DirectRunner"), NAME, (), parts, 1.0, 1)


@pytest.mark.parametrize(("delay_s", "share"), [(0.0, 200), (0.02, 200), (1.0, 5), (2.0, 2), (60.0, 1)])
def test_a_host_s_share_of_a_window_is_what_its_delay_lets_through(delay_s: float, share: int) -> None:
    assert stream.host_share(delay_s) == share
