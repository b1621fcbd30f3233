"""Names of states: the node's id and what the state does, as far as they fit (FlowRunner spec k.3.14)."""

LONGEST = 80
"""Characters of a state's name."""
_ROOM = 13
"""Of them for what the state does: `.item.resume` is the longest."""


class Names:
    """Hands out each name once in a machine. What is taken gets a number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str, longest: int = LONGEST) -> str:
        number, name = 1, wanted[:longest]
        while name in self._taken:
            number += 1
            copy = f" ({number})"
            name = wanted[: longest - len(copy)] + copy
        self._taken.add(name)
        return name

    def head(self, node_id: str) -> str:
        """The name of a node's first state; `<head>.<what it does>` fits for the others."""
        return self.take(node_id, LONGEST - _ROOM)
