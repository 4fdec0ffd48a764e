"""Finds the names of persons, organisations and places in the texts of an article; see `Recogniser`."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from schemas.enums import EntityType
from transforms.names.gazetteer import Gazetteer
from transforms.names.rules import Guess, LineReader, Reading, Span
from transforms.names.tokens import lines
from transforms.names.view import ARTICLE, LineView

LONG = 1_000  # characters: an article that is longer names its people in full somewhere


SOME = 3  # times that a long article says a single name which it never says in full


class Recogniser:
    """Rules over capitals, titles, roles, heads of organisations' names, and a gazetteer."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def read(self, texts: Sequence[str], language: str = "en") -> list[list[Span]]:
        """The names in each of the texts of one article, in order of their place; they do not overlap.

        What is no name by itself (a surname alone, words of a headline) becomes one where another sentence or text of
        the article names it in full.

        Args:
            texts: headline, summary, body, ...
            language: BCP 47. The rules are English. In other languages an unexplained capital is no name: it takes
                the gazetteer, a known given name, or a title or role that English shares. In German, where every noun
                has a capital, a person is given names and one surname. Scripts without capitals give nothing.
        """
        readings = [self._read_text(text, language.partition("-")[0].lower()) for text in texts]
        evidence = _Evidence(readings, self._gazetteer.common_words)
        return [evidence.settle(reading) for reading in readings]

    def _read_text(self, text: str, language: str) -> Reading:
        reading = Reading(text)
        for line in lines(text):
            LineReader(LineView(line, self._gazetteer), reading, language).read()
        return reading


class _Evidence:
    """What the sure names of an article say of its unsure ones. Words are compared without case."""

    def __init__(self, readings: Sequence[Reading], common_words: AbstractSet[str]) -> None:
        self._is_long = sum(len(reading.text) for reading in readings) > LONG
        self._spans: dict[str, Span] = {}
        spans = [(reading.words(span), span) for reading in readings for span in _evident(reading)]
        for words, span in spans:
            self._spans.setdefault(words.casefold(), span)
        for words, span in spans:
            for part in _short_forms(words, span.kind, common_words):
                self._spans.setdefault(part.casefold(), Span(span.start, span.end, span.kind))
        votes: dict[str, Counter[EntityType]] = defaultdict(Counter)
        for reading in readings:
            for guess in reading.guesses:
                if guess.kind is not None:
                    votes[reading.words(guess).casefold()][guess.kind] += 1
        self._times = {words: kinds.total() for words, kinds in votes.items()}
        self._likeliest = {words: kinds.most_common(1)[0][0] for words, kinds in votes.items()}

    def settle(self, reading: Reading) -> list[Span]:
        """The reading's names, with those of its guesses that turn out to be names."""
        spans = list(reading.spans)
        taken = 0
        for guess in reading.guesses:
            span = self._settled(reading.words(guess).casefold(), guess)
            if span is not None and span.start >= taken:
                spans.append(span)
                taken = span.end
        return sorted(spans, key=lambda span: span.start)

    def _settled(self, words: str, guess: Guess) -> Span | None:
        known = self._spans.get(words)
        if known is not None:
            return Span(guess.start, guess.end, known.kind, known.name)
        is_doubted = guess.is_weak and self._is_long and self._times[words] < SOME
        kind = self._likeliest.get(words) if guess.kind and not is_doubted else None
        return None if kind is None else Span(guess.start, guess.end, kind, guess.name)


def _evident(reading: Reading) -> Iterator[Span]:
    """The names that say what others are: the sure ones, and then likely ones of several words."""
    yield from reading.spans
    for guess in reading.guesses:
        if guess.kind is not None and " " in reading.words(guess):
            yield Span(guess.start, guess.end, guess.kind, guess.name)


def _short_forms(name: str, kind: EntityType, common_words: AbstractSet[str]) -> Iterator[str]:
    """The forms that an article uses after the full name."""
    words = name.split()
    if kind is EntityType.ORG and words[0].lower() not in common_words:
        yield words[0]
    if kind is EntityType.PERSON:
        for index, word in enumerate(words):
            yield " ".join(words[index:])
            if word[0].isupper():
                yield word
            if ARTICLE.match(word):
                yield word[word.index("-") + 1 :]
