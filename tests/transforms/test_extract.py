"""Pages to articles: the articles with known noise, the feed's own content, the stage on Beam, and hostile input."""

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import ids
from schemas.enums import (
    Access,
    BodyPolicy,
    DateSource,
    NoticeKind,
    Origin,
    OutcomeKind,
    Precision,
    Reason,
    Source,
    Stage,
    Tdm,
    Zone,
)
from schemas.records import Article, Caption, Capture, DeadLetter, Entry, Notice, Outcome, Page, SiteProfile
from transforms import extract as stage
from transforms.extract import ExtractPages, Failed, capture_of, extract
from transforms.pool import Pool, TaskFailed
from transforms.shared import Shared

MATERIAL = Path(__file__).parents[1] / "material" / "articles"
SEEN = dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
PROSE = "The harbour council voted on Monday to rebuild the eastern pier before the winter storms arrive. "


def entry(**fields: Any) -> Entry:
    base = Entry(
        entry_id="e1",
        feed_id="f1",
        entry_key="k1",
        fingerprint="p1",
        change_no=0,
        origin=Origin.FEED,
        observed_at=SEEN,
        url="https://paper.example/a",
        title="Pier to be rebuilt",
    )
    return dataclasses.replace(base, **fields)


def page(html: str | bytes = b"", **fields: Any) -> Page:
    body = html.encode() if isinstance(html, str) else html
    base = Page(
        entry=entry(), observed_at=SEEN, url="https://paper.example/a", status=200, content_type="text/html", body=body
    )
    return dataclasses.replace(base, **fields)


def html_of(*paragraphs: str, head: str = "") -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<html lang='en'><head>{head}</head><body><article><h1>Pier to be rebuilt</h1>{text}</article></body></html>"
    )


def article_of(html: str | bytes, **fields: Any) -> Article:
    result = extract(page(html, **fields))
    assert isinstance(result, Article), result
    return result


LONG = tuple(f"{PROSE}This is said for the {n}. time, and it is said in another way than before." for n in range(6))


# ── articles with noise ────────────────────────────────────────────────────────────────────────────────────────────


def check(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    article = article_of((folder / "article.html").read_bytes(), entry=entry(url="", title="", published_at=None))
    assert article.title == expected["title"]
    assert article.summary == expected["summary"]
    assert article.language == expected["language"]
    assert [{"text": c.text, "credit": c.credit} for c in article.captions] == expected["captions"]
    assert article.published_at == dt.datetime.fromisoformat(expected["published_at"])
    assert [text for text in expected["body_must_not_contain"] if text in article.body] == []
    assert [text for text in expected["body_once"] if article.body.count(text) != 1] == []
    assert [text for text in expected["body_must_contain"] if text not in article.body] == []


@pytest.mark.parametrize("name", ["kenya-drought-loan", "moldova-gas-talks"])
def test_an_article_with_noise_comes_out_clean(name: str) -> None:
    check(MATERIAL / name)


def test_the_recorded_article_with_noise_comes_out_clean(shared_data: Path) -> None:
    check(shared_data / "seed")


# ── one page ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ids_follow_from_the_facts() -> None:
    first = article_of(html_of(*LONG))
    assert first.article_id == article_of(html_of(*LONG), url="http://paper.example/a/?utm_source=feed#top").article_id
    assert first.capture_id == ids.capture_id(first.article_id, SEEN, first.content_hash)
    assert first.content_hash == ids.content_hash(first.title, first.body)
    assert first.word_count == len(first.body.split())
    assert first.extractor_name == "wirebeam"
    assert "trafilatura" in first.extractor_version


def test_an_entry_without_an_address_is_known_by_its_key() -> None:
    one = article_of(b"", source=Source.FEED, url="", entry=entry(url="", content=f"<p>{PROSE}</p>"))
    other = article_of(b"", source=Source.FEED, url="", entry=entry(url="", entry_key="k2", content=f"<p>{PROSE}</p>"))
    assert one.article_id != other.article_id
    assert one.canonical_url == ""


def test_an_entry_that_links_to_the_home_page_is_known_by_its_key_as_well() -> None:
    home = "https://paper.example/"
    one, other = (article_of(html_of(*LONG), url=home, entry=entry(url=home, entry_key=key)) for key in ("k1", "k2"))
    assert one.article_id != other.article_id
    assert one.canonical_url == home


def test_the_canonical_address_is_the_one_that_is_believed() -> None:
    claimed = html_of(*LONG, head='<link rel="canonical" href="https://www.paper.example/pier-to-be-rebuilt">')
    assert article_of(claimed, url="https://paper.example/node/17").canonical_url.endswith("/pier-to-be-rebuilt")
    wrong = html_of(*LONG, head='<link rel="canonical" href="/news">')
    assert article_of(wrong, url="https://paper.example/node/17").canonical_url == "https://paper.example/node/17"


def test_a_front_page_is_not_taken_for_the_entry_that_was_redirected_to_it() -> None:
    front = html_of(*LONG).replace("Pier to be rebuilt", "News from the coast")
    found = extract(
        page(front, url="https://paper.example/news/", entry=entry(url="https://paper.example/news/pier-1"))
    )
    assert found == Failed(Reason.NO_TEXT, "its address leads to a front page")


def test_metadata_comes_from_the_head() -> None:
    data = {
        "@type": "NewsArticle",
        "headline": "Pier to be rebuilt",
        "datePublished": "2029-05-04T03:02:01+02:00",
        "dateModified": "2029-05-05T00:00:00Z",
        "author": [{"@type": "Person", "name": "Ann Lee"}, {"@type": "Person", "name": "Bo Ek"}],
        "articleSection": "Harbour",
        "keywords": ["pier", "storm"],
        "isAccessibleForFree": "False",
        "copyrightHolder": {"name": "The Paper"},
    }
    head = (
        f"<script type='application/ld+json'>{json.dumps(data)}</script><meta name='tdm-reservation' content='1'>"
        "<meta name='tdm-policy' content='/tdm.json'><meta property='og:image' content='/pier.jpg'>"
    )
    article = article_of(html_of(*LONG, head=head))
    assert article.authors == ("Ann Lee", "Bo Ek")
    assert article.published_at == dt.datetime(2029, 5, 4, 1, 2, 1, tzinfo=dt.UTC)
    assert article.published_at_raw == "2029-05-04T03:02:01+02:00"
    assert (article.published_at_source, article.published_precision, article.published_zone) == (
        DateSource.JSON_LD,
        Precision.SECOND,
        Zone.EXPLICIT,
    )
    assert article.modified_at == dt.datetime(2029, 5, 5, tzinfo=dt.UTC)
    assert (article.section, article.tags, article.access) == ("Harbour", ("pier", "storm"), Access.PAYWALLED)
    assert (article.tdm, article.tdm_policy_url) == (Tdm.RESERVED, "https://paper.example/tdm.json")
    assert (article.copyright_holder, article.image_url) == ("The Paper", "https://paper.example/pier.jpg")


def test_a_date_without_a_zone_takes_the_outlets() -> None:
    head = "<meta property='article:published_time' content='2029-07-01 12:00'>"
    article = article_of(html_of(*LONG, head=head), entry=entry(timezone="Europe/Oslo"))
    assert article.published_at == dt.datetime(2029, 7, 1, 10, tzinfo=dt.UTC)
    assert (article.published_zone, article.published_precision) == (Zone.OUTLET, Precision.MINUTE)


@pytest.mark.parametrize(("written", "suspect"), [("2030-01-03", True), ("1970-01-01", True), ("2030-01-01", False)])
def test_an_impossible_date_is_kept_and_marked(written: str, suspect: bool) -> None:  # noqa: FBT001  # a parameter
    head = f"<meta property='article:published_time' content='{written}'>"
    article = article_of(html_of(*LONG, head=head))
    assert article.published_at is not None
    assert article.published_suspect is suspect


def test_the_feeds_date_is_finer_than_the_addresss_day() -> None:
    fed = dt.datetime(2029, 3, 12, 17, 30, tzinfo=dt.UTC)
    url = "https://paper.example/2029/03/12/pier"
    article = article_of(html_of(*LONG), url=url, entry=entry(published_at=fed, published_zone=Zone.EXPLICIT))
    assert (article.published_at, article.published_at_source) == (fed, DateSource.FEED)
    other = article_of(html_of(*LONG), url=url, entry=entry(published_at=fed + dt.timedelta(days=30)))
    assert (other.published_at, other.published_at_source) == (
        dt.datetime(2029, 3, 12, tzinfo=dt.UTC),
        DateSource.URL,
    )


def test_a_dateline_is_read_and_stays_in_the_text() -> None:
    article = article_of(html_of(f"OSLO (Reuters) - {PROSE}", *LONG))
    assert (article.dateline_place, article.dateline_text) == ("OSLO", "OSLO (Reuters)")
    assert article.credits == ("Reuters",)
    assert article.body.startswith("OSLO (Reuters) - The harbour")


def test_what_a_host_repeats_on_every_page_is_dropped() -> None:
    line = "The Paper is read by people who like boats and mind the weather more than most."
    profile = SiteProfile(host="paper.example", version=3, boilerplate=(line,))
    result = extract(page(html_of(*LONG[:3], line, *LONG[3:])), profile)
    assert isinstance(result, Article)
    assert line not in result.body
    assert result.profile_version == 3


@pytest.mark.parametrize(("policy", "words"), [(BodyPolicy.EXCERPT, 50), (BodyPolicy.NONE, 0)])
def test_a_body_policy_limits_what_is_kept_not_what_is_judged(policy: BodyPolicy, words: int) -> None:
    full = article_of(html_of(*LONG))
    kept = article_of(html_of(*LONG), entry=entry(body_policy=policy))
    assert len(kept.body.split()) == words
    assert (kept.content_hash, kept.word_count) == (full.content_hash, full.word_count)


@pytest.mark.parametrize("policy", BodyPolicy)
def test_a_notice_is_found_in_the_whole_text_whatever_of_it_is_kept(policy: BodyPolicy) -> None:
    line = "Correction: The pier was built in 1911, and not in 1912 as we first wrote."
    result = capture_of(page(html_of(*LONG, line), entry=entry(body_policy=policy)))
    assert isinstance(result, Capture)
    assert result.notice == Notice(kind=NoticeKind.CORRECTION, text=line)
    assert (line in result.article.body) == (policy is BodyPolicy.FULL)


def test_a_page_filled_in_by_a_script_gives_its_json_ld_body() -> None:
    data = json.dumps({"@type": "NewsArticle", "headline": "Pier to be rebuilt", "articleBody": "\n".join(LONG)})
    html = html_of("Loading", head=f"<script type='application/ld+json'>{data}</script>")
    assert article_of(html).body == "\n\n".join(LONG)


# ── the feed's own content ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_feeds_content_is_read_when_there_is_no_page() -> None:
    content = (
        f"<figure><img src=x><figcaption>The pier (Reuters)</figcaption></figure><p>{PROSE}</p><p>Second.<br>Third.</p>"
    )
    article = article_of(b"", source=Source.FEED, entry=entry(content=content, authors=("Ann Lee",)))
    assert article.body == f"{PROSE.strip()}\n\nSecond.\n\nThird."
    assert article.captions == (Caption(text="The pier", credit="Reuters"),)
    assert (article.title, article.authors, article.source) == ("Pier to be rebuilt", ("Ann Lee",), Source.FEED)


def test_a_feed_with_a_summary_only_gives_that() -> None:
    assert article_of(b"", source=Source.FEED, entry=entry(summary="One < two.\nThree.")).body == "One < two.\n\nThree."


def test_an_empty_entry_is_no_text() -> None:
    result = extract(page(source=Source.FEED, entry=entry(title="Only a title")))
    assert isinstance(result, Failed)
    assert result.reason is Reason.NO_TEXT


# ── the stage ──────────────────────────────────────────────────────────────────────────────────────────────────────


class InlineTask:
    cpu_s = 0.0

    def __init__(self, result: Any) -> None:
        self._result = result

    def result(self) -> Any:
        return self._result


class InlinePool:
    """Does the work at once, in the test's own process; a page of the bytes b"hang" takes too long, b"bug" raises."""

    def submit(self, function: Any, one: Page, *, timeout_s: float) -> InlineTask:
        if one.body == b"hang":
            return InlineTask(TaskFailed(Reason.CPU_LIMIT, f"took longer than {timeout_s:g} s"))
        if one.body == b"bug":
            return InlineTask(TaskFailed(Reason.BUG, "ValueError: oh"))
        return InlineTask(function(one))

    def take_begun(self, key: str) -> None:
        """Nothing is begun ahead."""


def inline_pool() -> InlinePool:
    return InlinePool()


def clock() -> dt.datetime:
    return SEEN


def flat(record: Capture | Outcome | DeadLetter) -> tuple[Any, ...]:
    if isinstance(record, Capture):
        return record.entry_id, record.article.source, record.reason, record.http_status
    if isinstance(record, Outcome):
        return record.entry_id, record.stage, record.outcome, record.reason, record.is_terminal
    return record.stage, record.reason, record.error


def test_every_page_ends_in_a_capture_or_an_outcome() -> None:
    fed = {"content": f"<p>{PROSE}</p>"}
    pages = [
        page(html_of(*LONG), entry=entry(entry_id="good")),
        page(b"hang", entry=entry(entry_id="slow", **fed)),
        page(b"%PDF-1.7", content_type="application/pdf", entry=entry(entry_id="pdf")),
        page(b"bug", entry=entry(entry_id="bug", **fed)),
        page(source=Source.FEED, reason=Reason.ROBOTS, entry=entry(entry_id="fed", **fed), status=None),
        page(source=Source.FEED, reason=Reason.DNS, entry=entry(entry_id="empty"), status=None),
    ]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        shared: Shared[Any] = Shared(inline_pool)
        made = pipeline | "Pages" >> beam.Create(pages) | ExtractPages(shared, clock=clock)
        captures, ended, letters = (made[tag] | f"Flat {tag}" >> beam.Map(flat) for tag in TAGS)
        assert_that(
            captures,
            equal_to(
                [
                    ("good", Source.WEB, None, 200),
                    ("slow", Source.FEED, Reason.CPU_LIMIT, 200),
                    ("fed", Source.FEED, Reason.ROBOTS, None),
                ]
            ),
            label="captures",
        )
        failed = (Stage.EXTRACT, OutcomeKind.DEAD)
        assert_that(
            ended,
            equal_to(
                [
                    ("pdf", *failed, Reason.NOT_HTML, True),
                    ("bug", Stage.EXTRACT, OutcomeKind.DEAD, Reason.BUG, True),
                    ("empty", *failed, Reason.DNS, True),
                ]
            ),
            label="outcomes",
        )
        assert_that(
            letters,
            equal_to(
                [
                    (Stage.EXTRACT, Reason.NOT_HTML, "its type is application/pdf"),
                    (Stage.EXTRACT, Reason.BUG, "RuntimeError: ValueError: oh"),
                    (Stage.EXTRACT, Reason.DNS, "the feed holds no text of it"),
                ]
            ),
            label="dead letters",
        )


TAGS = ("captures", "outcomes", "dead_letters")


def test_the_pool_can_do_it() -> None:
    pool = Pool(1)
    try:
        result = pool.submit(extract, page(html_of(*LONG)), timeout_s=60).result()
    finally:
        pool.close()
    assert isinstance(result, Article)


# ── hostile pages ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_deep_nesting_still_gives_its_text() -> None:
    for depth in (300, 3_000, 20_000):
        html = f"<html><body>{'<div>' * depth}<article><p>{'</p><p>'.join(LONG)}</p></article>{'</div>' * depth}"
        assert LONG[0] in article_of(html).body


def test_a_huge_line_is_read_within_bounds() -> None:
    article = article_of(html_of(PROSE * 50_000, *LONG))
    assert len(article.body) <= stage.BODY_LIMIT


def test_entities_of_the_pages_own_are_not_expanded() -> None:
    bomb = "<!DOCTYPE html [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]>"
    article = article_of(bomb + html_of("&b;&b; is not a laugh.", *LONG))
    assert "haha" not in article.body


@pytest.mark.parametrize(
    "body",
    [
        "<p>Grüße aus Köln und Ärger über das Wetter, sagte die Bürgermeisterin.</p>".encode("cp1252"),
        "<meta charset=utf-8><p>Grüße aus Köln und Ärger über das Wetter, sagte die Bürgermeisterin.</p>".encode(
            "cp1252"
        ),
        "<meta charset=latin1><p>Grüße aus Köln und Ärger über das Wetter, sagte die Bürgermeisterin.</p>".encode(),
        "<p>Grüße aus Köln und Ärger über das Wetter, sagte die Bürgermeisterin.</p>".encode("utf-16"),
    ],
    ids=["undeclared", "declared wrongly", "utf-8 declared as latin1", "utf-16 with its mark"],
)
def test_a_wrong_charset_does_not_spoil_the_text(body: bytes) -> None:
    assert "Grüße aus Köln" in article_of(body).body


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", "text/html", Reason.NO_TEXT),
        (b"<html><body></body></html>", "text/html", Reason.NO_TEXT),
        (b"<html><head><title>x</title></head><body><script>1</script></body></html>", "text/html", Reason.NO_TEXT),
        (bytes(range(256)) * 40, "text/html", Reason.NOT_HTML),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), None, Reason.NOT_HTML),
        (b"GIF89a", "image/gif", Reason.NOT_HTML),
    ],
    ids=["nothing", "no body", "no text", "binary", "a picture without a type", "a picture"],
)
def test_what_holds_no_article_fails_as_a_value(body: bytes, kind: str | None, reason: Reason) -> None:
    result = extract(page(body, content_type=kind))
    assert isinstance(result, Failed)
    assert result.reason is reason


def fragments() -> st.SearchStrategy[str]:
    tags = [
        "p",
        "div",
        "figcaption",
        "time",
        "meta",
        "h1",
        "article",
        "a",
        "script type='application/ld+json'",
        "table",
    ]
    texts = st.one_of(
        st.text(max_size=30),
        st.sampled_from([PROSE, '{"@type":"NewsArticle","author":[[]],"datePublished":{}}', "&#0;&#xd800;", "[Getty]"]),
    )
    opened = st.sampled_from(
        [f"<{tag}>" for tag in tags] + ["<meta property='og:url' content='http://[x'>", "<p class='"]
    )
    closed = st.sampled_from([f"</{tag.split()[0]}>" for tag in tags])
    return st.lists(st.one_of(texts, opened, closed), max_size=40).map("".join)


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=300), fragments().map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_no_input_raises(body: bytes) -> None:
    for one in (page(body), page(source=Source.FEED, entry=entry(content=body.decode("utf-8", "replace")))):
        result = extract(one)
        assert isinstance(result, Article | Failed)
        assert result == extract(one)
