"""Threads that do not hold up the end of the process."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """As `ThreadPoolExecutor`, for work that may take long and may be abandoned: the interpreter waits for the threads of
    that one before it exits, and not for these. `submit` is for one thread."""

    def __init__(self, most: int, name: str) -> None:
        self._left = most
        self._name = name
        self._idle = Semaphore(0)
        self._work: SimpleQueue[_Work] = SimpleQueue()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))
        if not self._idle.acquire(blocking=False) and self._left:
            self._left -= 1
            Thread(target=self._serve, name=self._name, daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            future, work = self._work.get()
            if future.set_running_or_notify_cancel():
                _fulfil(future, work)
            del future, work
            self._idle.release()


def _fulfil(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:  # it belongs to whoever submitted the work
        future.set_exception(error)
    else:
        future.set_result(result)
