"""Indexes of keyed states: one is found again only for the state that it stands for, and all together are bounded."""

from transforms.indexes import Indexes


def test_an_index_is_found_by_its_token_and_has_one_taker() -> None:
    indexes: Indexes[list[int]] = Indexes()
    indexes.put("site", "1", [1])
    indexes.put("site", "2", [1, 2])
    assert indexes.take("site", "2") == [1, 2]
    assert indexes.take("site", "2") is None
    assert indexes.take("other", "2") is None


def test_an_index_of_another_state_is_dropped() -> None:
    indexes: Indexes[list[int]] = Indexes()
    indexes.put("site", "2", [1, 2])
    assert indexes.take("site", "1") is None
    assert indexes.take("site", "2") is None


def test_beyond_the_limit_the_oldest_go_and_the_last_stays() -> None:
    indexes: Indexes[list[int]] = Indexes(limit=3)
    for key, held in {"a": [1], "b": [2], "c": [3]}.items():
        indexes.put(key, "1", held)
    a = indexes.take("a", "1")
    assert a == [1]
    indexes.put("a", "2", [*a, 1])
    assert [indexes.take(key, "1") for key in "bc"] == [None, [3]]
    indexes.put("d", "1", [4, 4, 4, 4])
    assert indexes.take("a", "2") is None
    assert indexes.take("d", "1") == [4, 4, 4, 4]
