"""Which words of a sentence are names, and of what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import EntityType
from transforms.names import gazetteer
from transforms.names.recogniser import Recogniser
from transforms.names.rules import Span

PERSON, ORG, PLACE = EntityType.PERSON, EntityType.ORG, EntityType.PLACE


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser(gazetteer.load())


def named(recogniser: Recogniser, text: str, language: str = "en") -> dict[str, EntityType]:
    [spans] = recogniser.read([text], language)
    return {text[span.start : span.end]: span.kind for span in spans}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # persons
        ("Peruvian President Wiracocha Inti spoke.", {"Wiracocha Inti": PERSON}),
        ("Dr. Xabu retired last year.", {"Xabu": PERSON}),
        ("It was their leader Gnax Brolth who left.", {"Gnax Brolth": PERSON}),
        ("They elected John P. Marlow Jr. on Tuesday.", {"John P. Marlow Jr.": PERSON}),
        ("We met Maria van der Zwet and Hamid al-Jaziri.", {"Maria van der Zwet": PERSON, "Hamid al-Jaziri": PERSON}),
        ("The singer Paris Holloway was late.", {"Paris Holloway": PERSON}),
        ("He asked Jordan Peters about it.", {"Jordan Peters": PERSON}),
        ("Carla Ruiz's brother stayed.", {"Carla Ruiz": PERSON}),
        # places
        ("He flew from Paris to Jakarta.", {"Paris": PLACE, "Jakarta": PLACE}),
        ("She was born in Reading, Pennsylvania.", {"Reading": PLACE, "Pennsylvania": PLACE}),
        ("They like reading. Reading is fun.", {}),
        ("The US told us nothing.", {"US": PLACE}),
        ("LIMA - The port reopened.", {"LIMA": PLACE}),
        ("The U.S. and the UK signed.", {"U.S.": PLACE, "UK": PLACE}),
        ("A boat sank in Lake Brumba near the Zulip River.", {"Lake Brumba": PLACE, "Zulip River": PLACE}),
        ("The Nairobi-based firm grew.", {"Nairobi": PLACE}),
        ("US-China talks ended.", {"US": PLACE, "China": PLACE}),
        # organisations
        ("The UN-recognised state joined.", {"UN": ORG}),
        ("Chile's Ministry of Trade, Industry and Energy said no.", {
            "Chile": PLACE, "Ministry of Trade, Industry and Energy": ORG,
        }),
        ("The Zambian National Army denied it.", {"Zambian National Army": ORG}),
        ("It hit the Council for National Accord and Glonk Motors.", {
            "Council for National Accord": ORG, "Glonk Motors": ORG,
        }),
        ("They sued McDonald's in Ohio.", {"McDonald's": ORG, "Ohio": PLACE}),
        ("The Kenyan People's Party lost.", {"Kenyan People's Party": ORG}),
        ("The World Health Organisation agreed.", {"World Health Organisation": ORG}),
        ("The Trade and Glass Board met in Lima.", {"Trade and Glass Board": ORG, "Lima": PLACE}),
        # contexts that say which
        ("A ferry from Bari reached the port of Zulip Norte.", {"Bari": PLACE, "Zulip Norte": PLACE}),
        ("It called at Ancona, Bari and Brindisi.", {"Ancona": PLACE, "Bari": PLACE, "Brindisi": PLACE}),
        ("They left Kumasi for Oldham.", {"Kumasi": PLACE, "Oldham": PLACE}),
        ("Offices in Spring, TX and Reading, CA closed.", {
            "Spring": PLACE, "TX": PLACE, "Reading": PLACE, "CA": PLACE,
        }),
        ("Jack London wrote it. London was ill and died in Paris.", {
            "Jack London": PERSON, "London": PERSON, "Paris": PLACE,
        }),
        ("Peru scored twice and won the match in Chile.", {"Peru": ORG, "Chile": PLACE}),
        ("The group lost the vote that Peru won.", {"Peru": PLACE}),
        ("President Bush visited Chile.", {"Bush": PERSON, "Chile": PLACE}),
        ("We saw Qayyum Abdul Jamal leave.", {"Qayyum Abdul Jamal": PERSON}),
        # neither
        ("They run OpenGlonk and glonk.js beside it.", {}),
        ("A power purchase agreement (PPA) was signed.", {}),
        ("Ask our Customer Service or the Editor's Note.", {}),
        ("On Thursday the Egyptian and German teams met in March.", {}),
        ("The Nobel Prize and the World Cup were discussed.", {}),
        ("I said OK. Yes, Minister.", {}),
    ],
)  # fmt: skip
def test_names_in_a_sentence(recogniser: Recogniser, text: str, names: dict[str, EntityType]) -> None:
    assert named(recogniser, text) == names


def test_a_headline_takes_its_names_from_the_body(recogniser: Recogniser) -> None:
    title = "Brolth Tells Striking Workers Nothing New In Lima"
    title_spans, _ = recogniser.read([title, "Union boss Gnax Brolth came."])
    assert [title[span.start : span.end] for span in title_spans] == ["Brolth", "Lima"]


def test_a_headline_in_capitals_has_names_too(recogniser: Recogniser) -> None:
    title = "BROLTH TELLS US WHO MAY GO TO PERU"
    title_spans, _ = recogniser.read([title, "Union boss Gnax Brolth came."])
    assert [title[span.start : span.end] for span in title_spans] == ["BROLTH", "PERU"]


def test_a_surname_alone_is_a_person_where_the_full_name_is_near(recogniser: Recogniser) -> None:
    assert named(recogniser, "Brolth rests. Union boss Gnax Brolth came.")["Brolth"] is PERSON


def test_a_long_article_says_a_person_s_name_in_full_or_often(recogniser: Recogniser) -> None:
    rest = " They said nothing about it in the end." * 40
    assert "Brolth" not in named(recogniser, "The door of Brolth's house was shut." + rest)
    assert named(recogniser, "Brolth said no. The door was shut." + rest)["Brolth"] is PERSON


def test_german_nouns_are_no_names(recogniser: Recogniser) -> None:
    text = "Gestern hat Angela Müller Bundeskanzler und Minister in Berlin getroffen, sagte ein Sprecher der Regierung."
    assert named(recogniser, text, "de-AT") == {"Angela Müller": PERSON, "Berlin": PLACE}


def test_a_script_without_capitals_gives_nothing(recogniser: Recogniser) -> None:
    assert named(recogniser, "東京で会議が開かれた。 عقد الاجتماع في القاهرة", "ja") == {}


words = st.sampled_from(
    ["Mr.", "President", "the", "The", "of", "Ministry", "Ali", "al-Nur", "de", "UN", "US-led", "&", "Bank",
     "(", ")", ".", "'s", "\n", "Lima", "McDonald’s", "J.", "-", "and", ",", "Reading", "SAYS", "ß", "\u0130"]
)  # fmt: skip


@given(
    st.lists(st.text(max_size=40) | st.lists(words, max_size=12).map(" ".join), max_size=3),
    st.sampled_from(["en", "de", "fr", ""]),
)
def test_spans_are_ordered_disjoint_and_inside_whatever_the_text(texts: list[str], language: str) -> None:
    recogniser = Recogniser(gazetteer.load())
    readings = recogniser.read(texts, language)
    assert readings == recogniser.read(texts, language)
    for text, spans in zip(texts, readings, strict=True):
        assert_ordered(text, spans)


def assert_ordered(text: str, spans: list[Span]) -> None:
    position = 0
    for span in spans:
        assert position <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip() == text[span.start : span.end]
        position = span.end
