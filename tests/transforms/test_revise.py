"""revise: each capture is judged in its place in observed time, whatever the order of arrival."""

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec, ids
from schemas.enums import Availability, Change, NoticeKind, Origin, OutcomeKind, PubStatus, Reason, Source, Stage
from schemas.memory import KnownCapture
from schemas.records import Article, Capture, DeadLetter, Notice, Outcome, Revision, Sight
from transforms.revise import KNOWN_LIMIT, SEEN_LIMIT, Judgement, ReviseCaptures, revise
from transforms.shared import Shared

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ARTICLE = ids.article_id("https://outlet.example/news")


def at(minute: float) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute)


def article(
    text: str, minute: float, extractor_version: str = "1", article_id: str = ARTICLE, title: str = ""
) -> Article:
    content = ids.content_hash(title, text)
    return Article(
        capture_id=ids.capture_id(article_id, at(minute), content),
        article_id=article_id,
        content_hash=content,
        observed_at=at(minute),
        url="https://outlet.example/news",
        canonical_url="https://outlet.example/news",
        extractor_name="made",
        extractor_version=extractor_version,
        title=title,
        body=text,
    )


def sight(minute: float, availability: Availability = Availability.GONE) -> Sight:
    return Sight(article_id=ARTICLE, observed_at=at(minute), availability=availability)


class Memory:
    """A memory that is written to bytes, and read again for each capture."""

    def __init__(self) -> None:
        self._stored: dict[str, bytes] = {}
        self.revisions: list[Revision] = []

    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        ours = (known for known in self.known.values() if known.article_id == article_id)
        return sorted(ours, key=lambda known: (known.observed_at, known.capture_id))[-KNOWN_LIMIT:]

    @property
    def known(self) -> dict[str, KnownCapture]:
        return {key: codec.decode(stored, KnownCapture) for key, stored in self._stored.items()}

    def take(self, *seen: Article | Capture | Sight) -> list[Judgement]:
        judgements = []
        for each in seen:
            judged = capture(each) if isinstance(each, Article) else each
            article_id = judged.article_id if isinstance(judged, Sight) else judged.article.article_id
            judgement = revise(judged, self.neighbours(article_id))
            self._stored.update({known.capture_id: codec.encode(known) for known in judgement.known})
            self.revisions += judgement.revisions
            judgements.append(judgement)
        return judgements

    @property
    def valid(self) -> dict[str, Revision]:
        """The newest judgement of each capture."""
        return {row.capture_id: row for row in sorted(self.revisions, key=lambda row: row.judged_seq)}

    @property
    def rows(self) -> list[Revision]:
        """The valid judgements in observed order."""
        return sorted(self.valid.values(), key=lambda row: row.observed_at)

    def changes(self) -> list[Change]:
        return [row.change for row in self.rows]

    @property
    def newest(self) -> list[Revision]:
        """Of each moment the newest extraction that has a row, as the views find it, in order of the sights."""
        rows = [row for row in self.rows if row.change is not Change.UNCHANGED]
        superseded = {(row.predecessor_id, row.observed_at) for row in rows}
        places = {row.observed_at: row for row in rows if (row.capture_id, row.observed_at) not in superseded}
        places |= {row.seen_until: row for row in rows if row.seen_until}
        return [places[moment] for moment in sorted(places)]

    @property
    def latest(self) -> Revision:
        """The newest capture, as a view of the warehouse finds it."""
        return self.newest[-1]


def capture(of: Article, change: Change | None = None, notice: Notice | None = None, feed_title: str = "") -> Capture:
    return Capture(
        article=of,
        entry_id=f"entry of {of.capture_id}",
        attempt=1,
        origin=Origin.FEED,
        entry_title=feed_title,
        notice=notice,
        change=change,
    )


def test_the_first_capture_is_new_and_a_changed_one_an_update() -> None:
    memory = Memory()
    first, second = article("A", 0), article("B", 5)
    assert [judgement.change for judgement in memory.take(first, second)] == [Change.NEW, Change.UPDATE]
    assert memory.valid[second.capture_id].predecessor_id == first.capture_id


def test_equal_content_makes_no_row() -> None:
    memory = Memory()
    first = article("A", 0)
    memory.take(first)
    (again,) = memory.take(article("A", 5))
    assert (again.change, again.same_as, again.revisions) == (None, first.capture_id, ())
    assert memory.known[first.capture_id].again == ((at(5), True, ""),)


def test_the_feeds_text_says_nothing_new_of_an_article_whose_page_is_known() -> None:
    memory = Memory()
    page, fed = article("The page.", 1), replace(article("The summary.", 2), source=Source.FEED)
    judgements = memory.take(page, fed)
    assert [judgement.change for judgement in judgements] == [Change.NEW, None]
    assert judgements[1].same_as is None
    assert list(memory.valid) == [page.capture_id]


def test_a_page_takes_the_place_of_the_feeds_text() -> None:
    memory = Memory()
    memory.take(replace(article("The summary.", 1), source=Source.FEED), article("The page.", 2))
    assert memory.changes() == [Change.NEW, Change.UPDATE]


def test_the_same_capture_twice_makes_no_row() -> None:
    memory = Memory()
    first, second = article("A", 0), article("B", 5)
    memory.take(first, second)
    assert [judgement.same_as for judgement in memory.take(first, second)] == [first.capture_id, second.capture_id]


def test_there_and_back_makes_three_rows() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("B", 1), article("A", 2))
    assert memory.changes() == [Change.NEW, Change.UPDATE, Change.UPDATE]


def test_texts_of_two_extractors_are_not_compared() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("A extracted better", 5, extractor_version="2"))
    assert memory.changes() == [Change.NEW, Change.EXTRACTION]


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
def test_re_extractions_are_judged_at_their_moment_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    a1, a2 = article("A", 0, "1+x.2.9"), article("A, better", 0, "1+x.2.10")
    b1, b2 = article("B", 5, "1+x.2.9"), article("B, better", 5, "1+x.2.10")
    memory = Memory()
    memory.take(*([a1, a2, b1, b2][number] for number in order))
    assert {row.capture_id: (row.change, row.predecessor_id) for row in memory.rows} == {
        a1.capture_id: (Change.NEW, None),
        a2.capture_id: (Change.EXTRACTION, a1.capture_id),
        b1.capture_id: (Change.UPDATE, a1.capture_id),
        b2.capture_id: (Change.EXTRACTION, b1.capture_id),
    }
    (judgement,) = memory.take(article("C", 9, "1+x.2.10"))
    assert judgement.change is Change.UPDATE


def test_what_was_unchanged_makes_no_row_when_it_is_extracted_again() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("A", 5), article("A, better", 0, "2"))
    assert [judgement.change for judgement in memory.take(article("A, better", 5, "2"))] == [None]
    assert memory.changes() == [Change.NEW, Change.EXTRACTION]


def test_a_newer_extractor_that_says_the_same_is_noted() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("A", 0, "2"), article("B", 5, "2"))
    assert memory.changes() == [Change.NEW, Change.UPDATE]


def test_an_extractor_that_goes_back_to_an_older_text_is_the_newest_of_its_moment() -> None:
    memory = Memory()
    first, second = article("A", 0, "1"), article("A, worse", 0, "2")
    memory.take(first, second, article("A", 0, "3"))
    assert memory.latest.capture_id == first.capture_id
    assert memory.valid[first.capture_id].predecessor_id == second.capture_id


def test_a_kill_that_only_a_newer_extractor_finds_counts() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("Text.", 5), capture(article("Text. Withdrawn.", 5, "2"), notice=KILL))
    assert (memory.latest.change, memory.latest.pub_status) == (Change.KILL, PubStatus.CANCELED)


def test_a_late_capture_is_judged_in_its_place_and_its_neighbour_again() -> None:
    memory = Memory()
    first, late, last = article("A", 0), article("B", 5), article("C", 10)
    memory.take(first, last)
    (judgement,) = memory.take(late)
    assert judgement.change is Change.UPDATE
    assert [(row.capture_id, row.judged_seq, row.predecessor_id) for row in judgement.revisions] == [
        (late.capture_id, 0, first.capture_id),
        (last.capture_id, 1, late.capture_id),
    ]


def test_a_capture_before_all_others_takes_over_as_the_new_one() -> None:
    memory = Memory()
    memory.take(article("B", 5))
    memory.take(article("A", 0))
    assert memory.changes() == [Change.NEW, Change.UPDATE]


def test_a_late_capture_may_show_that_a_row_was_none() -> None:
    memory = Memory()
    late, known, last = article("A", 0), article("A", 5), article("B", 10)
    memory.take(known, last)
    memory.take(late)
    assert memory.changes() == [Change.NEW, Change.UNCHANGED, Change.UPDATE]
    assert memory.valid[last.capture_id].predecessor_id == late.capture_id
    memory.take(article("C", 2))  # and it may be one after all
    assert memory.changes() == [Change.NEW, Change.UPDATE, Change.UPDATE, Change.UPDATE]


def test_a_capture_older_than_all_that_is_remembered_is_not_called_new() -> None:
    remembered = [
        KnownCapture(
            capture_id="k",
            article_id=ARTICLE,
            observed_at=NOON,
            content_hash="x",
            extractor="made 1 0",
            change=Change.UPDATE,
            predecessor_id="forgotten",
        )
    ]
    assert revise(capture(article("A", -5)), remembered).change is Change.UPDATE


# ── what a change is ───────────────────────────────────────────────────────────────────────────────────────────────

TEXT = (
    "The ferry to the northern islands was cancelled on Monday after engineers found a crack in its hull, the port "
    "authority said.\n\nSome 300 passengers were taken home by bus. A second vessel is to take over on Thursday."
)
CORRECTION = Notice(kind=NoticeKind.CORRECTION, text="Correction: it was Monday.")
KILL = Notice(kind=NoticeKind.KILL, text="This article has been withdrawn.")
WITHHELD = Notice(kind=NoticeKind.WITHHELD, text="This article has been removed temporarily.")


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("cancelled", "canceled", Change.MINOR),
        ("engineers", "enginers", Change.MINOR),
        ("Monday after", "Monday, after", Change.MINOR),
        ("300 passengers", "310 passengers", Change.UPDATE),
        ("on Monday", "on Sunday", Change.UPDATE),
        ("was cancelled", "was not cancelled", Change.UPDATE),
        ("by bus.", "by bus. Nobody was hurt.", Change.UPDATE),
    ],
)
def test_slips_are_minor_and_whatever_says_something_else_is_an_update(old: str, new: str, change: Change) -> None:
    memory = Memory()
    memory.take(article(TEXT, 0), article(TEXT.replace(old, new), 5))
    assert memory.changes() == [Change.NEW, change]


def test_texts_that_are_not_kept_as_a_whole_are_not_called_minor() -> None:
    memory = Memory()
    memory.take(replace(article(TEXT, 0), word_count=400), replace(article(TEXT + ".", 5), word_count=400))
    assert memory.changes() == [Change.NEW, Change.UPDATE]


def test_counters_and_updated_lines_make_no_row() -> None:
    memory = Memory()
    first = article(f"Updated 14:05 GMT\n\n{TEXT}\n\n14 comments", 0)
    _, again = memory.take(first, article(f"Updated 15:31 GMT\n\n{TEXT}\n\n57 comments", 5))
    assert (again.change, again.same_as, again.revisions) == (None, first.capture_id, ())


def test_an_old_headline_over_the_same_text_makes_no_row() -> None:
    memory = Memory()
    one, other = article(TEXT, 0, title="Ferry cancelled"), article(TEXT, 1, title="Crack stops ferry")
    judgements = memory.take(one, other, article(TEXT, 2, title="Ferry cancelled"), article(TEXT, 3, title="It floats"))
    assert [judgement.change for judgement in judgements] == [Change.NEW, Change.UPDATE, None, Change.UPDATE]


def test_a_headline_that_the_feed_does_not_know_makes_no_row() -> None:
    memory = Memory()
    memory.take(
        capture(article(TEXT, 0, title="Ferry cancelled"), feed_title="Ferry cancelled"),
        capture(article(TEXT, 1, title="Crack stops ferry"), feed_title="Ferry cancelled"),
        capture(article(TEXT, 2, title="Crack stops ferry"), feed_title="Crack stops ferry"),
    )
    assert memory.changes() == [Change.NEW, Change.UPDATE]
    assert memory.rows[1].observed_at == at(2)


def test_a_new_notice_of_a_correction_is_noted_and_one_that_stays_is_not() -> None:
    memory = Memory()
    memory.take(
        article("A", 0),
        capture(article(f"B {CORRECTION.text}", 1), notice=CORRECTION),
        capture(article(f"C {CORRECTION.text}", 2), notice=CORRECTION),
        capture(article("D", 3), notice=replace(CORRECTION, text="Correction: it was Monday, and the third.")),
    )
    assert memory.changes() == [Change.NEW, Change.CORRECTION, Change.UPDATE, Change.CORRECTION]
    assert [row.change_note is not None for row in memory.rows] == [False, True, False, True]


def test_a_first_capture_may_hold_a_correction_and_stays_new() -> None:
    memory = Memory()
    memory.take(capture(article("A", 0), notice=CORRECTION))
    assert [(row.change, row.change_note) for row in memory.rows] == [(Change.NEW, CORRECTION.text)]


def test_a_notice_is_found_in_a_text_of_another_extractor_too() -> None:
    memory = Memory()
    memory.take(article("A", 0), capture(article("B", 1, extractor_version="2"), notice=KILL))
    assert memory.changes() == [Change.NEW, Change.KILL]


def test_a_kill_and_its_end() -> None:
    memory = Memory()
    memory.take(
        article("A", 0),
        capture(article(WITHHELD.text, 1), notice=WITHHELD),
        capture(article(KILL.text, 2), notice=KILL),
        capture(article(f"{KILL.text} Sorry.", 3), notice=KILL),
        article("A", 4),
    )
    assert [(row.change, row.pub_status) for row in memory.rows] == [
        (Change.NEW, PubStatus.USABLE),
        (Change.KILL, PubStatus.WITHHELD),
        (Change.KILL, PubStatus.CANCELED),
        (Change.UPDATE, PubStatus.CANCELED),
        (Change.RESTORED, PubStatus.USABLE),
    ]
    assert memory.rows[2].change_note == KILL.text


def test_a_first_capture_may_be_a_kill() -> None:
    memory = Memory()
    memory.take(capture(article("A", 0), notice=KILL))
    assert [(row.change, row.pub_status) for row in memory.rows] == [(Change.KILL, PubStatus.CANCELED)]


def test_a_late_kill_shows_that_the_article_came_back() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("B", 5))
    memory.take(capture(article(KILL.text, 2), notice=KILL))
    assert memory.changes() == [Change.NEW, Change.KILL, Change.RESTORED]


def test_the_feeds_text_may_bring_the_kill_of_a_page() -> None:
    memory = Memory()
    memory.take(article("A", 0), capture(replace(article(KILL.text, 1), source=Source.FEED), notice=KILL))
    assert memory.changes() == [Change.NEW, Change.KILL]


# ── what was seen again, and what has gone ─────────────────────────────────────────────────────────────────────────


def test_what_was_seen_again_after_a_late_capture_is_the_latest() -> None:
    memory = Memory()
    first = article("A", 0)
    memory.take(first, article("A", 9), article("B", 5))
    assert memory.latest.capture_id == first.capture_id
    assert memory.valid[first.capture_id].seen_until == at(9)
    assert [judgement.same_as for judgement in memory.take(article("A", 12))] == [first.capture_id]
    memory.take(article("C", 15))
    assert memory.rows[-1].predecessor_id == first.capture_id


@pytest.mark.parametrize("order", itertools.permutations(range(4)))
@pytest.mark.parametrize("texts", ["BAAB", "AABA", "ABBA", "ABAB"])
def test_a_content_that_comes_back_is_the_latest_in_any_order_of_arrival(texts: str, order: tuple[int, ...]) -> None:
    memory = Memory()
    captures = [article(text, minute) for minute, text in enumerate(texts)]
    memory.take(*(captures[number] for number in order))
    assert memory.known[memory.latest.capture_id].content_hash == captures[-1].content_hash


def test_what_was_seen_is_remembered_of_the_newest_times_only() -> None:
    memory = Memory()
    memory.take(*(article("A", minute) for minute in range(SEEN_LIMIT + 5)))
    (known,) = memory.known.values()
    assert [seen_at for seen_at, _, _ in known.again] == [at(minute + 5) for minute in range(SEEN_LIMIT)]
    assert len(memory.revisions) == 1


def test_a_time_of_an_older_state_counts_as_seen() -> None:
    memory = Memory()
    memory.take(article("A", 0))
    (known,) = memory.known.values()
    judgement = revise(capture(article("B", 5)), [replace(known, seen_at=at(9))])
    assert [row.seen_until for row in judgement.revisions] == [at(9), None]


def test_an_article_goes_and_comes_back_without_a_new_capture() -> None:
    memory = Memory()
    first = article("A", 0)
    gone, again, back = memory.take(first, sight(1), sight(2), article("A", 3))[1:]
    assert [row.availability for row in gone.revisions] == [Availability.GONE]
    assert (gone.change, gone.revisions[0].change, gone.revisions[0].judged_seq) == (None, Change.NEW, 1)
    assert again.revisions == ()
    assert [row.availability for row in back.revisions] == [Availability.LIVE]
    assert memory.rows[0].pub_status is PubStatus.USABLE


def test_a_sight_belongs_to_the_capture_before_it() -> None:
    memory = Memory()
    memory.take(article("A", 0), article("C", 9), sight(5), sight(6, Availability.BLOCKED))
    assert [row.availability for row in memory.rows] == [Availability.BLOCKED, Availability.LIVE]
    memory.take(article("B", 4))
    assert [row.availability for row in memory.rows] == [Availability.LIVE, Availability.BLOCKED, Availability.LIVE]


def test_a_sight_of_an_unknown_article_says_nothing() -> None:
    assert revise(sight(0), ()) == Judgement()


# ── orders ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# A text, when, its extractor, whose words they are, and what notice they hold.
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "B, it said", "C"]),
        st.integers(0, 30),
        st.sampled_from("112"),
        st.sampled_from(["", "", "Another headline"]),
        st.sampled_from([Source.WEB, Source.WEB, Source.FEED]),
        st.sampled_from([None, None, None, CORRECTION, KILL, WITHHELD]),
    ),
    min_size=1,
    max_size=7,
    unique_by=lambda arrival: arrival[1],
)
SIGHTS = st.lists(
    st.tuples(st.integers(0, 30).map(lambda minute: minute + 0.5), st.sampled_from(Availability)),
    max_size=3,
    unique_by=lambda seen: seen[0],
)


def made(arrivals: Iterable[tuple[str, int, str, str, Source, Notice | None]]) -> list[Capture]:
    return [
        capture(
            replace(article(f"{text} {notice.text if notice else ''}", minute, version, title=title), source=source),
            notice=notice,
        )
        for text, minute, version, title, source, notice in arrivals
    ]


@given(ARRIVALS, SIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    arrivals: list[tuple[str, int, str, str, Source, Notice | None]],
    sights: list[tuple[float, Availability]],
    rng: Random,
) -> None:
    """Where a content came back after another, or was seen in the feed and on the page, the latest text is the same."""
    captures = made(arrivals)
    looks = [sight(minute, availability) for minute, availability in sights]
    seen: list[Capture | Sight] = [*captures, *looks]
    in_order, shuffled = Memory(), Memory()
    in_order.take(*sorted(seen, key=observed))
    first, *others = rng.sample(captures, len(captures))
    # A sight of an article that is not known says nothing, hence none before the first capture.
    later: list[Capture | Sight] = [*others]
    later += [look for look in looks if look.observed_at > in_order.rows[0].observed_at]
    shuffled.take(first, *rng.sample(later, len(later)))
    assert text_of(in_order.latest, captures) == text_of(shuffled.latest, captures)
    runs = [content for content, _ in itertools.groupby(sorted(captures, key=observed), key=content_of)]
    if len({content for content, _ in runs}) == len(runs) and not is_rolled_back(captures):
        assert facts(in_order.rows) == facts(shuffled.rows)


@given(ARRIVALS)
def test_the_latest_content_wins(arrivals: list[tuple[str, int, str, str, Source, Notice | None]]) -> None:
    memory = Memory()
    memory.take(*made(arrivals))
    kept = [row for row in memory.rows if row.change is not Change.UNCHANGED]
    assert kept[0].change in {Change.NEW, Change.KILL}
    versions = [version for _, _, version, *_ in sorted(arrivals, key=minute_of)]
    is_rolled_back = versions != sorted(versions)  # what a newer extractor said is no past of an older one
    if not is_rolled_back and not any(row.seen_until for row in kept):
        assert [row.predecessor_id for row in kept] == [None, *(row.capture_id for row in kept[:-1])]
        hashes = [memory.known[row.capture_id].content_hash for row in kept]
        assert all(one != other for one, other in itertools.pairwise(hashes))


# What each page shows, and what three extractors make of that, which may be the same.
PAGES = st.dictionaries(st.integers(0, 9), st.sampled_from("ABCK"), min_size=1, max_size=4)
MADE_OF = st.fixed_dictionaries({(version, page): st.sampled_from("abcd") for version in "123" for page in "ABC"})
FINDS_KILL = st.sampled_from("1234")  # from which version on


@given(PAGES, MADE_OF, FINDS_KILL, st.data(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_of_re_extractions_does_not_matter(
    pages: dict[int, str], made_of: dict[tuple[str, str], str], finds_kill: str, data: st.DataObject, rng: Random
) -> None:
    """Live, or from the raw archive, and some pages by some of three extractors only."""
    captures = []
    for minute, page in pages.items():
        for version in data.draw(st.sets(st.sampled_from("123"), min_size=1)):
            notice = KILL if page == "K" and version >= finds_kill else None
            text = made_of.get((version, page), KILL.text)
            captures.append(capture(article(text, minute, version), notice=notice))
    in_order, shuffled = Memory(), Memory()
    in_order.take(*sorted(captures, key=extracted))
    shuffled.take(*rng.sample(captures, len(captures)))
    if is_rolled_back(captures):
        return
    assert text_of(in_order.latest, captures) == text_of(shuffled.latest, captures)
    runs = [content for content, _ in itertools.groupby(sorted(captures, key=extracted), key=content_of)]
    if len(set(runs)) == len(runs):
        assert story(in_order, captures) == story(shuffled, captures)


def story(memory: Memory, captures: Iterable[Capture]) -> list[tuple[str, PubStatus]]:
    """What view `history` tells: of each moment the newest extraction, what did not change folded."""
    told = [(text_of(row, captures), row.pub_status) for row in memory.newest]
    return [one for one, _ in itertools.groupby(told)]


def is_rolled_back(captures: Iterable[Capture]) -> bool:
    """Whether the newest extractor of a moment is older than that of one before."""
    newest = {observed(each): each.article.extractor_version for each in sorted(captures, key=extracted)}
    return list(newest.values()) != sorted(newest.values())


def extracted(of: Capture) -> tuple[dt.datetime, str]:
    return of.article.observed_at, of.article.extractor_version


def minute_of(arrival: tuple[str, int, str, str, Source, Notice | None]) -> int:
    return arrival[1]


def observed(seen: Capture | Sight) -> dt.datetime:
    return seen.observed_at if isinstance(seen, Sight) else seen.article.observed_at


def content_of(of: Capture) -> tuple[str, bool]:
    return of.article.content_hash, of.article.source is Source.FEED


def text_of(row: Revision, captures: Iterable[Capture]) -> str:
    return next(each.article.body for each in captures if each.article.capture_id == row.capture_id)


def facts(rows: Iterable[Revision]) -> set[Revision]:
    return {replace(row, judged_seq=0) for row in rows if row.change is not Change.UNCHANGED}


# ── the PTransform ─────────────────────────────────────────────────────────────────────────────────────────────────


def fixed_clock() -> dt.datetime:
    return NOON


def remembers_a() -> Memory:
    memory = Memory()
    memory.take(article("A", 0))
    return memory


def test_captures_of_one_cycle_see_each_other_and_the_memory() -> None:
    same, changed, again = article("A", 1), article("B", 2), article("B", 3)
    other = article("A", 4, article_id=ids.article_id("https://outlet.example/other"))
    judgements = remembers_a().take(same, changed, again, other)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        source = pipeline | "Captures" >> beam.Create(
            [capture(same), capture(changed), capture(again), capture(other)]
        ).with_output_types(Capture)
        sights = pipeline | "Sights" >> beam.Create([]).with_output_types(Sight)
        out = (source, sights) | "Revise" >> ReviseCaptures(memory=Shared(remembers_a), clock=fixed_clock)
        first = replace(capture(other, Change.NEW), is_first=True)
        assert_that(out.captures, equal_to([capture(changed, Change.UPDATE), first]), label="Captures")
        revisions = [row for judgement in judgements for row in judgement.revisions]
        assert_that(out.revisions, equal_to(revisions), label="Revisions")
        known = [known for judgement in judgements for known in judgement.known]
        assert_that(out.known, equal_to(known), label="Known")
        assert_that(
            out.outcomes | "Facts" >> beam.Map(facts_of),
            equal_to(
                [
                    (f"entry of {same.capture_id}", OutcomeKind.UNCHANGED, article("A", 0).capture_id),
                    (f"entry of {again.capture_id}", OutcomeKind.UNCHANGED, changed.capture_id),
                ]
            ),
            label="Outcomes",
        )


def test_a_sight_gives_a_judgement_and_no_outcome() -> None:
    (judgement,) = remembers_a().take(sight(1))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        captures = pipeline | "Captures" >> beam.Create([]).with_output_types(Capture)
        sights = pipeline | "Sights" >> beam.Create([sight(1)]).with_output_types(Sight)
        out = (captures, sights) | "Revise" >> ReviseCaptures(memory=Shared(remembers_a), clock=fixed_clock)
        assert_that(out.revisions, equal_to(judgement.revisions), label="Revisions")
        assert_that(out.known, equal_to(judgement.known), label="Known")
        assert_that(out.captures, equal_to([]), label="Captures")
        assert_that(out.outcomes, equal_to([]), label="Outcomes")


def facts_of(outcome: Outcome) -> tuple[str, OutcomeKind, str | None]:
    return outcome.entry_id, outcome.outcome, outcome.capture_id


class Broken:
    def neighbours(self, article_id: str) -> Sequence[KnownCapture]:
        del article_id
        raise RuntimeError("out of order")


def test_a_bug_costs_its_capture_or_sight_only() -> None:
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        source = pipeline | "Captures" >> beam.Create([capture(article("A", 0))]).with_output_types(Capture)
        sights = pipeline | "Sights" >> beam.Create([sight(1)]).with_output_types(Sight)
        out = (source, sights) | "Revise" >> ReviseCaptures(memory=Shared(Broken), clock=fixed_clock)
        assert_that(out.captures, equal_to([]), label="Captures")
        assert_that(out.outcomes | "Kind" >> beam.Map(kind_of), equal_to([OutcomeKind.DEAD]), label="Outcomes")
        assert_that(
            out.dead_letters | "Why" >> beam.Map(why), equal_to([(Stage.REVISE, Reason.BUG)] * 2), label="Dead letters"
        )


def kind_of(outcome: Outcome) -> OutcomeKind:
    return outcome.outcome


def why(letter: DeadLetter) -> tuple[Stage, Reason]:
    return letter.stage, letter.reason
