"""NewsML-G2: items and messages, text as XHTML, NITF and plain text, signals and embargoes."""

import datetime as dt

import pytest

from schemas.enums import NoticeKind
from schemas.records import Subject
from tests.transforms.wire.samples import (
    BODY,
    FIRST,
    HTML,
    PARAGRAPHS,
    RECEIVED_AT,
    TITLE,
    g2,
    g2_item,
    g2_message,
    only,
)
from transforms.wire.documents import NotText, WireError, captures_of

META = """
<service qcode="svc:dom"><name>Domestic Service</name></service>
<edNote role="note:public">Pictures follow</edNote>
<edNote pubconstraint="c:nonpublic" role="note:contacts">ada@fen.example</edNote>
<edNote pubconstraint="c:nonpublic">Desk: Bo Ek</edNote><edNote role="note:closingline">fw ab cd</edNote>
"""
CONTENT_META = f"""
<urgency>3</urgency><located qcode="geo:1"><name>Ostermoor</name></located><by>By Ada Brook</by>
<dateline>OSTERMOOR, May 6 (Fen Wire) -</dateline><creditline>Fen Wire</creditline>
<language tag="en"/>
<genre qcode="genre:Current"><name xml:lang="de">Aktuell</name><name xml:lang="en">Current</name></genre>
<subject qcode="medtop:20000337"><name xml:lang="en">transport</name><name xml:lang="de">Verkehr</name></subject>
<subject uri="http://cv.iptc.org/newscodes/mediatopic/20000430"/>
<keyword>ferry</keyword><keyword>storm</keyword>
<headline role="hld:subHeadline">Nine for, six against</headline><headline xml:lang="de">Ostermoor baut</headline>
<headline xml:lang="en">{TITLE}</headline>
<description role="drol:caption">FERRY: a picture's</description>
<description role="drol:summary">It is rebuilt.</description>
"""


def test_metadata() -> None:
    capture = only(g2(version="9", created="2024-05-06T09:30:00+02:00", meta=META, content_meta=CONTENT_META))
    article = capture.article
    assert (article.guid, article.version) == ("urn:newsml:fen.example:20240506:ferry", "9")
    assert (article.title, article.summary, article.section) == (TITLE, "It is rebuilt.", "Domestic Service")
    assert article.observed_at == dt.datetime(2024, 5, 6, 7, 30, tzinfo=dt.UTC)
    assert article.published_at == dt.datetime(2024, 5, 6, 8, tzinfo=dt.UTC)
    assert article.published_suspect  # first created after this version
    assert (article.byline, article.authors) == ("By Ada Brook", ("Ada Brook",))
    assert (article.dateline_place, article.dateline_text) == ("OSTERMOOR", "OSTERMOOR, May 6 (Fen Wire)")
    assert article.subjects == (
        Subject(scheme="medtop", code="20000337", name="transport"),
        Subject(scheme="medtop", code="20000430"),
    )
    assert (article.genre, article.urgency, article.tags) == ("Current", 3, ("ferry", "storm"))
    assert article.ednote == "Pictures follow"
    assert (article.usage_terms, article.copyright_holder) == ("Not for archives", "Fen Wire Ltd")
    assert capture.notice is None


def test_a_byline_in_the_text_is_no_text() -> None:
    article = only(g2(content=f"<inlineXML><html><body><p>By Ada Brook</p>{HTML}</body></html></inlineXML>")).article
    assert (article.byline, article.authors, article.body) == ("By Ada Brook", ("Ada Brook",), BODY)


PAGE = f"<html><body>{HTML}</body></html>"
PREFIXED = HTML.replace("<p>", "<x:p>").replace("</p>", "</x:p>")


@pytest.mark.parametrize(
    "content",
    [
        f"<inlineXML><nitf><body><body.content>{HTML}</body.content></body></nitf></inlineXML>",
        f"<inlineXML><x:html xmlns:x='http://www.w3.org/1999/xhtml'><x:body>{PREFIXED}</x:body></x:html></inlineXML>",
        f"<inlineXML><html><body><header><h1>{TITLE}</h1><p>Extra</p></header>{HTML}</body></html></inlineXML>",
        "<inlineData contenttype='text/plain'>" + "\n\n".join(PARAGRAPHS) + "</inlineData>",
        f"<inlineData contenttype='text/plain'><![CDATA[{HTML}]]></inlineData>",
        f"<remoteContent href='https://fen.example/a.jpg'/><inlineXML>{PAGE}</inlineXML>",
        f"<inlineXML> </inlineXML><inlineXML>{PAGE}</inlineXML>",
    ],
    ids=["nitf", "prefixed", "header", "plain", "escaped", "after a picture", "after nothing"],
)
def test_texts_of_all_types(content: str) -> None:
    assert only(g2(content=content)).article.body == BODY


def test_a_text_item_whose_text_is_elsewhere_has_its_headline() -> None:
    article = only(g2(content="<remoteContent href='https://fen.example/a.xml'/>")).article
    assert (article.title, article.body) == (TITLE, "")


@pytest.mark.parametrize(
    ("meta", "status", "kind", "words"),
    [
        ("", "stat:canceled", NoticeKind.KILL, "canceled"),
        ("<edNote>Figures were wrong</edNote>", "stat:canceled", NoticeKind.KILL, "Figures were wrong"),
        ("", "stat:withheld", NoticeKind.WITHHELD, "withheld"),
        ('<signal qcode="sig:correction"/>', "stat:usable", NoticeKind.CORRECTION, "sig:correction"),
        (
            '<signal uri="http://cv.iptc.org/newscodes/signal/correction"/><edNote>Vote in par 2</edNote>',
            "stat:usable",
            NoticeKind.CORRECTION,
            "Vote in par 2",
        ),
        ('<signal qcode="edStat:C"/>', "stat:usable", NoticeKind.CORRECTION, "edStat:C"),
        ('<signal qcode="edStat:D"/>', "stat:usable", NoticeKind.KILL, "edStat:D"),
        ('<signal qcode="sig:correction"/>', "stat:canceled", NoticeKind.KILL, "canceled"),
        ("<embargoed/>", "stat:usable", NoticeKind.WITHHELD, "embargoed"),
    ],
)
def test_what_a_version_says_of_its_item(meta: str, status: str, kind: NoticeKind, words: str) -> None:
    notice = only(g2(meta=meta, status=status)).notice
    assert notice is not None
    assert (notice.kind, notice.text) == (kind, words)


@pytest.mark.parametrize("signal", ["sig:update", "edStat:U", "edStat:N", "sig:atomic", "other:c"])
def test_other_signals_say_nothing_of_the_kind(signal: str) -> None:
    assert only(g2(meta=f'<signal qcode="{signal}"/>')).notice is None


def test_an_embargo_is_no_notice() -> None:
    capture = only(g2(meta="<embargoed>2024-05-07T06:00:00+02:00</embargoed>"))
    assert capture.article.embargoed_until == dt.datetime(2024, 5, 7, 4, tzinfo=dt.UTC)
    assert capture.notice is None


def test_a_kill_without_a_word_is_a_capture() -> None:
    capture = only(g2(status="stat:canceled", content_meta="", content=""))
    assert (capture.article.title, capture.article.body) == ("", "")
    assert capture.article.article_id == only(g2()).article.article_id


@pytest.mark.parametrize(
    "document",
    [
        g2(item_class="ninat:picture"),
        g2(item_class="http://cv.iptc.org/newscodes/ninature/video"),
        g2(item_class="ninat:composite", content=""),
        g2().replace(b"newsItem", b"packageItem"),
        g2_message(g2_item().replace("newsItem", "conceptItem")),
    ],
)
def test_other_kinds_are_no_text(document: bytes) -> None:
    with pytest.raises(NotText, match="no text in it"):
        captures_of(document, RECEIVED_AT)


def test_a_message_without_items_is_told() -> None:
    with pytest.raises(WireError, match="no item"):
        captures_of(g2_message(), RECEIVED_AT)


def test_an_item_without_its_own_time_has_its_message_s() -> None:
    article = only(g2_message(g2_item(created=""))).article
    assert article.observed_at == dt.datetime.fromisoformat(FIRST)
