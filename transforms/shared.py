"""What a process has once and keeps: clients, pools, indexes, models.

Beam makes every DoFn anew for every run, and a local run is a new one every second. So a DoFn holds a `Shared`, which
is only a name that can be pickled, and asks it in `setup` for the object behind it.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")

_lock = threading.RLock()
_objects: dict[tuple[Callable[..., Any], tuple[Hashable, ...]], Any] = {}


@dataclass(frozen=True)
class Shared(Generic[T]):
    """The object that `make(*args)` returns, made at the first `get` in this process and kept.

    Args:
        make: a function or class at module level (it is pickled by its name).
        args: what it is called with; hashable and picklable.
    """

    make: Callable[..., T]
    args: tuple[Hashable, ...] = ()

    def get(self) -> T:
        """The object; two threads that ask at once get the same one."""
        key = (self.make, self.args)
        with _lock:
            if key not in _objects:
                _objects[key] = self.make(*self.args)
            return cast("T", _objects[key])

    def put(self, thing: T) -> None:
        """Give this name an object that was made elsewhere, for as long as the process lives or until `forget`."""
        with _lock:
            _objects[self.make, self.args] = thing

    def forget(self) -> None:
        """Drop the object, if it was made. Whoever holds it closes it."""
        with _lock:
            _objects.pop((self.make, self.args), None)

    def close(self) -> None:
        """Close the object, if it was made, and drop it."""
        with _lock:
            made = _objects.pop((self.make, self.args), None)
        if made is not None:
            cast("Any", made).close()
