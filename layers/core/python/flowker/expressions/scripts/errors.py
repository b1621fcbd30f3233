"""What goes wrong with scripts and placeholders."""


class ScriptError(Exception):
    """A script or a placeholder failed. `message` is for the author of the flow; `line` counts from 1 in the script's text, if
    the engine knows it. The message names the line too, unless the script threw it on purpose."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
