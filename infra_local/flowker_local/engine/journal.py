"""Where the engine keeps what must survive a restart: machines, and the latest position of every unfinished run."""

from typing import Protocol

from flowker.model.exact_json import Json


class Journal(Protocol):
    def key(self) -> bytes:
        """Random bytes made with the journal; task tokens are derived from them."""
        ...

    def add_machine(self, name: str, definition: Json) -> None:
        """Durable when it returns. The name is new."""
        ...

    def machine(self, name: str) -> Json:
        """The definition, or None."""
        ...

    def remove_machine(self, name: str) -> None:
        """Gone for good when it returns."""
        ...

    def save(self, name: str, position: Json) -> None:
        """Keep the position of a run; returns at once. The position is never changed afterwards."""
        ...

    def remove(self, name: str) -> None:
        """Forget a run; returns at once."""
        ...

    async def flush(self) -> None:
        """Return when everything saved and removed before is durable. Raises what kept it from being so."""
        ...

    def runs(self) -> dict[str, Json]:
        """The position of every run that was not removed, by name. Asked once, before the first save."""
        ...
