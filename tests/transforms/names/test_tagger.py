"""From texts to entities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.enums import MentionField
from transforms.names.tagger import Tagger, load_tagger

BODY = "Union boss Gnax Brolth met officials of the UN in Lima.\n\nThe United Nations thanked Brolth."


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return load_tagger()


def test_entities_have_names_keys_ids_and_mentions(tagger: Tagger) -> None:
    entities = tagger.entities("Brolth in Lima", "", BODY, "Brolth at work", "en")
    assert [(entity.name, entity.key, entity.id, len(entity.mentions)) for entity in entities] == [
        ("Gnax Brolth", "PERSON:gnax brolth", None, 4),
        ("Lima", "geonames:3936456", "geonames:3936456", 2),
        ("United Nations", "ORG:united nations", None, 2),
    ]
    fields = [mention.field for mention in entities[0].mentions]
    assert fields == [MentionField.TITLE, MentionField.BODY, MentionField.BODY, MentionField.CAPTION]


def test_saliences_add_up_to_one_and_fall(tagger: Tagger) -> None:
    saliences = [entity.salience for entity in tagger.entities("Brolth in Lima", "", BODY, "", None)]
    assert sum(saliences) == pytest.approx(1)
    assert saliences == sorted(saliences, reverse=True)


def test_no_text_has_no_entities(tagger: Tagger) -> None:
    assert tagger.entities("", "", "", "", None) == ()


prose = st.lists(st.sampled_from(BODY.split(" ")) | st.text(max_size=10), max_size=30).map(" ".join)


@given(prose, prose, prose, prose)
def test_every_mention_is_the_text_at_its_offsets(title: str, summary: str, body: str, captions: str) -> None:
    texts = {
        MentionField.TITLE: title,
        MentionField.SUMMARY: summary,
        MentionField.BODY: body,
        MentionField.CAPTION: captions,
    }
    entities = load_tagger().entities(title, summary, body, captions, "en")
    assert entities == load_tagger().entities(title, summary, body, captions, "en")
    for entity in entities:
        assert 0 < entity.salience <= 1
        assert entity.mentions
        for mention in entity.mentions:
            assert texts[mention.field][mention.start : mention.end] == mention.text
    assert len({entity.key for entity in entities}) == len(entities)
