"""NITF: identity, dates, bylines, tables, embargoes and corrections."""

import datetime as dt

import pytest

from schemas.enums import NoticeKind, Zone
from schemas.records import Caption, Subject
from tests.transforms.wire.samples import BODY, HTML, RECEIVED_AT, TITLE, nitf, only
from transforms.wire.documents import WireError, captures_of

ISSUED = '<doc-id regsrc="Fen Wire" id-string="FW.77"/><date.issue norm="20240506T100000+0200"/>'


def test_metadata() -> None:
    article = only(
        nitf(
            head='<tobject tobject.type="News"><tobject.property tobject.property.type="Feature"/>'
            '<tobject.subject tobject.subject.refnum="04000000" tobject.subject.type="Economy"/>'
            '<tobject.subject tobject.subject.ipr="FW" tobject.subject.refnum="7" tobject.subject.type="Fens"/>'
            "</tobject>",
            docdata=f'{ISSUED}<urgency ed-urg="4"/><doc-scope scope="Regional"/><ed-msg info="Pictures follow"/>'
            '<key-list><keyword key="ferry"/><keyword>storm</keyword></key-list>'
            '<doc.copyright holder="Fen Wire Ltd. All rights reserved." year="2024"/>'
            '<doc.rights limitations="No archives"/>',
            lines=f"<hedline><hl1>{TITLE}</hl1><hl2>Nine for</hl2></hedline>"
            "<byline><person>Ada Brook</person><byttl>Fen Wire</byttl></byline>"
            "<dateline><location><city>Ostermoor</city></location><story.date norm='20240506'/></dateline>"
            "<abstract><p>It is rebuilt.</p></abstract>",
        )
    ).article
    assert (article.title, article.summary, article.section) == (TITLE, "It is rebuilt.", "Regional")
    assert (article.byline, article.authors) == ("Ada Brook, Fen Wire", ("Ada Brook",))
    assert (article.dateline_place, article.dateline_text) == ("Ostermoor", None)
    assert article.subjects == (
        Subject(scheme="subj", code="04000000", name="Economy"),
        Subject(scheme="FW", code="7", name="Fens"),
    )
    assert (article.genre, article.urgency, article.tags) == ("Feature", 4, ("ferry", "storm"))
    assert (article.ednote, article.usage_terms) == ("Pictures follow", "No archives")
    assert article.copyright_holder == "Fen Wire Ltd"


def test_basic_dates_keep_their_zone() -> None:
    article = only(nitf()).article
    assert (article.published_at, article.published_zone) == (dt.datetime(2024, 5, 6, 8, tzinfo=dt.UTC), Zone.EXPLICIT)
    bare = only(nitf(docdata=ISSUED.replace("+0200", ""))).article
    assert (bare.published_at, bare.published_zone) == (dt.datetime(2024, 5, 6, 10, tzinfo=dt.UTC), Zone.ASSUMED)


def test_a_date_that_is_none_is_passed_over() -> None:
    broken = '<date.release norm="YYYYMMDD000000-HHMM"/>'
    article = only(nitf(docdata=ISSUED + broken)).article
    assert article.embargoed_until is None
    assert article.published_at is not None


def test_with_a_namespace_it_is_the_same() -> None:
    assert only(nitf(namespace=' xmlns="http://iptc.org/std/NITF/2006-10-18/"')) == only(nitf())


def test_a_later_revision_is_the_version_s_time() -> None:
    docdata = ISSUED + '<revision-history norm="20240506T113000+0200" comment="ADDS quote"/>'
    article = only(nitf(docdata=docdata)).article
    assert article.observed_at == article.modified_at == dt.datetime(2024, 5, 6, 9, 30, tzinfo=dt.UTC)
    assert article.ednote == "ADDS quote"


def test_a_release_after_the_issue_is_an_embargo() -> None:
    later = only(nitf(docdata=ISSUED + '<date.release norm="20240507T060000+0200"/>', status="embargoed"))
    assert later.article.embargoed_until == dt.datetime(2024, 5, 7, 4, tzinfo=dt.UTC)
    assert later.notice is None
    same = only(nitf(docdata=ISSUED + '<date.release norm="20240506T100000+0200"/>'))
    assert same.article.embargoed_until is None


@pytest.mark.parametrize(
    ("docdata", "status", "kind", "words"),
    [
        ("", "canceled", NoticeKind.KILL, "canceled"),
        ("", "withheld", NoticeKind.WITHHELD, "withheld"),
        ("", "embargoed", NoticeKind.WITHHELD, "embargoed"),
        ('<correction info="Vote in par 2"/>', "usable", NoticeKind.CORRECTION, "Vote in par 2"),
        ('<ed-msg info="Corrects vote in par 2"/>', "usable", NoticeKind.CORRECTION, "Corrects vote in par 2"),
        ('<ed-msg info="Editors: please kill"/>', "usable", NoticeKind.KILL, "Editors: please kill"),
    ],
)
def test_what_a_version_says_of_its_item(docdata: str, status: str, kind: NoticeKind, words: str) -> None:
    notice = only(nitf(docdata=ISSUED + docdata, status=status)).notice
    assert notice is not None
    assert (notice.kind, notice.text) == (kind, words)


def test_tables_and_lists_are_lines() -> None:
    content = (
        "<p>Results of the regatta on Sunday.</p><table><tr><th>Crew</th><th>Time</th></tr>"
        "<tr><td>Ostermoor</td><td>7:41</td></tr></table><ul><li>Start at noon</li><li>Wind: west</li></ul>"
        "<hl2>What comes next</hl2><p>The next one is in June.</p>"
    )
    assert only(nitf(content=content)).article.body.split("\n\n") == [
        "Results of the regatta on Sunday.",
        "Crew | Time",
        "Ostermoor | 7:41",
        "Start at noon",
        "Wind: west",
        "What comes next",
        "The next one is in June.",
    ]


def test_the_headline_repeated_is_no_text() -> None:
    assert only(nitf(content=f"<block><hl2>{TITLE}</hl2></block>{HTML}")).article.body == BODY


def test_pictures_give_captions() -> None:
    media = (
        '<media media-type="image"><media-reference source="https://img.fen.example/a.jpg"/>'
        "<media-caption>The old landing</media-caption><media-producer>Cy Dorn</media-producer></media>"
    )
    article = only(nitf(content=HTML + media)).article
    assert article.captions == (Caption(text="The old landing", credit="Cy Dorn"),)
    assert (article.image_url, article.body) == ("https://img.fen.example/a.jpg", BODY)


def test_a_document_without_an_id_is_known_by_its_headline_and_day() -> None:
    nameless = '<doc-id regsrc="Fen Wire"/><date.issue norm="202405{}"/>'
    first, again, other_day = (
        only(nitf(docdata=nameless.format(day))) for day in ("06T080000Z", "06T093000Z", "05T080000Z")
    )
    assert first.article.article_id == again.article.article_id != other_day.article.article_id
    with pytest.raises(WireError, match="no id"):
        captures_of(nitf(docdata=""), RECEIVED_AT)
