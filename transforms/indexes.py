"""What a process has built of keyed states, so that it need not read them anew for each element.

A stage that keeps much under one key also keeps a small version cell there, whose token is a hash over all that was
added. The cell is read each time; the rest only when what this process has stands for another token: at first, and
after the key has moved here or the runner has gone back to a checkpoint.
"""

import sys
from collections.abc import Sized
from typing import Generic, TypeVar

T = TypeVar("T", bound=Sized)


class Indexes(Generic[T]):
    """The indexes of keyed states, each with the token of the state it stands for.

    Args:
        limit: things that all indexes hold together; beyond it those go that were kept longest ago, the last one stays.
    """

    def __init__(self, limit: int = sys.maxsize) -> None:
        self._limit = limit
        self._held = 0
        self._indexes: dict[str, tuple[str, T, int]] = {}

    def take(self, key: str, token: str) -> T | None:
        """The index of this version, for the taker alone; None if there is none, or it stands for another version."""
        if key not in self._indexes:
            return None
        held_token, index, size = self._indexes.pop(key)
        self._held -= size
        return index if held_token == token else None

    def put(self, key: str, token: str, index: T) -> None:
        """Keep an index until it is asked for."""
        self.take(key, token)
        self._indexes[key] = token, index, len(index)
        self._held += len(index)
        while self._held > self._limit and len(self._indexes) > 1:
            self.take(next(iter(self._indexes)), "")
