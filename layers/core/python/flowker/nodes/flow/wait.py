"""`wait`: for a time, until a time, for a condition, or for somebody outside (FlowRunner spec d.5)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from flowker.model.durations import LONGEST
from flowker.model.exact_json import Json
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Listen, Pause, Shape
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, open_, wrong
from flowker.nodes.flow.pauses import SHORT, pause, started
from flowker.nodes.flow.truth import truthy

MOST_KEY = 128
"""Characters of the name of a signal."""
DURATION, UNTIL, CONDITION, EVENT = "duration", "until_time", "condition", "event"


class Wait(NodeType):
    name = "wait"
    table = (
        Param("type", Kind.TEXT, "What to wait for; with `key` it is `event`", default=DURATION,
              choices=(DURATION, UNTIL, CONDITION, EVENT)),
        Param("duration", Kind.DURATION, "`duration`: how long; required there"),
        Param("time", Kind.TIME, "`until_time`: when; a time in the past is now; required there"),
        Param("condition", Kind.EXPRESSION, "`condition`: an expression, evaluated until it is true"),
        Param("condition_script", Kind.SCRIPT, "`condition`: instead, a function body that returns it"),
        Param("interval", Kind.DURATION, "`condition`: time between two evaluations", default="1s"),
        Param("max_attempts", Kind.COUNT, "`condition`: evaluations before giving up", default=10, least=1),
        Param("key", Kind.TEXT, "`event`: the name of the signal; required there", least=1, most=MOST_KEY),
        Param("timeout", Kind.DURATION, "`condition`, `event`: give up after this time; required for `event`, where it "
              "must be written out, without `${}`"),
    )  # fmt: skip
    page = Page(
        summary="Waits for a time, until a time, for a condition, or for `POST /api/v1/executions/{id}/signals/{key}`. "
        "Nothing runs meanwhile; a run can be cancelled at any moment.",
        example="""\
type: wait
params: { key: approval, timeout: 24h }
next: { default: ship, timeout: cancel }""",
        results={
            "waited_for": "`duration`: how long, as in the param",
            "waited_until": "`until_time`: the time, as in the param",
            "attempts": "`condition`: how often it was evaluated",
            "interval": "`condition`: as in the param",
            "completed": "`condition`: whether it became true; false in the error object of `timeout`",
            "type": "the kind of wait",
            "(the body of the signal)": "`event`: the whole result",
        },
        actions={"default": "what was waited for has happened"},
        handles={"timeout": "the condition did not become true in time, or the signal did not come"},
        logs={},
    )

    def shape(self, params: Mapping[str, Any]) -> Shape:
        return Shape.SIGNAL if kind_of(params) == EVENT else Shape.WAITING

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        kind = kind_of(params)
        if not isinstance(kind, str):
            return
        if open_(kind):
            if "key" in params:
                yield INVALID, "type", "must be written out"
            return
        for name in _REQUIRED.get(kind, ()):
            if params.get(name) is None:
                yield MISSING, name, f"is required to wait for {kind}"
        if kind == EVENT and open_(params.get("timeout")):
            yield INVALID, "timeout", "must be written out: the state machine is made before the run"
        if kind == CONDITION:
            yield from _one_condition(params)

    def run(self, around: Circumstances) -> Done | Pause | Listen:
        values = self.values(around)
        match kind_of(around.params):
            case str(kind) if kind == UNTIL:
                return self._until(around, values["time"])
            case str(kind) if kind == CONDITION:
                return self._condition(around, values)
            case str(kind) if kind == EVENT:
                return self._event(around, values)
            case _:
                return self._duration(around, values["duration"])

    def _duration(self, around: Circumstances, seconds: float | None) -> Done | Pause:
        if seconds is None:
            raise wrong("duration", "is required")
        until = started(around, seconds)
        return pause(around, until) or Done({"waited_for": around.params["duration"], "type": DURATION})

    def _until(self, around: Circumstances, time: datetime | None) -> Done | Pause:
        if time is None:
            raise wrong("time", "is required")
        if time > around.now + timedelta(seconds=LONGEST):
            raise wrong("time", "must be within a year")
        return pause(around, time) or Done({"waited_until": around.params["time"], "type": UNTIL})

    def _condition(self, around: Circumstances, values: Mapping[str, Any]) -> Done | Pause:
        """Evaluates at once, then after each interval; `slept` is what the worker spent asleep in this phase."""
        poll = _Poll(around, values)
        while not poll.true():
            if poll.over:
                raise FlowFailure(
                    f"condition not met after {poll.attempts} attempts",
                    handle="timeout",
                    details=poll.result(completed=False),
                    retryable=False,
                )
            if poll.slept + poll.interval >= SHORT:
                return poll.pause()
            poll.sleep()
        return Done(poll.result(completed=True))

    def _event(self, around: Circumstances, values: Mapping[str, Any]) -> Done | Listen:
        if values["key"] is None:
            raise wrong("key", "is required")
        if around.state is None:
            return Listen(values["key"])
        if "signal" not in around.state:
            raise FlowFailure(f"no signal {values['key']} came in time", handle="timeout", retryable=False)
        return Done(around.state["signal"])


class _Poll:
    """The loop of a condition wait across the phases of its node."""

    def __init__(self, around: Circumstances, values: Mapping[str, Any]) -> None:
        self._around = around
        state = around.state or {"attempts": 0, "since": around.now.isoformat()}
        self.attempts = int(state["attempts"])
        self._since = datetime.fromisoformat(state["since"])
        self._most, self._timeout = values["max_attempts"], values["timeout"]
        self.interval: float = values["interval"]
        self.slept = 0.0
        script, expression = values["condition_script"], values["condition"]
        if (script is None) == (expression is None):
            raise wrong("condition", "or condition_script is required, and not both")
        self._code, self._mode = (script, "body") if expression is None else (expression, "expression")

    def true(self) -> bool:
        self.attempts += 1
        return truthy(self._around.evaluate(self._code, self._mode))

    @property
    def over(self) -> bool:
        """Whether another attempt would be one too many or too late."""
        gone = (self._around.now - self._since).total_seconds() + self.slept
        late = self._timeout is not None and gone + self.interval > self._timeout
        return bool(late or self.attempts >= self._most)

    def sleep(self) -> None:
        self._around.sleep(self.interval)
        self.slept += self.interval

    def pause(self) -> Pause:
        return Pause(self.interval, {"attempts": self.attempts, "since": self._since.isoformat()})

    def result(self, *, completed: bool) -> dict[str, Json]:
        interval = self._around.params.get("interval") or "1s"
        return {
            "attempts": self.attempts,
            "interval": interval,
            "type": CONDITION,
            "completed": completed,
        }


_REQUIRED = {DURATION: ("duration",), UNTIL: ("time",), EVENT: ("key", "timeout")}


def kind_of(params: Mapping[str, Any]) -> Any:
    """What the node waits for."""
    return params.get("type") or (EVENT if "key" in params else DURATION)


def _one_condition(params: Mapping[str, Any]) -> Iterator[Problem]:
    given = [name for name in ("condition", "condition_script") if params.get(name) is not None]
    if not given:
        yield MISSING, "condition", "is required to wait for condition, or condition_script"
    elif len(given) > 1:
        yield INVALID, "condition_script", "must not stand beside condition"
