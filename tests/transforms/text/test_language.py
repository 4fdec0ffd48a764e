"""Languages: detected in long texts, declared for short ones."""

import pytest

from transforms.text import language

ENGLISH = "The council voted on Monday to rebuild the eastern pier before the winter storms arrive from the west. " * 3
GERMAN = "Der Rat stimmte am Montag dafür, den östlichen Pier vor den Winterstürmen wieder aufzubauen. " * 3
NORWEGIAN = "Kommunestyret vedtok mandag å bygge opp igjen den østre bryggen før vinterstormene kommer fra vest. " * 3


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        (ENGLISH, None, "en"),
        (GERMAN, "en-US", "de"),
        (NORWEGIAN, "nb_NO", "nb"),
        ("Pier", "fr-CA", "fr"),
        ("Pier", "x", None),
        ("Pier", None, None),
    ],
)
def test_language(text: str, declared: str | None, expected: str | None) -> None:
    assert language.detected(text, declared) == expected
