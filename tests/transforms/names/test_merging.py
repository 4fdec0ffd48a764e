"""Which names are one entity, and what it is called."""

from schemas.enums import EntityType, MentionField
from transforms.names.gazetteer import Name
from transforms.names.merging import Found, merge
from transforms.names.rules import Span

PERSON, ORG, PLACE = EntityType.PERSON, EntityType.ORG, EntityType.PLACE


NO_TEXT = {MentionField.BODY: ""}


def found(text: str, kind: EntityType = PERSON, name: Name | None = None) -> Found:
    return Found(MentionField.BODY, Span(0, len(text), kind, name), text)


def names(*texts: str) -> list[tuple[str, int]]:
    return [(merged.name, len(merged.mentions)) for merged in merge([found(text) for text in texts], NO_TEXT)]


def test_a_surname_goes_to_the_full_name() -> None:
    assert names("Ada Brolth", "Brolth", "Ada Brolth", "Ada") == [("Ada Brolth", 4)]


def test_the_article_of_an_arabic_name_does_not_matter() -> None:
    assert names("Hamid al-Jaziri", "Jaziri", "Al-Jaziri") == [("Hamid al-Jaziri", 3)]


def test_a_name_before_the_full_one_goes_to_it_as_well() -> None:
    assert names("Brolth", "Ada Brolth") == [("Ada Brolth", 2)]


def test_of_two_namesakes_the_nearest_before_is_meant() -> None:
    assert names("Ada Brolth", "Brolth", "Gnax Brolth", "Brolth", "Brolth") == [("Ada Brolth", 2), ("Gnax Brolth", 3)]


def test_initials_and_accents_make_no_other_person() -> None:
    assert names("José P. Marín", "Jose Marin", "Marin") == [("José P. Marín", 3)]


def test_a_name_in_capitals_is_called_as_elsewhere() -> None:
    assert names("ADA BROLTH", "Ada Brolth") == [("Ada Brolth", 2)]


def test_an_acronym_stands_for_the_name_beside_it() -> None:
    spans = [found("Council of Glonk", ORG), found("CDG", ORG)]
    [merged] = merge(spans, {MentionField.BODY: "Council of Glonk (CDG) met."})
    assert (merged.name, len(merged.mentions)) == ("Council of Glonk", 2)


def test_an_acronym_of_three_letters_stands_for_the_name_with_its_initials() -> None:
    [merged] = merge([found("Glonk National Army", ORG), found("GNA", ORG)], NO_TEXT)
    assert merged.name == "Glonk National Army"


def test_what_the_gazetteer_knows_goes_by_its_entry() -> None:
    entry = Name("United Kingdom", PLACE, "iso3166:GB", is_sure=True)
    [merged] = merge([found("UK", PLACE, entry), found("Britain", PLACE, entry)], NO_TEXT)
    assert (merged.name, merged.id) == ("United Kingdom", "iso3166:GB")


def test_the_article_s_spelling_of_a_full_name_stays() -> None:
    entry = Name("World Glonk Organization", ORG, None, is_sure=True)
    [merged] = merge([found("World Glonk Organisation", ORG, entry), found("WGO", ORG, entry)], NO_TEXT)
    assert merged.name == "World Glonk Organisation"


def test_a_company_s_legal_form_makes_no_other_company() -> None:
    [merged] = merge([found("Glonk Inc.", ORG), found("Glonk", ORG)], NO_TEXT)
    assert merged.name == "Glonk Inc."


def test_one_word_of_two_kinds_is_two_entities() -> None:
    assert len(merge([found("Jordan", PERSON), found("Jordan", PLACE)], NO_TEXT)) == 2


def test_many_mentions_cost_no_square() -> None:
    spans = [found(f"Ada{number % 7} Brolth") for number in range(20_000)]
    assert len(merge(spans, NO_TEXT)) == 7
