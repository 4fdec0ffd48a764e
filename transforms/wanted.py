"""wanted: captures in, those out that a backfill's filters ask for, by what only the text tells: language and date.

What can be told before a page is read (time of capture, host, address) is refused at the source. An entry whose capture
is not wanted ends here: dropped, reason not_wanted.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from schemas.enums import OutcomeKind, Reason, Stage
from schemas.records import Article, Capture, Outcome
from transforms import outcomes
from transforms.outcomes import Clock, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which articles are asked for.

    Args:
        languages: BCP 47, lower case; "pt" asks for "pt-br" too. Empty for all.
        published_since: not those published before, nor those without a date.
        published_until: not those published then or later, nor those without a date.
    """

    languages: frozenset[str] = frozenset()
    published_since: dt.datetime | None = None
    published_until: dt.datetime | None = None


def is_wanted(article: Article, wanted: Wanted) -> bool:
    """Whether an article is asked for."""
    language = (article.language or "").lower()
    if wanted.languages and not wanted.languages & {language, language.partition("-")[0]}:
        return False
    if wanted.published_since is None and wanted.published_until is None:
        return True
    at = article.published_at
    if at is None:
        return False
    is_early = wanted.published_since is not None and at < wanted.published_since
    return not is_early and (wanted.published_until is None or at < wanted.published_until)


@dataclass
class KeepWanted(beam.PTransform):
    """`is_wanted` over a PCollection of `Capture`.

    Main output `captures`: Capture. Tag `outcomes`: Outcome (dropped) of the others.

    Args:
        wanted: which are asked for.
        clock: the time of outcomes.
    """

    wanted: Wanted
    clock: Clock = utc_now

    def expand(self, captures: beam.PCollection[Capture]) -> Any:
        """Join the DoFn and its outputs."""
        return captures | "KeepWanted" >> beam.ParDo(_KeepWanted(self.wanted, self.clock)).with_output_types(
            Capture, outcomes=Outcome
        ).with_outputs("outcomes", main="captures")


class _KeepWanted(beam.DoFn):
    def __init__(self, wanted: Wanted, clock: Clock) -> None:
        self._wanted = wanted
        self._clock = clock

    def process(self, element: Capture) -> Iterator[Any]:
        if is_wanted(element.article, self._wanted):
            yield element
            return
        outcome = outcomes.of_capture(element, Stage.EXTRACT, OutcomeKind.DROPPED, self._clock())
        outcome = dataclasses.replace(outcome, reason=Reason.NOT_WANTED, capture_id=None)
        yield beam.pvalue.TaggedOutput("outcomes", outcome)
