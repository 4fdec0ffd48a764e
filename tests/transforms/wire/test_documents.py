"""documents: what holds of every format. Ids, versions, redelivery, several items, hostile input."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas import codec, ids
from schemas.enums import Change, NoticeKind, Origin, Source
from schemas.memory import KnownAlias
from schemas.records import Capture
from tests.transforms.wire import samples
from tests.transforms.wire.samples import BODY, FIRST, RECEIVED_AT, SECOND, TITLE, only
from transforms import extract
from transforms.identify import identify
from transforms.revise import remembered
from transforms.wire.documents import BYTES_LIMIT, NotText, WireError, captures_of, looks_like_wire
from transforms.wire.item import ITEMS_LIMIT, MESSAGE_LIMIT

FORMATS = [samples.ninjs(), samples.g2(), samples.newsml_1(), samples.nitf()]
NAMES = ["ninjs", "g2", "newsml_1", "nitf"]
NEXT_VERSIONS = [
    samples.ninjs(version="2", versioncreated=SECOND, headline="Ferry landing: work begins in August"),
    samples.g2(version="2", created=SECOND, content_meta="<headline>Ferry landing: work begins in August</headline>"),
    samples.newsml_1(
        revision="2", created="20240506T093000Z", lines="<HeadLine>Ferry landing: work begins in August</HeadLine>"
    ),
    samples.nitf(
        docdata='<doc-id regsrc="Fen Wire" id-string="FW.20240506.77"/><date.issue norm="20240506T093000Z"/>',
        lines="<hedline><hl1>Ferry landing: work begins in August</hl1></hedline>",
    ),
]


@pytest.mark.parametrize("document", FORMATS, ids=NAMES)
def test_every_format_gives_the_same_article(document: bytes) -> None:
    capture = only(document)
    article = capture.article
    assert (article.title, article.body) == (TITLE, BODY)
    assert article.modified_at is None
    assert article.word_count == len(BODY.split())
    assert article.language == "en"
    assert article.observed_at == article.published_at == dt.datetime(2024, 5, 6, 8, tzinfo=dt.UTC)
    assert (article.url, article.canonical_url, capture.entry_url) == ("", "", "")
    assert (article.source, capture.origin, capture.attempt) == (Source.WIRE, Origin.WIRE, 1)
    assert (capture.outlet, capture.entry_title, capture.notice) == ("Fen Wire", TITLE, None)
    assert article.content_hash == ids.content_hash(TITLE, BODY)
    assert article.capture_id == ids.capture_id(article.article_id, article.observed_at, article.content_hash)
    assert article.article_id == ids.article_id(capture.entry_key)
    assert codec.decode(codec.encode(capture), Capture) == capture


@pytest.mark.parametrize("document", FORMATS, ids=NAMES)
def test_wire_documents_are_told_from_entries(document: bytes) -> None:
    assert looks_like_wire(document)
    assert looks_like_wire(b"\xef\xbb\xbf" + document)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"entry_id": "00", "url": "https://fen.example/a", "guid": "a", "headline": "b"}',
        b'{"url": "https://fen.example/a"}',
        b'{"url": "https://fen.example/a", "guid": "a", "title": "b"}',
        b'[{"url": "https://fen.example/a"}]',
        b'{"uri": ',
        b"<rss><channel/></rss>",
        b"<feed xmlns='http://www.w3.org/2005/Atom'/>",
        b"<!-- <newsItem> --><html/>",
        b"ZCZC fen001 4 pol",
    ],
)
def test_what_is_no_wire_document(data: bytes) -> None:
    assert not looks_like_wire(data)
    with pytest.raises(WireError):
        captures_of(data, RECEIVED_AT)


@pytest.mark.parametrize(("first", "second"), zip(FORMATS, NEXT_VERSIONS, strict=True), ids=NAMES)
def test_versions_are_captures_of_one_article(first: bytes, second: bytes) -> None:
    one, two = only(first), only(second)
    assert one.article.article_id == two.article.article_id
    assert one.article.capture_id != two.article.capture_id
    assert one.entry_id != two.entry_id
    assert one.entry_key == two.entry_key
    assert two.article.observed_at - one.article.observed_at == dt.timedelta(minutes=90)
    if two.article.version:
        assert two.article.version == "2"


@pytest.mark.parametrize(("first", "second"), zip(FORMATS, NEXT_VERSIONS, strict=True), ids=NAMES)
def test_identify_keeps_the_wire_s_id_whatever_comes_first(first: bytes, second: bytes) -> None:
    for documents in ((first, second), (second, first)):
        known: dict[str, KnownAlias] = {}
        for document in documents:
            capture = only(document)
            found = identify(capture, known.values())
            assert found.capture == capture
            known |= {alias.key: alias for alias in found.aliases}


def test_two_items_never_become_one_though_all_but_their_ids_is_equal() -> None:
    known: dict[str, KnownAlias] = {}
    found = []
    for number in ("1", "2"):  # ids as short as a place in a feed
        result = identify(only(samples.ninjs(uri=number, source=...)), known.values())
        known |= {alias.key: alias for alias in result.aliases}
        found.append(result.capture.article.article_id)
    assert len(set(found)) == 2


def test_an_address_does_not_decide_which_article_an_item_is() -> None:
    address = "https://fen.example/live/ferry-landing"
    known: dict[str, KnownAlias] = {}
    found = []
    for fields in (
        {"uri": "urn:x:1"},
        {"uri": "urn:x:1", "version": "2", "canonical_url": address},
        {"uri": "urn:x:2", "canonical_url": address},
    ):
        result = identify(only(samples.ninjs(**fields)), known.values())
        known |= {alias.key: alias for alias in result.aliases}
        found.append(result.capture.article.article_id)
    assert found[0] == found[1] != found[2]


def test_an_id_that_is_not_unique_by_its_form_is_its_provider_s() -> None:
    one, other = (
        only(samples.ninjs(uri="4711", source="Fen Wire")),
        only(samples.ninjs(uri="4711", source="Moor Press")),
    )
    assert one.article.article_id != other.article.article_id
    assert one.article.guid == other.article.guid == "4711"


@pytest.mark.parametrize("uri", ["urn:x:1", "tag:fen.example,2024:1", "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_an_id_that_is_unique_by_its_form_is_not(uri: str) -> None:
    one, other = only(samples.ninjs(uri=uri, source="Fen Wire")), only(samples.ninjs(uri=uri, source="FEN WIRE"))
    assert one.article.article_id == other.article.article_id


@pytest.mark.parametrize(
    ("uri", "version", "guid"),
    [
        ("urn:newsml:fen.example:20240506:FERRY7:3", "3", "urn:newsml:fen.example:20240506:FERRY7"),
        ("urn:newsml:fen.example:20240506:FERRY7:3U", "3", "urn:newsml:fen.example:20240506:FERRY7"),
        ("urn:newsml:fen.example:20240506:FERRY:7", "3", "urn:newsml:fen.example:20240506:FERRY:7"),
        ("tag:fen.example,2024:newsml_F7:1132689232", "1132689232", "tag:fen.example,2024:newsml_F7"),
        ("tag:fen.example,2024:7", "7", "tag:fen.example,2024:7"),
    ],
)
def test_a_version_behind_an_id_is_no_part_of_it(uri: str, version: str, guid: str) -> None:
    assert only(samples.ninjs(uri=uri, version=version)).article.guid == guid


@pytest.mark.parametrize("document", FORMATS, ids=NAMES)
def test_a_redelivery_is_the_same_capture(document: bytes) -> None:
    assert only(document) == only(document)
    assert only(document, RECEIVED_AT + dt.timedelta(days=3)) == only(document)


def test_no_capture_is_later_than_its_message() -> None:
    early = dt.datetime(2024, 5, 6, 7, 59, tzinfo=dt.UTC)
    assert only(samples.g2(), early).article.observed_at == early
    assert only(samples.ninjs(versioncreated=..., firstcreated=...)).article.observed_at == RECEIVED_AT
    assert only(samples.ninjs(versioncreated="1024-05-06T08:00:00Z")).article.observed_at == RECEIVED_AT
    zone = dt.timezone(dt.timedelta(hours=5))
    local = only(samples.ninjs(versioncreated=...), RECEIVED_AT.astimezone(zone)).article.observed_at
    assert (local, local.tzinfo) == (RECEIVED_AT, dt.UTC)


def test_a_kill_that_repeats_its_version_is_another_entry() -> None:
    killed = only(samples.ninjs(pubstatus="canceled"))
    assert killed.entry_id != only(samples.ninjs()).entry_id
    assert killed.notice is not None
    assert killed.notice.kind is NoticeKind.KILL


@pytest.mark.parametrize(
    "changed",
    [{"embargoed": "2024-05-07T06:00:00Z"}, {"embargoed": "2024-05-05T06:00:00Z"}, {"ednote": "Lifts the embargo."}],
)
def test_what_changes_without_a_new_version_is_another_entry(changed: dict[str, str]) -> None:
    assert only(samples.ninjs(**changed)).entry_id != only(samples.ninjs()).entry_id
    assert only(samples.ninjs(**changed)).entry_id == only(samples.ninjs(**changed)).entry_id


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59Z", "2031-01-01T00:00:00Z", "until further notice"])
def test_an_embargo_without_an_end_withholds_the_item(until: str) -> None:
    found = only(samples.ninjs(embargoed=until))
    assert found.article.embargoed_until is None
    assert found.notice is not None
    assert found.notice.kind is NoticeKind.WITHHELD


def test_what_revise_remembers_of_it_is_a_kill() -> None:
    killed = only(
        samples.ninjs(pubstatus="canceled", body_html=..., headline=..., ednote="Kill: the vote was delayed.")
    )
    known = remembered(killed.article, killed.notice, killed.entry_title)
    assert known.notice is not None
    assert (known.notice.kind, known.notice.text) == (NoticeKind.KILL, "Kill: the vote was delayed.")
    assert known.notice.kind.value == Change.KILL


def test_items_of_one_document_are_apart_and_one_bad_one_costs_no_other() -> None:
    picture = samples.g2_item(guid="urn:x:picture", item_class="ninat:picture", content="")
    nameless = samples.g2_item(guid="")
    found = captures_of(
        samples.g2_message(samples.g2_item(guid="urn:x:a"), picture, nameless, samples.g2_item(guid="urn:x:b")),
        RECEIVED_AT,
    )
    assert [type(each) for each in found] == [Capture, NotText, WireError, Capture]
    assert "urn:x:picture" in str(found[1])
    assert "no id" in str(found[2])
    usable = [each for each in found if isinstance(each, Capture)]
    assert [each.article.guid for each in usable] == ["urn:x:a", "urn:x:b"]


def test_more_items_than_are_read_are_told() -> None:
    many = [samples.ninjs_object(uri=f"urn:x:{number}") for number in range(ITEMS_LIMIT + 5)]
    found = captures_of(json.dumps(many).encode(), RECEIVED_AT)
    assert len(found) == ITEMS_LIMIT + 1
    assert "more than 100 items" in str(found[-1])
    assert all(isinstance(each, Capture) for each in found[:-1])


def test_a_document_of_other_kinds_only_is_an_error_of_that_kind() -> None:
    pictures = [samples.ninjs_object(uri=f"urn:x:{number}", type="picture", body_html=...) for number in range(5)]
    with pytest.raises(NotText, match=r"picture.*\(and 2 more\)"):
        captures_of(json.dumps(pictures).encode(), RECEIVED_AT)


@pytest.mark.parametrize(
    "document",
    [
        samples.ninjs(headline=..., body_html=...),
        samples.g2(content_meta="", content=""),
        samples.nitf(lines="", content="").replace(b"<title>Ferry</title>", b""),
    ],
)
def test_a_usable_item_without_headline_and_text_is_none(document: bytes) -> None:
    with pytest.raises(WireError, match=r"neither headline nor text|no text in it"):
        captures_of(document, RECEIVED_AT)


def test_a_flash_has_a_headline_only() -> None:
    article = only(samples.ninjs(body_html=..., headline="FLASH: ferry landing destroyed")).article
    assert (article.title, article.body, article.word_count) == ("FLASH: ferry landing destroyed", "", 0)


def test_limits_are_those_of_extract() -> None:
    article = only(samples.ninjs(headline="word " * 1_000, body_html="<p>" + "Ferry news. " * 100_000 + "</p>")).article
    assert len(article.title) <= extract.TITLE_LIMIT
    assert len(article.body) == extract.BODY_LIMIT


# ── hostile input ──────────────────────────────────────────────────────────────────────────────────────────────────

BOMB = b"""<?xml version="1.0"?><!DOCTYPE nitf [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>"""


def _without_declaration(document: bytes) -> bytes:
    return document.partition(b"?>")[2].strip()


@pytest.mark.parametrize("start", [BOMB, BOMB.replace(b"ENTITY a", b"ENTITY % a"), BOMB.decode().encode("utf-16")])
def test_no_entity_of_a_document_is_expanded(start: bytes) -> None:
    document = _without_declaration(samples.nitf(content="<p>&c;</p>"))
    if start.startswith(b"\xff\xfe"):
        document = document.decode().encode("utf-16-le")
    with pytest.raises(WireError, match="Entity 'c' not defined"):
        captures_of(start + document, RECEIVED_AT)


@pytest.mark.parametrize("name", ["c", "file"])
def test_an_entity_that_is_not_declared_is_not_looked_for(name: str) -> None:
    with pytest.raises(WireError, match="XML"):
        captures_of(samples.nitf(content=f"<p>&{name};</p>"), RECEIVED_AT)


def test_a_document_type_that_draws_in_others_is_passed_over() -> None:
    doctype = b"""<!DOCTYPE NewsML PUBLIC "-//a//b" "http://127.0.0.1:9/a.dtd" [
        <!ENTITY % nitf SYSTEM "http://127.0.0.1:9/nitf.dtd"> <!-- [x] --> %nitf; ]>"""
    assert only(doctype + _without_declaration(samples.newsml_1())) == only(samples.newsml_1())


def test_a_document_type_is_not_opened_and_html_s_characters_are_known() -> None:
    doctype = b'<!DOCTYPE nitf SYSTEM "http://127.0.0.1:9/nitf.dtd">'
    document = doctype + _without_declaration(samples.nitf(content="<p>The caf&eacute; of Ostermoor&nbsp;is open.</p>"))
    assert only(document).article.body == "The café of Ostermoor is open."


def test_valid_utf_8_is_read_as_such_whatever_is_declared() -> None:
    document = samples.nitf(content="<p>The café of Östermoor is open again.</p>")
    for declared in ("iso-8859-1", "us-ascii", "windows-1252"):
        told = document.replace(b'encoding="UTF-8"', f'encoding="{declared}"'.encode())
        assert only(told).article.body == "The café of Östermoor is open again."
    latin = document.decode().replace("UTF-8", "iso-8859-1").encode("latin-1")
    assert only(latin).article.body == "The café of Östermoor is open again."
    assert only(document.decode().replace("UTF-8", "utf-16").encode("utf-16")).article.title == TITLE


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"item":' * 500_000,
        b"<nitf>" + b"<p>" * 300_000,
        b"<nitf " + b'a="' * 100_000,
        b"<!DOCTYPE " + b"[" * 1_000_000,
        b"<?x?>" * 200_000,
        bytes(range(256)) * 39_000,
        b" " * BYTES_LIMIT,
        b"<" * BYTES_LIMIT,
        b"<nitf/>" + b" " * BYTES_LIMIT,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_junk_is_refused(data: bytes) -> None:
    looks_like_wire(data)
    with pytest.raises(WireError):
        captures_of(data, RECEIVED_AT)


def test_an_error_is_one_short_line_whatever_stands_in_the_document() -> None:
    for document in (samples.ninjs(uri="urn:x\n" * 10_000, type="picture"), samples.g2(guid="urn:x " * 10_000)):
        with pytest.raises(WireError) as told:
            captures_of(document, RECEIVED_AT)
        assert len(str(told.value)) <= MESSAGE_LIMIT
        assert "\n" not in str(told.value)


def test_nesting_beside_what_is_read_does_no_harm() -> None:
    deep = samples.ninjs().replace(b'"type"', b'"x": ' + b"[" * 500 + b"]" * 500 + b', "type"')
    assert only(deep) == only(samples.ninjs())
    divs = "<div>" * 5_000 + "<p>" + BODY.split("\n\n", maxsplit=1)[0] + "</p>"
    assert "Ostermoor" in only(samples.ninjs(body_html=divs)).article.body


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["<p>a</p>", FIRST]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "role"]), inner),
    max_leaves=8,
)
KEYS = [
    "uri", "guid", "type", "version", "versioncreated", "versionCreated", "firstcreated", "firstpublished", "pubstatus",
    "pubStatus", "headline", "headlines", "title", "body", "body_html", "body_text", "bodies", "description_text",
    "description_html", "descriptions", "byline", "by", "bylines", "authors", "located", "dateline", "datelinelocation",
    "language", "urgency", "priority", "ednote", "usageterms", "copyrightholder", "embargoed", "keywords", "subject",
    "subjects", "genre", "genres", "service", "source", "provider", "infosource", "associations", "renditions",
    "altids", "signals", "canonical_url", "eventDetails", "item", "items", "_items", "data", "correction_sequence",
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=12), st.booleans())
@example({"embargoed": True, "urgency": "9" * 5_000, "version": 1e400}, True)
def test_wrong_types_raise_nothing_but_wire_errors(fields: dict[str, Any], is_whole: bool) -> None:  # noqa: FBT001  # hypothesis calls it
    whole = samples.ninjs_object(**fields) if is_whole else fields
    data = json.dumps(whole).encode()
    looks_like_wire(data)
    try:
        found = captures_of(data, RECEIVED_AT)
    except WireError:
        return
    for each in found:
        assert isinstance(each, WireError) or identify(each, []).capture == each


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"{", b"[", b"<nitf>", b"<NewsML>", b"<newsItem guid='a'>"]))
def test_any_bytes_raise_nothing_but_wire_errors(data: bytes, start: bytes) -> None:
    assert looks_like_wire(start + data) in (True, False)
    with pytest.raises(WireError):
        captures_of(start + data, RECEIVED_AT)


PLACES = st.tuples(st.sampled_from(FORMATS[1:]), st.integers(0, 3_000), st.integers(1, 40), st.binary(max_size=20))


@settings(max_examples=150, deadline=None)
@given(PLACES)
def test_damaged_documents_raise_nothing_but_wire_errors(damage: tuple[bytes, int, int, bytes]) -> None:
    document, place, length, put = damage
    data = document[:place] + put + document[place + length :]
    looks_like_wire(data)
    try:
        found = captures_of(data, RECEIVED_AT)
    except WireError as error:
        found = [error]
    for each in found:
        assert "\n" not in str(each) if isinstance(each, WireError) else each.article.observed_at <= RECEIVED_AT
