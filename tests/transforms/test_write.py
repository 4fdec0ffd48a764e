"""What becomes of an entry whose capture is a row."""

import datetime as dt

import pytest

from schemas.enums import Change, Origin, OutcomeKind
from schemas.records import Article, Capture
from transforms.write import publish

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ARTICLE = Article(
    capture_id="c",
    article_id="a",
    content_hash="h",
    observed_at=NOW,
    url="https://outlet.example/1",
    canonical_url="https://outlet.example/1",
)


@pytest.mark.parametrize(
    ("change", "is_first", "kind"),
    [
        (Change.NEW, True, OutcomeKind.PUBLISHED),
        (Change.KILL, True, OutcomeKind.PUBLISHED),  # an article that was killed before it was ever seen
        (Change.KILL, False, OutcomeKind.REVISED),
        (Change.UPDATE, False, OutcomeKind.REVISED),
    ],
)
def test_the_first_capture_is_published_and_others_revise(change: Change, *, is_first: bool, kind: OutcomeKind) -> None:
    capture = Capture(article=ARTICLE, entry_id="e", attempt=1, origin=Origin.FEED, change=change, is_first=is_first)
    article, outcome = publish(capture, lambda: NOW)
    assert (article, outcome.outcome, outcome.capture_id, outcome.is_terminal) == (ARTICLE, kind, "c", True)
