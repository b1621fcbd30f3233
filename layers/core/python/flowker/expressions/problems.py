"""What is wrong with an expression: its text, or the values it met. The texts are fit for users and show no values."""


class ExpressionSyntaxError(ValueError):
    """The text of a condition or path is not in the language. `position` counts characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.message = message
        self.position = position


class MappingError(ValueError):
    """A list of field mappings cannot be used. `item` is the culprit, such as `[2].source`; empty for the list."""

    def __init__(self, message: str, item: str = "") -> None:
        super().__init__(f"{item}: {message}" if item else message)
        self.message = message
        self.item = item


class EvaluationError(ValueError):
    """A well-formed expression cannot be applied to these values."""
