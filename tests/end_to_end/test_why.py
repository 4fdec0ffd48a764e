"""why: an answer for every entry that the newsroom ever showed, those whose pages could not be had included."""

from pathlib import Path

from pipeline.ledger import Ledger
from pipeline.newsroom import Newsroom
from pipeline.why import Answer, StepKind, why
from schemas.enums import Source
from tests.end_to_end.conftest import Run
from transforms.outcomes import utc_now

TOLD = (StepKind.SEEN, StepKind.ATTEMPT, StepKind.ROW, StepKind.JUDGED, StepKind.DELIVERED)


def assert_told(answer: Answer, source: Source) -> None:
    assert answer.story, answer
    words = {kind: [step.words for step in answer.story.steps if step.kind is kind] for kind in TOLD}
    assert all(words.values()), answer
    assert any("published" in attempt for attempt in words[StepKind.ATTEMPT]), answer
    assert all(("the feed's own text" in row) == (source is Source.FEED) for row in words[StepKind.ROW]), answer


def test_every_entry_ever_shown_has_its_story(newsroom: Newsroom, run: Run, tmp_path: Path) -> None:
    asked = set()
    for _ in range(3):
        run(tmp_path, newsroom.feeds)
        for article in newsroom.truth().articles:
            asked |= {(words, article.source) for words in (article.url, article.feed_url, article.feed_title)}
        newsroom.advance()
    assert len(asked) > 40

    with Ledger(tmp_path) as ledger:
        attempts = set()
        for question, source in sorted(asked):
            answer = why(ledger, question, utc_now())
            assert_told(answer, source)
            assert answer.story
            attempts |= {step.words for step in answer.story.steps if step.kind is StepKind.ATTEMPT}
        for reason in ("robots.txt disallows", "there is no such page", "HTTP status 500"):
            assert any(reason in words for words in attempts), reason

        # an outlet whose feed never answered has shown nothing: the answer is the feed's own trouble
        down = next(feed for feed in newsroom.feeds if "darkwire" in feed)
        answer = why(ledger, down.replace("feed.xml", "an-article"), utc_now())
        assert answer.story is None
        assert any(down in hint and "HTTP status 500" in hint for hint in answer.hints), answer
