"""Values that many threads need and one of them fetches."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from flowker.adapters.deadline import Deadline
from flowker.adapters.shared_cache import SharedCache


class Source:
    """Numbers in a row; each takes until the gate is open."""

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.asked: list[int | None] = []
        self._lock = Lock()

    def fetch(self, stale: int | None) -> int:
        with self._lock:
            self.asked.append(stale)
            number = len(self.asked)
        self.gate.wait(5)
        return number


def always(value: int) -> bool:
    return True


def never(value: int) -> bool:
    return False


@pytest.fixture
def source() -> Source:
    return Source()


def test_a_fresh_value_is_not_fetched_again(source: Source) -> None:
    cache = SharedCache[int](8)
    assert [cache.get("a", always, source.fetch, Deadline.after(1)) for _ in range(3)] == [1, 1, 1]


def test_a_stale_value_is_given_to_the_fetch_that_replaces_it(source: Source) -> None:
    cache = SharedCache[int](8)
    for _ in range(3):
        cache.get("a", never, source.fetch, Deadline.after(1))
    assert source.asked == [None, 1, 2]


def test_twenty_threads_fetch_once(source: Source) -> None:
    cache = SharedCache[int](8)
    source.gate.clear()
    with ThreadPoolExecutor(20) as threads:
        got = [threads.submit(cache.get, "a", always, source.fetch, Deadline.after(5)) for _ in range(20)]
        source.gate.set()
        assert {future.result() for future in got} == {1}
    assert source.asked == [None]


def test_another_key_does_not_wait(source: Source) -> None:
    cache = SharedCache[int](8)
    source.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(cache.get, "slow", always, source.fetch, Deadline.after(5))
        assert cache.get("quick", always, lambda stale: 7, Deadline.after(1)) == 7
        source.gate.set()
        assert slow.result() == 1


def test_waiting_for_another_threads_fetch_ends_at_the_own_deadline(source: Source) -> None:
    cache = SharedCache[int](8)
    source.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(cache.get, "a", always, source.fetch, Deadline.after(5))
        while not source.asked:
            Event().wait(0.001)
        with pytest.raises(TimeoutError):
            cache.get("a", always, source.fetch, Deadline.after(0.02))
        source.gate.set()
        assert slow.result() == 1


def test_who_waited_for_a_fetch_that_failed_tries_for_itself(source: Source) -> None:
    cache = SharedCache[int](8)
    begun, fail = Event(), Event()

    def failing(stale: int | None) -> int:
        begun.set()
        fail.wait(5)
        raise ValueError("no luck")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get, "a", always, failing, Deadline.after(5))
        assert begun.wait(5)
        second = threads.submit(cache.get, "a", always, source.fetch, Deadline.after(5))
        fail.set()
        with pytest.raises(ValueError, match="no luck"):
            first.result()
        assert second.result() == 1


def test_a_value_that_is_not_worth_keeping_is_not_kept(source: Source) -> None:
    cache = SharedCache[int](8, kept=lambda value: value != 1)
    assert [cache.get("a", always, source.fetch, Deadline.after(1)) for _ in range(3)] == [1, 2, 2]


def test_only_what_is_stale_is_dropped(source: Source) -> None:
    cache = SharedCache[int](8)
    cache.drop("a", always)
    cache.get("a", always, source.fetch, Deadline.after(1))
    cache.drop("a", never)
    assert cache.get("a", always, source.fetch, Deadline.after(1)) == 1
    cache.drop("a", always)
    assert cache.get("a", always, source.fetch, Deadline.after(1)) == 2
    assert source.asked == [None, None]


def test_the_values_used_last_are_kept(source: Source) -> None:
    cache = SharedCache[int](2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, always, source.fetch, Deadline.after(1))
    assert cache.get("a", always, source.fetch, Deadline.after(1)) == 1
    assert cache.get("b", always, source.fetch, Deadline.after(1)) == 4
