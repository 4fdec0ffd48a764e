"""Tag: names the persons, organisations and places of an article.

In: `Capture`. Out: the same captures, their article's `entities`, `tagger_name` and `tagger_version` filled in.
A capture on which the tagger fails becomes a dead letter with its outcome: it costs that capture, never the cycle.
"""

import dataclasses
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.pvalue import DoOutputsTuple, PCollection, TaggedOutput

from schemas.enums import Stage
from schemas.records import Article, Capture, DeadLetter, Outcome
from transforms import outcomes
from transforms.names.tagger import Tagger, load_tagger
from transforms.outcomes import Clock, utc_now
from transforms.shared import Shared
from transforms.timing import StageTime

_TIME = StageTime(Stage.TAG)


def tag(article: Article, tagger: Tagger) -> Article:
    """The article with its entities; whatever entities it had are replaced.

    Mentions count code points in title, summary and body as the article has them; in captions, in their texts joined
    by a line feed.
    """
    captions = "\n".join(caption.text for caption in article.captions)
    entities = tagger.entities(article.title, article.summary or "", article.body, captions, article.language)
    return dataclasses.replace(article, entities=entities, tagger_name=tagger.name, tagger_version=tagger.version)


@dataclasses.dataclass
class TagEntities(beam.PTransform):
    """`tag` for a collection of captures.

    Gives main `captures`: Capture; `outcomes`: Outcome and `dead_letters`: DeadLetter of those that failed.
    """

    tagger: Shared[Tagger] = Shared(load_tagger)  # noqa: RUF009  # a Shared is an immutable name
    clock: Clock = utc_now

    def expand(self, captures: PCollection[Capture]) -> DoOutputsTuple:
        """Join the stage's one step."""
        return captures | "TagEntities" >> beam.ParDo(_Tag(self.tagger, self.clock)).with_output_types(
            Capture, outcomes=Outcome, dead_letters=DeadLetter
        ).with_outputs("outcomes", "dead_letters", main="captures")


class _Tag(beam.DoFn):
    def __init__(self, tagger: Shared[Tagger], clock: Clock) -> None:
        self._shared = tagger
        self._clock = clock

    def setup(self) -> None:
        self._tagger = self._shared.get()

    def process(self, capture: Capture) -> Iterator[Capture | TaggedOutput]:
        try:
            with _TIME.measured():
                tagged = dataclasses.replace(capture, article=tag(capture.article, self._tagger))
        except Exception as error:  # noqa: BLE001  # whatever goes wrong costs this capture only
            outcome, letter = outcomes.bug(capture, Stage.TAG, error, self._clock())
            yield TaggedOutput("outcomes", outcome)
            yield TaggedOutput("dead_letters", letter)
        else:
            yield tagged
