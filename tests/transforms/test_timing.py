"""The counters of stages, over a run of a pipeline."""

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from schemas.enums import Stage
from transforms.timing import StageTime, stage_seconds

_REVISE, _LINK = StageTime(Stage.REVISE), StageTime(Stage.LINK)


class Work(beam.DoFn):
    def process(self, number: int) -> Iterator[int]:
        _REVISE.add(1.5)
        with _LINK.measured():
            yield number


def test_a_stages_seconds_are_summed_over_its_steps_and_elements() -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    pipeline | "Numbers" >> beam.Create([1, 2]) | "One" >> beam.ParDo(Work()) | "Two" >> beam.ParDo(Work())
    result = pipeline.run()
    result.wait_until_finish()
    seconds = stage_seconds(result)
    assert seconds[Stage.REVISE] == 6.0
    assert seconds[Stage.LINK] > 0.0
    assert Stage.TAG not in seconds
