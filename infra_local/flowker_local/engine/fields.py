"""Reading one object of a definition, field by field, so that every offence is found and none is overlooked.

A field that is present but that nobody asked for is an offence too: that is how everything outside the subset is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from flowker.model.exact_json import Json
from flowker_local.engine.paths import Constant, Path, Reader, ResultPath, escaped, template

T = TypeVar("T")

LARGEST = 99_999_999
"""The largest number of seconds or attempts that Step Functions takes."""

_REFUSED = {
    "Assign": "workflow variables are not supported",
    "Arguments": "JSONata is not supported",
    "Output": "JSONata is not supported",
    "Condition": "JSONata is not supported",
    "Items": "JSONata is not supported",
    "HeartbeatSeconds": "heartbeats are not supported",
    "HeartbeatSecondsPath": "heartbeats are not supported",
    "ItemReader": "distributed Map is not supported",
    "ItemBatcher": "distributed Map is not supported",
    "ResultWriter": "distributed Map is not supported",
    "ToleratedFailureCount": "distributed Map is not supported",
    "ToleratedFailurePercentage": "distributed Map is not supported",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One offence: a JSON pointer into the definition, and a sentence."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


class UnsupportedDefinition(ValueError):
    """The definition is wrong, or uses more of the language than the engine speaks; `problems` holds every offence."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


class Fields:
    """The fields of one object. Each reader returns a harmless value after it reported an offence, so reading goes on."""

    def __init__(self, source: Json, pointer: str, problems: list[Problem]) -> None:
        self.pointer = pointer
        self._problems = problems
        self._asked: set[str] = set()
        self._source: Mapping[str, Any] = source if isinstance(source, Mapping) else {}
        if not isinstance(source, Mapping):
            self.report("must be an object")
        self.text("Comment")

    def __contains__(self, name: str) -> bool:
        return name in self._source

    def report(self, message: str, name: str | None = None) -> None:
        pointer = self.pointer if name is None else f"{self.pointer}/{escaped(name)}"
        self._problems.append(Problem(pointer, message))

    def done(self) -> None:
        """Refuse every field that nobody asked for."""
        for name in self._source:
            if name not in self._asked:
                self.report(f"{name}: {_REFUSED.get(name, 'this field is not supported here')}", name)

    def names(self) -> list[str]:
        return list(self._source)

    def query_language(self) -> None:
        if self._take("QueryLanguage") not in (None, "JSONPath"):
            self.report("only JSONPath is supported", "QueryLanguage")

    def _take(self, name: str) -> Json:
        self._asked.add(name)
        return self._source.get(name)

    def text(self, name: str, *, required: bool = False) -> str | None:
        value = self._take(name)
        if isinstance(value, str):
            return value
        if name in self._source:
            self.report(f"{name} must be a string", name)
        elif required:
            self.report(f"{name} is missing")
        return None

    def target(self, name: str, *, required: bool = False) -> str | None:
        """The name of a state; the empty text is none."""
        value = self.text(name, required=required)
        if value == "":
            self.report(f"{name} must name a state", name)
        return value or None

    def whole(self, name: str, *, least: int) -> int | None:
        value = self._take(name)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST:
            return value
        if name in self._source:
            self.report(f"{name} must be a whole number from {least} to {LARGEST}", name)
        return None

    def rate(self, name: str) -> float | None:
        value = self._take(name)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value >= 1:
            return float(value)
        if name in self._source:
            self.report(f"{name} must be a number of at least 1", name)
        return None

    def truth(self, name: str) -> bool:
        value = self._take(name)
        if name in self._source and value is not True:
            self.report(f"{name} must be true or absent", name)
        return value is True

    def value(self, name: str) -> Json:
        return self._take(name)

    def path(self, name: str, *, nullable: bool = False) -> Path | Constant | None:
        """None if absent; where null is allowed, null stands for the empty object."""
        if nullable and name in self._source and self._take(name) is None:
            return Constant({})
        text = self.text(name)
        return None if text is None else self._made(name, lambda: Path(text))

    def reference(self, name: str) -> Path | None:
        found = self.path(name)
        return found if isinstance(found, Path) else None

    def result_path(self) -> ResultPath:
        name = "ResultPath"
        if name in self._source and self._take(name) is None:
            return ResultPath(None)
        text = self.text(name)
        return (None if text is None else self._made(name, lambda: ResultPath(text))) or ResultPath()

    def template(self, name: str) -> Reader | None:
        source = self._take(name)
        if name not in self._source:
            return None
        if not isinstance(source, Mapping):
            self.report(f"{name} must be an object", name)
            return None
        return template(source, lambda at, message: self.report_under(name, at, message))

    def report_under(self, name: str, at: str, message: str) -> None:
        self._problems.append(Problem(f"{self.pointer}/{escaped(name)}{at}", message))

    def object(self, name: str, *, required: bool = True) -> "Fields | None":
        source = self._take(name)
        if name in self._source:
            return Fields(source, f"{self.pointer}/{escaped(name)}", self._problems)
        if required:
            self.report(f"{name} is missing")
        return None

    def objects(self, name: str, *, required: bool = False) -> list["Fields"]:
        source = self._take(name)
        if isinstance(source, list) and (source or not required):
            at = f"{self.pointer}/{escaped(name)}"
            return [Fields(item, f"{at}/{index}", self._problems) for index, item in enumerate(source)]
        if name in self._source or required:
            self.report(f"{name} must be a{' non-empty' if required else 'n'} array of objects", name)
        return []

    def texts(self, name: str) -> list[str]:
        source = self._take(name)
        if isinstance(source, list) and source and all(isinstance(item, str) for item in source):
            return source
        self.report(f"{name} must be a non-empty array of strings", name)
        return []

    def _made(self, name: str, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ValueError as error:
            self.report(str(error), name)
            return None
