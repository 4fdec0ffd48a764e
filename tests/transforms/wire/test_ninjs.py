"""ninjs: versions 1.x to 3.x, Superdesk's exports, AP's media API, wrappers."""

import datetime as dt
import json
from typing import Any

import pytest

from schemas.enums import NoticeKind, Precision, Zone
from schemas.records import Caption, Capture, Subject
from tests.transforms.wire.samples import (
    BODY,
    FIRST,
    HTML,
    PARAGRAPHS,
    RECEIVED_AT,
    SECOND,
    TITLE,
    ninjs,
    ninjs_object,
    only,
)
from transforms.wire.documents import NotText, WireError, captures_of

CAMEL = {
    "uri": "urn:newsml:fen.example:20240506:ferry",
    "type": "text",
    "version": "1",
    "versionCreated": FIRST,
    "firstCreated": FIRST,
    "pubStatus": "usable",
    "language": "en",
    "headlines": [{"role": "sub", "value": "Nine for, six against"}, {"role": "main", "value": TITLE}],
    "descriptions": [{"role": "caption", "value": "A landing"}, {"role": "text", "value": "The landing is rebuilt."}],
    "bodies": [
        {"role": "summary", "contentType": "text/html", "value": "<p>Short.</p>"},
        {"role": "text", "contentType": "text/plain", "value": "Another printing of the text."},
        {"role": "html5", "contentType": "text/html", "value": f"<html><body><h1>{TITLE}</h1>{HTML}</body></html>"},
    ],
    "copyrightHolder": "Fen Wire Ltd",
    "usageTerms": "Not for archives",
    "embargoed": "2024-05-07T06:00:00+02:00",
    "provider": {"name": "Fen Wire"},
    "by": "Ada Brook and Jan van Holt",
    "subjects": [{"name": "transport", "uri": "http://cv.fen.example/topic/77", "literal": "77"}],
    "genres": [{"name": "Report"}],
    "urgency": 4,
}


def test_names_and_shapes_of_every_version_say_the_same() -> None:
    article = only(json.dumps(CAMEL).encode()).article
    lower = {name.lower(): value for name, value in CAMEL.items()}
    assert only(json.dumps(lower).encode()).article == article
    assert (article.title, article.body, article.summary) == (TITLE, BODY, "The landing is rebuilt.")
    assert (article.byline, article.authors) == ("Ada Brook and Jan van Holt", ("Ada Brook", "Jan van Holt"))
    assert (article.copyright_holder, article.usage_terms) == ("Fen Wire Ltd", "Not for archives")
    assert article.embargoed_until == dt.datetime(2024, 5, 7, 4, tzinfo=dt.UTC)
    assert article.subjects == (Subject(scheme="http://cv.fen.example/topic", code="77", name="transport"),)
    assert (article.genre, article.urgency) == ("Report", 4)


def test_superdesk_s_fields() -> None:
    capture = only(
        ninjs(
            guid="tag:fen.example:2024:1f",
            uri=...,
            priority=6,
            urgency=2,
            version=7,
            versioncreated="2024-05-06T09:30:00+0000",
            firstpublished="2024-05-06T08:30:00+0000",
            byline="By Ada Brook",
            located="Ostermoor",
            slugline="ferry-landing",
            keywords=["ferry", "storm", "ferry"],
            ednote="Updates with quote.",
            service=[{"code": "d", "name": "Domestic"}],
            subject=[{"code": "04015001", "name": "transport"}],
            place=[{"name": "Fenland"}],
            authors=[{"name": "Ada Brook", "role": "author"}, {"name": "Bo Ek", "role": "editor"}],
            description_html="<p>The <b>landing</b> is rebuilt.</p>",
        )
    )
    article = capture.article
    assert (article.urgency, article.version) == (2, "7")
    assert article.published_at == dt.datetime(2024, 5, 6, 8, 30, tzinfo=dt.UTC)
    assert article.published_at_raw == "2024-05-06T08:30:00+0000"
    assert (article.published_precision, article.published_zone) == (Precision.SECOND, Zone.EXPLICIT)
    assert article.modified_at == article.observed_at == dt.datetime(2024, 5, 6, 9, 30, tzinfo=dt.UTC)
    assert (article.authors, article.tags, article.section) == (("Ada Brook",), ("ferry", "storm"), "Domestic")
    assert (article.dateline_place, article.ednote) == ("Ostermoor", "Updates with quote.")
    assert article.summary == "The landing is rebuilt."
    assert article.credits == ("Fen Wire",)
    assert capture.notice is None


def test_priority_is_no_urgency() -> None:
    assert only(ninjs(priority=3)).article.urgency is None
    assert only(ninjs(urgency=0)).article.urgency is None


def test_pictures_give_captions_and_the_widest_photograph() -> None:
    small, wide = "https://img.fen.example/s.jpg", "https://img.fen.example/w.jpg"
    article = only(
        ninjs(
            associations={
                "logo": {"type": "graphic", "renditions": {"main": {"href": "https://img.fen.example/logo.png"}}},
                "featuremedia": {
                    "type": "picture",
                    "description_text": "The old landing in March",
                    "byline": "Cy Dorn/Fen Wire",
                    "renditions": {
                        "a": {"href": small, "width": 200, "mimetype": "image/jpeg"},
                        "b": {"href": wide, "width": 2000, "mimetype": "image/jpeg"},
                    },
                },
                "clip": {"type": "video", "description_text": "A film"},
                "none": None,
            }
        )
    ).article
    assert article.captions == (Caption(text="The old landing in March", credit="Cy Dorn/Fen Wire"),)
    assert article.image_url == wide


def test_an_address_with_a_key_in_it_is_not_kept() -> None:
    picture = {"type": "picture", "renditions": {"a": {"href": "https://img.fen.example/a.jpg?auth_token=abc"}}}
    assert only(ninjs(associations={"main": picture})).article.image_url is None


def test_the_public_address_is_kept_and_an_identifier_is_none() -> None:
    address = "https://fen.example/news/ferry-landing-77"
    article = only(ninjs(canonical_url=f"{address}?utm_source=wire")).article
    assert (article.url, article.canonical_url) == ("", address)
    assert article.article_id == only(ninjs()).article.article_id
    for fields in (
        {"uri": address},
        {"canonical_url": "https://fen.example/"},
        {"canonical_url": "ftp://fen.example/a"},
    ):
        assert only(ninjs(**fields)).article.canonical_url == ""


def test_ap_s_item_is_the_same_under_every_address_that_it_is_given() -> None:
    altids = {"itemid": "95e8f071", "etag": "95e8f071_0a1"}
    one = only(ninjs(uri="https://api.example/v/95e8f071?qt=1&et=0a1", altids=altids))
    other = only(ninjs(uri="https://api.example/v/95e8f071?qt=2&et=0a2", altids={**altids, "etag": "95e8f071_0a2"}))
    listed = only(ninjs(altids=[{"role": name, "value": value} for name, value in altids.items()]))
    assert one.article.article_id == other.article.article_id == listed.article.article_id
    assert one.article.guid == "95e8f071"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda item: {"items": [item]},
        lambda item: {"_items": [item], "_meta": {"total": 1}},
        lambda item: {"item": item},
        lambda item: {"data": {"item": item, "meta": {}}},
        lambda item: {"data": {"items": [{"meta": {}, "item": item}]}},
        lambda item: [item],
    ],
)
def test_wrappers_are_looked_through(wrap: Any) -> None:
    assert only(json.dumps(wrap(ninjs_object())).encode()) == only(ninjs())


def test_what_is_wrapped_too_deep_or_beside_another_is_not_lost() -> None:
    both = {"item": ninjs_object(), "items": [ninjs_object(uri="urn:x:2")]}
    assert len(captures_of(json.dumps(both).encode(), RECEIVED_AT)) == 2
    deep = [ninjs_object(), [[[[[ninjs_object(uri="urn:x:2")]]]]]]
    assert [type(each) for each in captures_of(json.dumps(deep).encode(), RECEIVED_AT)] == [Capture, WireError]


def test_a_list_tells_which_item_is_wrong() -> None:
    found = captures_of(json.dumps([ninjs_object(), 7, {"a": 1}]).encode(), RECEIVED_AT)
    assert isinstance(found[0], Capture)
    assert [str(each).partition(":")[0] for each in found[1:]] == ["item 2", "item 3"]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "picture", "body_html": ..., "body_text": "Shows the landing"},
        {"type": "video", "body_html": ...},
        {"type": "composite", "body_html": ...},
        {"type": "event", "body_html": ..., "eventDetails": {"dates": {}}},
        {"type": ..., "body_html": ..., "eventDetails": {"dates": {"startDate": FIRST}}},
        {"type": "planning"},
    ],
)
def test_other_kinds_are_no_text(fields: dict[str, Any]) -> None:
    with pytest.raises(NotText, match="no text in it"):
        captures_of(ninjs(**fields), RECEIVED_AT)


def test_a_composite_with_a_text_of_its_own_is_one() -> None:
    assert only(ninjs(type="composite")).article.body == BODY


def test_plain_text_is_read_if_there_is_no_markup_with_words_in_it() -> None:
    article = only(ninjs(body_html="<p></p>", body_text="\n\n".join(PARAGRAPHS))).article
    assert article.body == BODY
    assert only(ninjs(body_html=..., body_text=HTML)).article.body == BODY


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"pubstatus": "canceled", "body_html": ...}, NoticeKind.KILL, "canceled"),
        ({"pubStatus": "cancelled", "pubstatus": ...}, NoticeKind.KILL, "cancelled"),
        ({"pubstatus": "canceled", "ednote": "The vote was put off."}, NoticeKind.KILL, "The vote was put off."),
        ({"pubstatus": "withheld"}, NoticeKind.WITHHELD, "withheld"),
        ({"state": "killed"}, NoticeKind.KILL, "killed"),
        ({"correction_sequence": 1, "ednote": "Name in par 2"}, NoticeKind.CORRECTION, "Name in par 2"),
        ({"signals": ["newscontent", "correction"]}, NoticeKind.CORRECTION, "correction"),
        ({"ednote": "Eds: CORRECTS vote in paragraph 2."}, NoticeKind.CORRECTION, "Eds: CORRECTS vote in paragraph 2."),
        ({"ednote": "ADVISORY: please kill this story."}, NoticeKind.KILL, "ADVISORY: please kill this story."),
        ({"headline": f"CORRECTED-{TITLE}"}, NoticeKind.CORRECTION, f"CORRECTED-{TITLE}"),
        ({"embargoed": "until further notice"}, NoticeKind.WITHHELD, "embargoed"),
        ({"embargoed": True}, NoticeKind.WITHHELD, "embargoed"),
        ({"pubstatus": "embargoed"}, NoticeKind.WITHHELD, "embargoed"),
    ],
)
def test_what_a_version_says_of_its_item(fields: dict[str, Any], kind: NoticeKind, words: str) -> None:
    notice = only(ninjs(**fields)).notice
    assert notice is not None
    assert (notice.kind, notice.text) == (kind, words)


@pytest.mark.parametrize(
    "fields",
    [
        {"embargoed": ""},
        {"embargoed": None},
        {"embargoed": SECOND},
        {"correction_sequence": 0},
        {"signals": ["newscontent", "update"]},
        {"ednote": "Adds quote, details. Pictures follow."},
        {"ednote": "See previous correction."},
    ],
)
def test_what_says_nothing_of_the_kind(fields: dict[str, Any]) -> None:
    assert only(ninjs(**fields)).notice is None


def test_an_item_without_an_id_is_told() -> None:
    with pytest.raises(WireError, match="no uri or guid"):
        captures_of(ninjs(uri=...), RECEIVED_AT)
    with pytest.raises(WireError, match="no id"):
        captures_of(ninjs(uri=["a"]), RECEIVED_AT)
