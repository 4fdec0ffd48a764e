"""From an article's texts to its entities: what the tag stage calls."""

from collections.abc import Iterator

from schemas.enums import EntityType, MentionField
from schemas.records import Entity, Mention
from transforms.names import gazetteer
from transforms.names.merging import Found, Merged, fold, merge
from transforms.names.recogniser import Recogniser

NAME = "wirebeam-rules"
VERSION = "2"

MAX_TEXT = 200_000  # characters of each text that are read: a longer one is no article


class Tagger:
    """Finds and merges the entities of an article. Immutable: one serves all threads of a process."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.name = NAME
        self.version = VERSION
        self._recogniser = recogniser

    def entities(self, title: str, summary: str, body: str, captions: str, language: str | None) -> tuple[Entity, ...]:
        """The entities of an article, the most salient first.

        Salience is an entity's share of the weights of all mentions: 2 in title and summary, in the body falling
        from 2 at its beginning to 1 at its end, 1 in captions. The saliences of an article add up to 1.

        Args:
            title: the headline; may be empty, as may all others.
            summary: the publisher's summary.
            body: the text; paragraphs on lines of their own.
            captions: the captions' texts, joined by line feeds.
            language: BCP 47; None counts as English. See `Recogniser.read` for other languages.
        """
        texts = {
            MentionField.TITLE: title[:MAX_TEXT],
            MentionField.SUMMARY: summary[:MAX_TEXT],
            MentionField.BODY: body[:MAX_TEXT],
            MentionField.CAPTION: captions[:MAX_TEXT],
        }
        spans = self._recogniser.read(list(texts.values()), language or "en")
        found = [
            Found(field, span, text[span.start : span.end])
            for (field, text), inside in zip(texts.items(), spans, strict=True)
            for span in inside
        ]
        merged = merge(found, texts)
        weights = [sum(_weight(one, len(body)) for one in entity.mentions) for entity in merged]
        total = sum(weights)
        # Sorting is stable: equals stay in order of their first mention.
        ranked = sorted(zip(weights, merged, strict=True), key=lambda pair: -pair[0])
        return tuple(_entity(entity, weight / total) for weight, entity in ranked)

    def spans(self, text: str, language: str = "en") -> list[tuple[int, int, EntityType]]:
        """The names in one text: start, end (0-based code points) and type, in order, not overlapping."""
        [spans] = self._recogniser.read([text], language)
        return [(span.start, span.end, span.kind) for span in spans]


def load_tagger() -> Tagger:
    """The tagger with the shipped data; takes about 0.2 s."""
    return Tagger(Recogniser(gazetteer.load()))


def _weight(one: Found, body_length: int) -> float:
    if one.field is MentionField.BODY:
        return 2 - one.span.start / body_length
    return 1 if one.field is MentionField.CAPTION else 2


def _entity(merged: Merged, salience: float) -> Entity:
    return Entity(
        key=merged.id or f"{merged.kind}:{fold(merged.name)}",
        name=merged.name,
        type=merged.kind,
        id=merged.id,
        salience=salience,
        mentions=tuple(_mentions(merged)),
    )


def _mentions(merged: Merged) -> Iterator[Mention]:
    for one in merged.mentions:
        yield Mention(field=one.field, start=one.span.start, end=one.span.end, text=one.text)
