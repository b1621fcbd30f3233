"""Lets work through until the engine drains; knows how much of it is under way."""

import asyncio


class Gate:
    """A context manager around work in the outside world. While `closed`, nothing new may begin: `park` instead."""

    def __init__(self) -> None:
        self.closed = False
        self._inside = 0
        self._empty = asyncio.Event()

    def __enter__(self) -> None:
        self._inside += 1

    def __exit__(self, *_failure: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    async def park(self) -> None:
        """Never returns: who parks is cancelled when the engine has drained."""
        await asyncio.get_running_loop().create_future()

    async def emptied(self) -> None:
        while self._inside:
            self._empty.clear()
            await self._empty.wait()
