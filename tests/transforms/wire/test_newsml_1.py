"""NewsML 1.x: identity, components and their roles, embargoes."""

import datetime as dt

import pytest

from schemas.enums import NoticeKind
from schemas.records import Caption, Subject
from tests.transforms.wire.samples import BODY, HTML, PARAGRAPHS, RECEIVED_AT, TITLE, newsml_1, only
from transforms.wire.documents import NotText, captures_of

DESCRIBED = """<Language FormalName="en"/><Genre FormalName="Report"/>
<SubjectCode><Subject FormalName="04000000"/></SubjectCode>
<SubjectCode><SubjectDetail FormalName="04015001"/></SubjectCode>
<Location HowPresent="Origin"><Property FormalName="Country" Value="FEN"/>
<Property FormalName="City" Value="Ostermoor"/></Location>
<Property FormalName="Keyword" Value="ferry"/><Property FormalName="Generator" Value="x"/>"""


PHOTOS = """<NewsComponent><Role FormalName="Photo"/>
<ContentItem Href="https://img.fen.example/small.jpg"><MimeType FormalName="image/jpeg"/>
<Characteristics><Property FormalName="PixelWidth" Value="90"/></Characteristics></ContentItem>
<ContentItem Href="https://img.fen.example/wide.jpg"><MimeType FormalName="image/jpeg"/>
<Characteristics><Property FormalName="PixelWidth" Value="900"/></Characteristics></ContentItem></NewsComponent>"""


def part(role: str, content: str, kind: str = "Text") -> str:
    return (
        f'<NewsComponent><Role FormalName="{role}"/><ContentItem><MediaType FormalName="{kind}"/>'
        f"<DataContent>{content}</DataContent></ContentItem></NewsComponent>"
    )


def test_metadata() -> None:
    article = only(
        newsml_1(
            revision="3",
            created="20240506T113000+0200",
            lines=f"<HeadLine>{TITLE}</HeadLine><ByLine>By Ada Brook</ByLine>"
            "<DateLine>OSTERMOOR, May 6, 2024 (AFP) -</DateLine><CopyrightLine>© 2024 Fen Wire</CopyrightLine>",
            described=DESCRIBED,
        )
    ).article
    assert (article.guid, article.version) == ("urn:newsml:fen.example:20240506:FERRY7", "3")
    assert article.observed_at == article.modified_at == dt.datetime(2024, 5, 6, 9, 30, tzinfo=dt.UTC)
    assert article.published_at == dt.datetime(2024, 5, 6, 8, tzinfo=dt.UTC)
    assert (article.byline, article.dateline_place, article.credits) == ("By Ada Brook", "OSTERMOOR", ("AFP",))
    assert article.subjects == (Subject(scheme="subj", code="04000000"), Subject(scheme="subj", code="04015001"))
    assert (article.tags, article.genre, article.urgency) == (("ferry",), "Report", 3)
    assert article.copyright_holder == "Fen Wire"


def test_the_date_of_the_id_is_part_of_it() -> None:
    one = only(newsml_1())
    other = only(newsml_1().replace(b"<DateId>20240506", b"<DateId>20240507"))
    assert one.article.article_id != other.article.article_id


def test_a_public_identifier_stands_in_for_the_parts() -> None:
    document = newsml_1(revision="2").replace(b"<NewsItemId>FERRY7</NewsItemId>", b"")
    assert only(document).article.article_id == only(newsml_1()).article.article_id


def test_the_text_is_told_from_what_stands_beside_it() -> None:
    contents = "".join(
        [
            part("StyleSheet", "p { color: red }"),
            part("HeadLine", f"<html><body><p>{TITLE}</p></body></html>"),
            part("Contact", "<html><body><p>Ada Brook, 555-0100</p></body></html>"),
            part("Caption", "The old landing in March. Photo: Cy Dorn"),
            part("Body", f"<html><body>{HTML}</body></html>"),
            PHOTOS,
        ]
    )
    article = only(newsml_1(contents=contents)).article
    assert article.body == BODY
    assert article.captions == (Caption(text="The old landing in March."),)
    assert article.image_url == "https://img.fen.example/wide.jpg"


@pytest.mark.parametrize(
    "content",
    [
        HTML,
        f"<nitf xmlns='http://iptc.org/std/NITF/2006-10-18/'><body><body.content>{HTML}</body.content></body></nitf>",
        "\n\n".join(PARAGRAPHS),
        HTML.replace("<", "&lt;").replace(">", "&gt;"),
    ],
    ids=["paragraphs", "nitf", "plain", "escaped"],
)
def test_texts_of_all_formats(content: str) -> None:
    assert only(newsml_1(contents=part("Main", content))).article.body == BODY


def test_what_nitf_says_within_counts_where_the_wrapper_is_silent() -> None:
    whole = (
        "<nitf><body><body.head><hedline><hl1>Another headline</hl1></hedline><byline>By Ada Brook</byline></body.head>"
        f"<body.content>{HTML}</body.content></body></nitf>"
    )
    article = only(newsml_1(contents=part("Main", whole))).article
    assert (article.title, article.byline) == (TITLE, "By Ada Brook")


def test_initials_of_the_desk_are_no_text() -> None:
    assert only(newsml_1(contents=part("Main", f"{HTML}<p>ab/cd/ef</p>"))).article.body == BODY


def test_an_embargo_ends_when_the_status_will_change_to_usable() -> None:
    change = (
        '<StatusWillChange><FutureStatus FormalName="{}"/>'
        "<DateAndTime>20240507T060000+0200</DateAndTime></StatusWillChange>"
    )
    capture = only(newsml_1(status="Embargoed", managed=change.format("Usable")))
    assert capture.article.embargoed_until == dt.datetime(2024, 5, 7, 4, tzinfo=dt.UTC)
    assert capture.notice is None
    expiring = only(newsml_1(managed=change.format("Withheld")))
    assert (expiring.article.embargoed_until, expiring.notice) == (None, None)


@pytest.mark.parametrize(
    ("status", "managed", "kind"),
    [
        ("Canceled", "", NoticeKind.KILL),
        ("Withheld", "", NoticeKind.WITHHELD),
        ("Embargoed", "", NoticeKind.WITHHELD),
        ("Usable", '<Instruction FormalName="Rectify"/>', NoticeKind.CORRECTION),
        ("Usable", '<Instruction FormalName="Delete"/>', NoticeKind.KILL),
    ],
)
def test_what_a_version_says_of_its_item(status: str, managed: str, kind: NoticeKind) -> None:
    notice = only(newsml_1(status=status, managed=managed)).notice
    assert notice is not None
    assert notice.kind is kind


def test_an_update_is_no_correction() -> None:
    assert only(newsml_1(managed='<Instruction FormalName="Update"/>')).notice is None


def test_a_kill_without_a_word_is_a_capture() -> None:
    capture = only(newsml_1(status="Canceled", lines="", contents=""))
    assert capture.article.article_id == only(newsml_1()).article.article_id
    assert capture.notice is not None


def test_pictures_are_no_text() -> None:
    picture = part("Main", "", kind="Photo")
    with pytest.raises(NotText, match="Photo"):
        captures_of(newsml_1(lines="", contents=picture), RECEIVED_AT)
