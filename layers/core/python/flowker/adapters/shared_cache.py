"""Values that cost a request and serve many threads: one thread fetches, the others wait for what it brings."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from flowker.adapters.deadline import Deadline

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    fetching: Lock = field(default_factory=Lock)
    value: T | None = None


class SharedCache(Generic[T]):
    """The `most` values that were used last, by key. For each key, one fetch is under way at a time.

    A fetch that fails is not shared: whoever waited for it tries for itself, since its own deadline may be later.
    """

    def __init__(self, most: int, kept: Callable[[T], bool] = lambda value: True) -> None:
        self._most = most
        self._kept = kept
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._lock = Lock()

    def get(
        self, key: str, fresh: Callable[[T], bool], fetch: Callable[[T | None], T], deadline: Deadline
    ) -> T:
        """The value if it is fresh, else what `fetch` makes of the stale one. Raises what it raises, `TimeoutError`."""
        entry = self._entry(key)
        value = entry.value
        if value is not None and fresh(value):
            return value
        if not entry.fetching.acquire(timeout=deadline.left):
            raise TimeoutError
        try:
            value = entry.value
            if value is None or not fresh(value):
                value = fetch(value)
                with self._lock:
                    entry.value = value if self._kept(value) else None
            return value
        finally:
            entry.fetching.release()

    def drop(self, key: str, stale: Callable[[T], bool]) -> None:
        """Forget the value unless it has been replaced by one that is not stale."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.value is not None and stale(entry.value):
                entry.value = None

    def _entry(self, key: str) -> _Entry[T]:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
            return entry
