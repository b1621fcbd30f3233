"""Amazon States Language, JSONPath subset: read, checked and compiled in one pass.

Everything the engine does not do is refused here, all offences at once, so that no run ever meets it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker_local.engine import instants
from flowker_local.engine.choice import rule
from flowker_local.engine.failure import ALL
from flowker_local.engine.fields import Fields, Problem, UnsupportedDefinition
from flowker_local.engine.paths import Constant, Path
from flowker_local.engine.states import (
    INLINE_CONCURRENCY,
    Branch,
    Catcher,
    Choice,
    Fail,
    Machine,
    Map,
    Parallel,
    Pass,
    Retrier,
    State,
    Succeed,
    Task,
    Wait,
)

_LONGEST_NAME = 80
_CALLBACK = ".waitForTaskToken"
_JOB = re.compile(r"\.sync(:\d+)?$")


def compile_machine(name: str, definition: Json) -> Machine:
    """Raises `UnsupportedDefinition` with every offence."""
    problems: list[Problem] = []
    fields = Fields(definition, "", problems)
    fields.query_language()
    if (fields.text("Version") or "1.0") != "1.0":
        fields.report("only version 1.0 exists", "Version")
    timeout = fields.whole("TimeoutSeconds", least=1)
    root = _Compiler().branch(fields)
    if problems:
        raise UnsupportedDefinition(problems)
    return Machine(name, root, timeout, definition)


class _Compiler:
    """Compiles the states of one machine; it knows the names used so far, because they are unique across branches."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._kinds: Mapping[str, Callable[[Fields, dict[str, Any]], State]] = {
            "Task": self._task,
            "Pass": self._pass,
            "Choice": self._choice,
            "Wait": self._wait,
            "Succeed": self._succeed,
            "Fail": self._fail,
            "Parallel": self._parallel,
            "Map": self._map,
        }

    def branch(self, fields: Fields) -> Branch:
        start = fields.target("StartAt", required=True)
        sources = fields.object("States")
        states: dict[str, State] = {}
        if sources is not None:
            for name in sources.names():
                state = self._state(name, sources)
                if state is not None:
                    states[name] = state
            _check_flow(fields, start, sources, states)
        fields.done()
        return Branch(start or "", states)

    def _state(self, name: str, sources: Fields) -> State | None:
        fields = sources.object(name)
        if fields is None:
            return None
        if not 0 < len(name) <= _LONGEST_NAME:
            fields.report(f"a state's name has 1 to {_LONGEST_NAME} characters")
        if name in self._names:
            fields.report(f"the name {name} is used twice in the machine")
        self._names.add(name)
        fields.query_language()
        kind = fields.text("Type", required=True)
        compile_kind = self._kinds.get(kind or "")
        if compile_kind is None:
            if kind is not None:
                fields.report(f"the state type {kind} is not supported", "Type")
            return None
        state = compile_kind(fields, {"name": name})
        fields.done()
        return state

    def _task(self, fields: Fields, common: dict[str, Any]) -> State:
        resource = fields.text("Resource", required=True)
        if resource is not None and (not resource or _JOB.search(resource)):
            fields.report(f"the resource '{resource}' is not supported", "Resource")
        resource = resource or ""
        return Task(
            **common,
            **_working(fields),
            parameters=fields.template("Parameters"),
            resource=resource.removesuffix(_CALLBACK),
            callback=resource.endswith(_CALLBACK),
            timeout=fields.whole("TimeoutSeconds", least=1),
        )

    def _pass(self, fields: Fields, common: dict[str, Any]) -> State:
        return Pass(
            **common,
            **_selecting(fields),
            **_following(fields),
            parameters=fields.template("Parameters"),
            result_path=fields.result_path(),
            result=Constant(fields.value("Result")) if "Result" in fields else None,
        )

    def _choice(self, fields: Fields, common: dict[str, Any]) -> State:
        rules = []
        for each in fields.objects("Choices", required=True):
            following = each.target("Next", required=True)
            rules.append((rule(each), following or ""))
            each.done()
        return Choice(**common, **_selecting(fields), rules=tuple(rules), default=fields.target("Default"))

    def _wait(self, fields: Fields, common: dict[str, Any]) -> State:
        given = [name for name in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath") if name in fields]
        if len(given) != 1:
            fields.report("exactly one of Seconds, SecondsPath, Timestamp and TimestampPath is needed")
        text = fields.text("Timestamp")
        moment: float | None = None
        if text is not None:
            try:
                moment = instants.seconds(text)
            except ValueError as error:
                fields.report(str(error), "Timestamp")
        return Wait(
            **common,
            **_selecting(fields),
            **_following(fields),
            seconds=fields.whole("Seconds", least=0),
            seconds_path=fields.reference("SecondsPath"),
            timestamp=moment,
            timestamp_path=fields.reference("TimestampPath"),
        )

    def _succeed(self, fields: Fields, common: dict[str, Any]) -> State:
        return Succeed(**common, **_selecting(fields))

    def _fail(self, fields: Fields, common: dict[str, Any]) -> State:
        return Fail(**common, error=_text_or_path(fields, "Error"), cause=_text_or_path(fields, "Cause"))

    def _parallel(self, fields: Fields, common: dict[str, Any]) -> State:
        return Parallel(
            **common,
            **_working(fields),
            parameters=fields.template("Parameters"),
            branches=tuple(self.branch(each) for each in fields.objects("Branches", required=True)),
        )

    def _map(self, fields: Fields, common: dict[str, Any]) -> State:
        if "Parameters" in fields and "ItemSelector" in fields:
            fields.report("Parameters is the old name of ItemSelector: give one of them")
        concurrency = fields.whole("MaxConcurrency", least=0) or INLINE_CONCURRENCY
        selector, legacy = fields.template("ItemSelector"), fields.template("Parameters")
        return Map(
            **common,
            **_working(fields),
            items=fields.reference("ItemsPath"),
            selector=selector or legacy,
            concurrency=min(concurrency, INLINE_CONCURRENCY),
            processor=self._processor(fields),
        )

    def _processor(self, fields: Fields) -> Branch:
        if ("Iterator" in fields) == ("ItemProcessor" in fields):
            fields.report("exactly one of ItemProcessor and Iterator, its old name, is needed")
        legacy = fields.object("Iterator", required=False)
        processor = fields.object("ItemProcessor", required=False)
        if processor is not None:
            config = processor.object("ProcessorConfig", required=False)
            if config is not None:
                if config.text("Mode") not in (None, "INLINE"):
                    config.report("distributed Map is not supported", "Mode")
                config.done()
        found = processor or legacy
        return Branch("", {}) if found is None else self.branch(found)


def _selecting(fields: Fields) -> dict[str, Any]:
    return {
        "input_path": fields.path("InputPath", nullable=True),
        "output_path": fields.path("OutputPath", nullable=True),
    }


def _following(fields: Fields) -> dict[str, Any]:
    following, end = fields.target("Next"), fields.truth("End")
    if (following is None) is not end:
        fields.report('exactly one of Next and "End": true is needed')
    return {"next": following}


def _working(fields: Fields) -> dict[str, Any]:
    """What Task, Parallel and Map share."""
    return {
        **_selecting(fields),
        **_following(fields),
        "result_selector": fields.template("ResultSelector"),
        "result_path": fields.result_path(),
        "retry": tuple(_retriers(fields)),
        "catch": tuple(_catchers(fields)),
    }


def _retriers(fields: Fields) -> Iterator[Retrier]:
    retriers = fields.objects("Retry")
    for each in retriers:
        errors = _errors(each, last=each is retriers[-1])
        interval = each.whole("IntervalSeconds", least=1)
        attempts = each.whole("MaxAttempts", least=0)
        longest = each.whole("MaxDelaySeconds", least=1)
        rate = each.rate("BackoffRate")
        if longest is not None and longest <= (interval or 1):
            each.report("MaxDelaySeconds must be greater than IntervalSeconds", "MaxDelaySeconds")
        each.done()
        yield Retrier(errors, interval or 1, 3 if attempts is None else attempts, rate or 2.0, longest)


def _catchers(fields: Fields) -> Iterator[Catcher]:
    catchers = fields.objects("Catch")
    for each in catchers:
        errors = _errors(each, last=each is catchers[-1])
        following = each.target("Next", required=True)
        result_path = each.result_path()
        each.done()
        yield Catcher(errors, following or "", result_path)


def _errors(fields: Fields, *, last: bool) -> frozenset[str]:
    errors = fields.texts("ErrorEquals")
    if ALL in errors and (len(errors) > 1 or not last):
        fields.report(f"{ALL} must stand alone, and in the last place", "ErrorEquals")
    return frozenset(errors)


def _text_or_path(fields: Fields, name: str) -> Path | Constant:
    text, path = fields.text(name), fields.reference(f"{name}Path")
    if name in fields and f"{name}Path" in fields:
        fields.report(f"only one of {name} and {name}Path can be given")
    return path or Constant(text or "")


def _targets(state: State) -> Iterator[str]:
    if state.next is not None:
        yield state.next
    if isinstance(state, Choice):
        yield from (following for _, following in state.rules)
        if state.default is not None:
            yield state.default
    yield from (catcher.next for catcher in state.catch)


def _check_flow(fields: Fields, start: str | None, sources: Fields, states: Mapping[str, State]) -> None:
    """Every target exists, every state is reached, and there is a way to end."""
    names = set(sources.names())
    if start is not None and start not in names:
        fields.report(f"StartAt names {start}, which does not exist", "StartAt")
    for state in states.values():
        for target in dict.fromkeys(_targets(state)):
            if target and target not in names:
                sources.report(f"leads to {target}, which does not exist", state.name)
    reached = {start} & names
    open_ends = list(reached)
    while open_ends:
        state_or_none = states.get(open_ends.pop() or "")
        fresh = {} if state_or_none is None else set(_targets(state_or_none)) & names - reached
        reached |= set(fresh)
        open_ends.extend(fresh)
    for name in sources.names():
        if start in names and name not in reached:
            sources.report("cannot be reached", name)
    if len(states) == len(names) and all(
        state.next or isinstance(state, Choice) for state in states.values()
    ):
        fields.report("no state ends this branch", "States")
