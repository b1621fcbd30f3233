"""All that one attempt at a node evaluates: its params, its hooks and what its type runs (FlowRunner spec c.7, e)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from flowker.expressions.scripts import paths
from flowker.expressions.scripts.errors import ScriptError
from flowker.expressions.scripts.limits import LOG_LINES
from flowker.expressions.scripts.placeholders import Part, Placeholder, split
from flowker.expressions.scripts.reads import Reads, reads_of
from flowker.expressions.scripts.scope import INHERITED
from flowker.model import exact_json
from flowker.model.exact_json import Json

Engine = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""See `flowker.expressions.scripts` for requests and answers."""
Mode = Literal["expression", "body"]
_Item = tuple[str, str]


class Evaluation:
    """`scope` holds the names of spec e.2 and `previous`; a value is taken out of it only when it is needed, so it may be a
    mapping that loads its values then. `secrets` and `results` are maps that hold at least what `reads` names.

    Everything raises `ScriptError`.
    """

    def __init__(self, engine: Engine, scope: Mapping[str, Json]) -> None:
        self._engine = engine
        self._scope = scope
        self._json: dict[str, str] = {}
        self._changed: dict[str, Json] = {}
        self.logs: list[tuple[str, str]] = []
        """What scripts wrote, as (level, text): at most 100 lines."""
        self.routed: str | None = None
        """The action that a script chose by `route("name")`."""

    @property
    def shared(self) -> Json:
        """The shared map as it is now."""
        return self._value("shared")

    @property
    def shared_changed(self) -> bool:
        return "shared" in self._changed

    def params(self, value: Json, raw: frozenset[str] = frozenset()) -> Json:
        """The structure with all its placeholders evaluated, but for the entries of the outer map named in `raw`."""
        wanted = _without(value, raw)
        pure = [self._pure(code) for code in _codes(wanted)]
        asked = [code for code, known in zip(_codes(wanted), pure, strict=True) if known is paths.ASK]
        answered = iter(self._ask([(code, "expression") for code in asked]) if asked else ())
        values = iter([next(answered) if known is paths.ASK else known for known in pure])
        filled = _filled(wanted, values)
        if not raw or not isinstance(value, Mapping):
            return filled
        return {**filled, **{name: value[name] for name in raw if name in value}}

    def run(self, code: str, mode: str) -> Json:
        """What an `expression` or a function `body` comes to. Only bodies can change `shared`."""
        path = paths.parse(code) if mode == "expression" else None
        value = self._read(path) if path else paths.ASK
        return self._ask([(code, mode)])[0] if value is paths.ASK else value

    def _pure(self, code: str) -> Json:
        """The value of a placeholder, or `paths.ASK`."""
        path = paths.parse(code)
        if path is None:
            return paths.ASK
        if (
            path.root == "secrets"
            and len(path.members) == 1
            and path.members[0] not in (self._value("secrets") or {})
        ):
            raise ScriptError(f"secret not found: {path.members[0]}")
        return self._read(path)

    def _read(self, path: paths.Path) -> Json:
        value = paths.read(path, _Changed(self._scope, self._changed))
        return None if value is paths.UNDEFINED else value

    def _value(self, name: str) -> Json:
        return self._changed[name] if name in self._changed else self._scope.get(name)

    def _ask(self, items: Sequence[_Item]) -> list[Json]:
        """One call of the engine; a second one if a script misses something in `input` that it may have inherited."""
        wanted = reads_of(code for code, _ in items)
        inherited = [name for name in INHERITED if name in self._scope]
        request: dict[str, Any] = {
            "scope": {name: self._text(name, wanted) for name in wanted.names if name in self._scope},
            "inherited": inherited,
            "items": [{"code": code, "mode": mode} for code, mode in items],
        }
        answer = self._engine(request)
        if answer.get("missed"):
            more = {name: self._text(name, wanted) for name in inherited}
            answer = self._engine({**request, "scope": {**request["scope"], **more}})
        return self._taken(answer)

    def _taken(self, answer: Mapping[str, Any]) -> list[Json]:
        room = LOG_LINES - len(self.logs)
        self.logs += [(level, text) for level, text in answer.get("logs", ())][:room]
        if error := answer.get("error"):
            raise ScriptError(error["message"], error.get("line"))
        if answer.get("shared") is not None:
            self._changed["shared"] = _parsed(answer["shared"])
            self._json.pop("shared", None)
        self.routed = answer.get("route") or self.routed
        return [_parsed(text) for text in answer["values"]]

    def _text(self, name: str, wanted: Reads) -> str:
        """A value as the engine gets it; of secrets and results only what is read."""
        members = {"secrets": wanted.secrets, "results": wanted.results}.get(name)
        if members is not None:
            known = self._value(name)
            return exact_json.dumps({member: known[member] for member in sorted(members) if member in known})
        if name not in self._json:
            self._json[name] = exact_json.dumps(self._value(name))
        return self._json[name]


class _Changed(Mapping[str, Json]):
    """The scope as scripts have left it."""

    def __init__(self, scope: Mapping[str, Json], changed: Mapping[str, Json]) -> None:
        self._scope = scope
        self._changes = changed

    def __getitem__(self, name: str) -> Json:
        return self._changes[name] if name in self._changes else self._scope[name]

    def __contains__(self, name: object) -> bool:
        return name in self._scope

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope)

    def __len__(self) -> int:
        return len(self._scope)


def _parsed(text: str) -> Json:
    try:
        return exact_json.received(text)
    except ValueError as error:
        raise ScriptError(f"the result cannot be handed on: {error}") from None


def _without(value: Json, raw: frozenset[str]) -> Json:
    if not raw or not isinstance(value, Mapping):
        return value
    return {name: item for name, item in value.items() if name not in raw}


def _codes(value: Json) -> Iterator[str]:
    """The code of all placeholders, in the order in which `_filled` comes upon them."""
    if isinstance(value, str):
        if "${" in value:
            yield from (part.code for part in split(value) if isinstance(part, Placeholder))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _codes(key)
            yield from _codes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _codes(item)


def _filled(value: Json, values: Iterator[Json]) -> Json:
    if isinstance(value, str):
        return _filled_text(split(value), values) if "${" in value else value
    if isinstance(value, Mapping):
        filled: dict[str, Json] = {}
        for key, item in value.items():
            name = as_text(_filled(key, values))
            if name in filled:
                raise ScriptError(f"two keys become {name}")
            filled[name] = _filled(item, values)
        return filled
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value


def _filled_text(parts: Sequence[Part], values: Iterator[Json]) -> Json:
    if len(parts) == 1 and isinstance(parts[0], Placeholder):
        return next(values)
    return "".join(part if isinstance(part, str) else as_text(next(values)) for part in parts)


def as_text(value: Json) -> str:
    """A value in the middle of a text: texts as they are, null as nothing, others as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.readable(value)
