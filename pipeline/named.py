"""Which articles a person means: by an address, an id or its first digits, or whatever else `wirebeam why` finds by."""

import datetime as dt
from dataclasses import dataclass

from pipeline.ledger import Ledger
from pipeline.why import ID_DIGITS, StepKind, why
from schemas.records import Article
from transforms.text import urls


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What was found.

    Args:
        matched_by: as `why.Answer` has it; "" if nothing was found.
        article_ids: the articles with captures, the newest last. An item may hold more than the one that was asked for,
            since its addresses may have led to others as well: those that the question names itself, if there are any.
        entry_ids: the item's entries, also those that never became an article.
        title: of the newest of all.
        other_items: how many more items fit.
    """

    matched_by: str = ""
    article_ids: tuple[str, ...] = ()
    entry_ids: tuple[str, ...] = ()
    title: str = ""
    other_items: int = 0


def find_named(ledger: Ledger, query: str, now: dt.datetime) -> Named:
    """Find what `query` names; see `why.why`."""
    answer = why(ledger, query, now)
    if answer.story is None or answer.matched_by == "feed":
        return Named()
    of_capture = {
        step.ids["capture_id"]: step.ids["article_id"] for step in answer.story.steps if step.kind is StepKind.ROW
    }
    entry_ids = [step.ids["entry_id"] for step in answer.story.steps if step.ids.get("entry_id")]
    articles = [
        known.record
        for known in ledger.rows(
            Article,
            "list_contains($captures, capture_id)",
            {"captures": list(of_capture)},
            leave_out=("body", "entities", "captions"),
        )
    ]
    direct = [article.article_id for article in articles if _names(query.strip(), article)]
    return Named(
        matched_by=answer.matched_by,
        article_ids=tuple(dict.fromkeys(reversed(direct or [article.article_id for article in articles])))[::-1],
        entry_ids=tuple(dict.fromkeys(entry_ids)),
        title=answer.story.item.title,
        other_items=len(answer.others),
    )


def _names(query: str, article: Article) -> bool:
    digits = query.lower()
    if len(digits) >= ID_DIGITS and (article.article_id.startswith(digits) or article.capture_id.startswith(digits)):
        return True
    address = urls.identity(query if "://" in query else f"https://{query}")
    return address in {urls.identity(article.url), urls.identity(article.canonical_url)}
