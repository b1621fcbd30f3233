"""What is wrong with an expression: its text, or the values it met. The texts are fit for users and show no values."""


class ExpressionSyntaxError(ValueError):
    """The text of a condition or path is not in the language. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.message = message
        self.position = position


class MappingError(ValueError):
    """A list of field mappings or of operations cannot be used.

    `path` leads from the list to the culprit, such as `(2, "source")`; it is empty for the list itself.
    """

    def __init__(self, message: str, *path: str | int) -> None:
        self.message = message
        self.path = path
        super().__init__(f"{self.item}: {message}" if path else message)

    @property
    def item(self) -> str:
        """The culprit for people: `[2].source`."""
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path]
        return "".join(parts).removeprefix(".")

    def below(self, *parents: str | int) -> "MappingError":
        """The same problem, seen from further outside."""
        return MappingError(self.message, *parents, *self.path)


class EvaluationError(ValueError):
    """A well-formed expression cannot be applied to these values."""
