"""Tag: names the persons, organisations and places of an article.

In: `Capture`. Out: the same captures, in their order, their article's `entities`, `tagger_name` and `tagger_version`
filled in. A capture costs some milliseconds of CPU and at most `timeout_s` seconds; it is worked on in the process
pool. One on which the tagger fails becomes a dead letter with its outcome: it costs that capture, never the cycle.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from schemas import codec
from schemas.enums import Stage
from schemas.records import Article, Capture, DeadLetter, Entity, Outcome
from transforms import outcomes
from transforms.names.tagger import Tagger, load_tagger
from transforms.outcomes import Clock, utc_now
from transforms.pool import Pool, Task, TaskFailed
from transforms.shared import Shared
from transforms.timing import StageTime

TAGGER: Shared[Tagger] = Shared(load_tagger)  # of each process; the pool's workers get theirs by `transforms.preload`

_TIME = StageTime(Stage.TAG)


def tag(article: Article, tagger: Tagger) -> Article:
    """The article with its entities; whatever entities it had are replaced.

    Mentions count code points in title, summary and body as the article has them; in captions, in their texts joined
    by a line feed.
    """
    return _with(article, _tags(tagger, _texts(article)))


@dataclasses.dataclass
class TagEntities(beam.PTransform):
    """`tag` for a collection of captures, in the process pool.

    Gives main `captures`: Capture, in the order of the captures of a bundle; `outcomes`: Outcome and `dead_letters`:
    DeadLetter of those that failed (reason bug, cpu_limit or crashed).

    Args:
        pool: the processes that do the work.
        tagger: what they do it with.
        timeout_s: seconds that one capture may take there.
        clock: the time of outcomes.
    """

    pool: Shared[Pool]
    tagger: Shared[Tagger] = TAGGER
    timeout_s: float = 20.0
    clock: Clock = utc_now

    def expand(self, captures: PCollection[Capture]) -> Any:
        """Join the stage's one step."""
        tagged = beam.ParDo(_Tag(self.pool, self.tagger, self.timeout_s, self.clock))
        tagged = tagged.with_output_types(Capture, outcomes=Outcome, dead_letters=DeadLetter)
        return captures | "TagEntities" >> tagged.with_outputs("outcomes", "dead_letters", main="captures")


# ── the pure function's parts ──────────────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass(frozen=True, slots=True)
class _Texts:
    """What of an article the tagger reads: as little as possible, since it goes to another process."""

    title: str
    summary: str
    body: str
    captions: str
    language: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Tags:
    """What comes back."""

    entities: tuple[Entity, ...]
    name: str
    version: str


def _texts(article: Article) -> _Texts:
    captions = "\n".join(caption.text for caption in article.captions)
    return _Texts(article.title, article.summary or "", article.body, captions, article.language)


def _tags(tagger: Tagger, texts: _Texts) -> _Tags:
    entities = tagger.entities(texts.title, texts.summary, texts.body, texts.captions, texts.language)
    return _Tags(entities, tagger.name, tagger.version)


def _with(article: Article, tags: _Tags) -> Article:
    return dataclasses.replace(article, entities=tags.entities, tagger_name=tags.name, tagger_version=tags.version)


# ── the DoFn ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _tags_in_worker(tagger: Shared[Tagger], texts: _Texts) -> bytes:
    # Pickling the entities would take seven times as long as our codec does.
    return codec.encode(_tags(tagger.get(), texts))


class _Tag(beam.DoFn):
    """Submits captures as they come; collects when the bundle ends."""

    def __init__(self, pool: Shared[Pool], tagger: Shared[Tagger], timeout_s: float, clock: Clock) -> None:
        self._pool = pool
        self._tagger = tagger
        self._timeout_s = timeout_s
        self._clock = clock

    def start_bundle(self) -> None:
        self._under_way: list[tuple[Capture, Timestamp, Task[bytes]]] = []

    def process(self, capture: Capture, timestamp: Timestamp = beam.DoFn.TimestampParam) -> None:
        texts = _texts(capture.article)
        task = self._pool.get().submit(_tags_in_worker, self._tagger, texts, timeout_s=self._timeout_s)
        self._under_way.append((capture, timestamp, task))

    def finish_bundle(self) -> Iterator[Any]:
        for capture, timestamp, task in self._under_way:
            for name, record in self._outputs(capture, task):
                output = WindowedValue(record, timestamp, (GlobalWindow(),))
                yield TaggedOutput(name, output) if name else output
        self._under_way = []

    def _outputs(
        self, capture: Capture, task: Task[bytes]
    ) -> Iterator[tuple[str | None, Capture | Outcome | DeadLetter]]:
        """What is emitted, with its tag: None for the main output."""
        result = task.result()
        _TIME.add(task.cpu_s)
        if isinstance(result, TaskFailed):
            outcome, letter = outcomes.dead(capture, Stage.TAG, result.reason, result.detail, self._clock())
            yield "outcomes", outcome
            yield "dead_letters", letter
        else:
            article = _with(capture.article, codec.decode(result, _Tags))
            yield None, dataclasses.replace(capture, article=article)
