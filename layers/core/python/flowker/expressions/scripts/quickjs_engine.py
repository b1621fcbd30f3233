"""The script engine: QuickJS with limits on time, memory, stack and sizes (FlowRunner spec e.3, e.4).

Every request gets a fresh context, in which there is nothing but the language itself: no files, no network, no timers, no
modules, and nothing of Python. What even the limits do not stop is the business of the process around it.
"""

import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import quickjs  # type: ignore[import-untyped]

from flowker.expressions.scripts import limits
from flowker.expressions.scripts.errors import ScriptError
from flowker.expressions.scripts.prelude import CORE, PARTS
from flowker.expressions.scripts.reads import reads_of

_MEMORY_PER_CHARACTER = 40
"""What a value takes in the engine for each character of its JSON, at most, and as often as it is parsed at a time."""
_MODES = {"expression": ("return (\n", "\n);"), "body": ("\n", "\n")}
_POSITION = re.compile(r"<input>:(\d+)(?::(\d+))?")
_spare: list[tuple[Any, Any]] = []
_spent: list[Any] = []


def evaluate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run scripts, or check their syntax; see `flowker.expressions.scripts` for requests and answers. Raises nothing."""
    if "check" in request:
        return {"problems": _problems(request["check"])}
    sandbox = _Sandbox(request.get("scope", {}), request.get("inherited", ()))
    values: list[str] = []
    error: dict[str, Any] | None = None
    for number, item in enumerate(request["items"]):
        try:
            values.append(sandbox.run(item["code"], item["mode"]))
        except ScriptError as failure:
            error = {"item": number, "message": failure.message, "line": failure.line}
            break
    return sandbox.answer(values, error)


def prepare() -> None:
    """Clear up after the last request and make a context for the next one, while nobody waits. For a process that has one
    thread and calls this before every request."""
    _spent.clear()
    if not _spare:
        context, host = _context()
        for part in ("heir", "console"):
            host("compile", part)
        _spare.append((context, host))


def _context() -> tuple[Any, Any]:
    """A context, and the function in it that the prelude returns."""
    context = quickjs.Context()
    context.set_memory_limit(limits.MEMORY_BYTES)
    context.set_max_stack_size(limits.STACK_BYTES)
    context.set_time_limit(limits.SECONDS)
    return context, context.eval(CORE)(PARTS)


class _Sandbox:
    """A context with the scope of one request."""

    def __init__(self, scope: Mapping[str, str], inherited: Sequence[str]) -> None:
        prepared = bool(_spare)
        self._context, self._host = _spare.pop() if prepared else _context()
        if prepared:
            _spent.append(self._context)  # freeing it takes as long as a short script
        self._scope = scope
        size = sum(map(len, scope.values()))
        self._context.set_memory_limit(limits.MEMORY_BYTES + _MEMORY_PER_CHARACTER * size)
        for name, text in scope.items():
            self._host("value", name, text)
        self._host("inherited", json.dumps(list(inherited)))
        self._until = time.process_time() + limits.REQUEST_SECONDS

    def run(self, code: str, mode: str) -> str:
        """The JSON of what the script came to. Raises `ScriptError`."""
        _check_code(code)
        if time.process_time() > self._until:
            raise ScriptError(f"the scripts ran longer than {limits.REQUEST_SECONDS:g} s in all")
        read = reads_of([code]).names
        names = [name for name in sorted(read) if name in self._scope]
        writes = mode == "body" and "shared" in names
        try:
            maker = self._context.eval(_function(code, mode, names, writes))
            result: str | None = self._host("run", maker, json.dumps(names), writes)
            if result is None:
                thrown = json.loads(self._host("thrown"))
                raise _failure(thrown["message"], thrown["stack"])
        except quickjs.JSException as error:
            raise _failure(*_taken_apart(str(error))) from None
        _check_size(result, limits.RESULT_BYTES, "the result")
        return result

    def answer(self, values: list[str], error: dict[str, Any] | None) -> dict[str, Any]:
        try:
            after = json.loads(self._host("end"))
        except quickjs.JSException:  # no memory is left for it: what was written is lost
            after = {}
        if error is None and after.get("shared") is not None:
            try:
                _check_size(after["shared"], limits.SHARED_BYTES, "shared")
            except ScriptError as failure:
                error = {"item": len(values) - 1, "message": failure.message, "line": None}
        answer: dict[str, Any] = {"values": values, "logs": _lines(after.get("logs", ()))}
        if error is not None:
            answer["error"] = error
        return answer | {key: after[key] for key in ("shared", "route", "missed") if after.get(key)}


def _function(code: str, mode: str, names: Sequence[str], writes: bool) -> str:
    """Makes a script out of the values of the scope. They surround its function, so that it may declare the same names."""
    before, after = _MODES[mode]
    shared = "function(){return shared}" if writes else "null"
    # All before the code is one line, see `_position`.
    return f"(function({','.join(names)}){{return [function(){{{before}{code}{after}}},{shared}]}})"


def _lines(logs: Sequence[str]) -> list[list[str]]:
    """Levels and texts take turns."""
    return [[level, _cut(text)] for level, text in zip(logs[::2], logs[1::2], strict=True)]


def _cut(text: str) -> str:
    """At most so many bytes. Half a character, which nothing could write down, becomes a question mark."""
    content = text.encode(errors="replace")[: limits.LOG_LINE_BYTES]
    return content.decode(errors="ignore")


def _check_code(code: str) -> None:
    """Raises `ScriptError` for what cannot be handed to the engine."""
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        raise ScriptError("SyntaxError: the script is not Unicode") from None
    if "\0" in code:
        raise ScriptError("SyntaxError: the script contains a null character")
    if size > limits.CODE_BYTES:
        raise ScriptError(f"the script is larger than {limits.CODE_BYTES // 1024} KiB")


def _check_size(text: str, most: int, what: str) -> None:
    if len(text) > most or len(text.encode(errors="surrogatepass")) > most:
        raise ScriptError(f"{what} is larger than {most // 1024} KiB")


def _taken_apart(text: str) -> tuple[str, str]:
    """The message of an error, and where it came from."""
    message, _, stack = text.partition("\n")
    return message, stack


def _failure(message: str, stack: str) -> ScriptError:
    """In the words of the script's author: lines count in the script, and limits are named."""
    if message == "InternalError: interrupted":
        return ScriptError(f"the script ran longer than {limits.SECONDS * 1000:g} ms")
    if message in ("InternalError: out of memory", "null"):
        return ScriptError(f"the script used more than {limits.MEMORY_BYTES // 1024**2} MiB of memory")
    position = _position(stack)
    message = message.encode(errors="replace").decode()
    return ScriptError(f"{message} (line {position[0]})", position[0]) if position else ScriptError(message)


def _position(stack: str) -> tuple[int, int] | None:
    """Line and column of the innermost place that is in the script: the first line holds what is around it."""
    places = [(int(line) - 1, int(column or 1)) for line, column in _POSITION.findall(stack)]
    return next((place for place in places if place[0] > 0), None)


# --- syntax ---------------------------------------------------------------------------------------------------------


_ENCLOSED = {"body": [("\n", "\n;")], "expression": [("return (\n", "\n);"), ("return [\n", "\n];")]}
_REDEFINITION = "SyntaxError: invalid redefinition of parameter name"


def _problems(items: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    context, _ = _context()
    problems: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        try:
            found = _problem(context, item["code"], item["mode"])
        except ScriptError as error:
            found = {"message": error.message}
        if found is not None:
            problems.append({"item": number, **found})
    return problems


def _problem(context: Any, code: str, mode: str) -> dict[str, Any] | None:
    """What is wrong with code, without running any of it.

    What is compiled ends in a syntax error, always, so nothing of it can run. If the code is whole, the first error is the
    last but one: the name after it, which nobody can guess, is declared twice in the function that the code is in. Code
    that closes the function and opens another does not get there. An expression must also be whole between brackets of
    another kind, or it could close the parenthesis that it is in.
    """
    _check_code(code)
    name = f"_{secrets.token_hex(8)}"
    for before, after in _ENCLOSED[mode]:
        again = f"let {name}"
        message, position = _first_error(context, f"(function({name}){{{before}{code}{after}\n{again};}}) @")
        last = code.count("\n") + 2
        line, column = position or (1, 1)
        if message == _REDEFINITION and line > last and column == len(again) + 1:
            continue
        message = message.removeprefix("SyntaxError: ")
        return (
            {"message": f"{message} at the end"}
            if line >= last
            else {"message": message, "line": line, "column": column}
        )
    return None


def _first_error(context: Any, program: str) -> tuple[str, tuple[int, int] | None]:
    try:
        context.eval(program)
    except quickjs.JSException as error:
        message, stack = _taken_apart(str(error))
        return message, _position(stack)
    raise AssertionError("a program that ends in a syntax error was compiled")
