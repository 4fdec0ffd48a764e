"""What the shipped data know."""

import pytest

from schemas.enums import EntityType
from transforms.names import gazetteer


@pytest.mark.parametrize(
    ("form", "canonical", "curie"),
    [
        ("UAE", "United Arab Emirates", "iso3166:AE"),
        ("U.S.", "United States", "iso3166:US"),
        ("DRC", "Democratic Republic of the Congo", "iso3166:CD"),
        ("Kiev", "Kyiv", "geonames:703448"),
        ("Nairobi", "Nairobi", "geonames:184745"),
        ("UN", "United Nations", None),
        ("World Health Organisation", "World Health Organization", None),
    ],
)
def test_forms_have_a_canonical_name_and_an_id(form: str, canonical: str, curie: str | None) -> None:
    name = gazetteer.load().names[form]
    assert (name.canonical, name.id) == (canonical, curie)


@pytest.mark.parametrize("form", ["Reading", "Nice", "Jordan", "Chad"])
def test_what_may_be_something_else_needs_a_context(form: str) -> None:
    assert not gazetteer.load().names[form].is_sure


def test_a_country_comes_before_a_city_of_its_name() -> None:
    assert gazetteer.load().names["Panama"].id == "iso3166:PA"


def test_an_acronym_of_two_organisations_stands_for_neither() -> None:
    assert gazetteer.load().names["PTI"].canonical == "PTI"


def test_every_id_is_a_curie() -> None:
    ids = {name.id for name in gazetteer.load().names.values() if name.id}
    assert all(curie.startswith(("iso3166:", "geonames:")) for curie in ids)


def test_organisations_have_their_kind() -> None:
    assert gazetteer.load().names["NATO"].kind is EntityType.ORG
