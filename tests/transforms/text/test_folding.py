"""folding: one way of writing for many."""

from hypothesis import given
from hypothesis import strategies as st

from transforms.text.folding import folded, plain


def test_accents_quotation_marks_and_dashes_are_as_on_a_keyboard() -> None:
    assert plain("“Déjà vu” – l’été") == '"Deja vu" - l\'ete'
    assert folded("Größe") == "grosse"
    assert folded("أُعلنت الى") == folded("اعلنت إلي")


@given(st.text())
def test_what_is_plain_stays(text: str) -> None:
    assert plain(plain(text)) == plain(text)
