"""Tasks that wait for their token to be sent back."""

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from flowker.model.exact_json import Json
from flowker_local.engine.journal import Journal
from flowker_local.engine.position import Frame, Run


class Callbacks:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._key = journal.key()
        self._expected: dict[str, tuple[Run, Frame, asyncio.Future[None]]] = {}

    def token(self, run: Run, frame: Frame) -> str:
        """Unguessable, and the same when an attempt is repeated after a crash: the task may have given it away already,
        and being idempotent it will not give away another one."""
        place = f"{run.name}\0{frame.place()}"
        return hmac.new(self._key, place.encode(), hashlib.sha256).hexdigest()

    @contextmanager
    def expected(self, run: Run, frame: Frame) -> Iterator[asyncio.Future[None]]:
        """The future is done when the answer is in the frame."""
        token = self.token(run, frame)
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if frame.answer is not None:
            answered.set_result(None)
        self._expected[token] = (run, frame, answered)
        try:
            yield answered
        finally:
            del self._expected[token]

    async def answer(self, token: str, answer: Json) -> bool:
        """False if no task waits for the token. An answer is durable before it is accepted: nobody sends it twice."""
        run, frame, answered = self._expected.get(token, (None, None, None))
        if run is None or frame is None or answered is None or answered.done():
            return False
        frame.answer = answer
        frame.touch()
        answered.set_result(None)
        self._journal.save(run.name, run.position())
        await self._journal.flush()
        return True
