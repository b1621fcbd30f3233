"""One attempt at a node: params, hooks, its own work (FlowRunner spec c.7, e.2). Nothing is written here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flowker.compiler.flows.times import limit
from flowker.expressions.scripts import Evaluation, ScriptError
from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.redaction import Redactor
from flowker.model.run import Level
from flowker.nodes.flow.base import (
    Circumstances,
    Done,
    Entries,
    FlowFailure,
    FlowNodeType,
    Line,
    Listen,
    Mail,
    Pause,
    Runs,
    Schedules,
    Sql,
)

MOST_LINES = 100
"""Log entries that the scripts of one attempt leave."""


@dataclass(frozen=True, slots=True)
class World:
    """What a node may use. `idempotency_key` is the same for all attempts of a step."""

    engine: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    send: Callable[[OutboundRequest], OutboundResponse]
    sleep: Callable[[float], None]
    now: datetime
    idempotency_key: str
    store: Entries
    runs: Runs
    schedules: Schedules | None = None
    sql: Sql | None = None
    mail: Mail | None = None
    account_id: str = ""
    redactor: Redactor = field(default_factory=lambda: Redactor(()))


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the hook prep has done: it runs once, whatever the phases of its node. `action` is what it chose. `returned` is
    None if it must be asked for again."""

    returned: Mapping[str, Json] | None
    action: str | None = None

    def kept(self, redacted: Callable[[Json], Json]) -> Json:
        """For later phases. What shows a secret is not written down, and with `***` in its place it would be of no use."""
        returned = None if self.returned is None else dict(self.returned)
        shown = redacted(returned) == returned
        return {"returned": returned if shown else None, "action": redacted(self.action)}


@dataclass(slots=True)
class Attempt:
    """`scope` are the names that scripts see; each stage sees `shared` as the one before has left it, and names of its own.
    `prepared` is what an earlier phase, or an earlier `run`, leaves."""

    node: Node
    kind: FlowNodeType
    world: World
    scope: Mapping[str, Json]
    state: Json = None
    prepared: Prepared | None = None
    _stages: list[Evaluation] = field(default_factory=list)

    def run(self) -> Done | Pause | Listen:
        """Raises `FlowFailure`."""
        try:
            return self._run(self.node.settings.get("hooks") or {})
        except ScriptError as error:
            raise FlowFailure(error.message) from error

    def evaluated(self, value: Json) -> Json:
        """Something with its placeholders filled in. Raises `FlowFailure`."""
        try:
            return self._stage().params(value)
        except ScriptError as error:
            raise FlowFailure(error.message) from error

    @property
    def shared(self) -> Json:
        """The map as the attempt has left it."""
        return self._stages[-1].shared if self._stages else self.scope["shared"]

    @property
    def lines(self) -> Sequence[Line]:
        """What scripts wrote."""
        written = [entry for stage in self._stages for entry in stage.logs]
        return [Line(Level(level), text) for level, text in written[:MOST_LINES]]

    def _stage(self, **names: Json) -> Evaluation:
        evaluation = self._evaluation(names)
        self._stages.append(evaluation)
        return evaluation

    def _evaluation(self, names: Mapping[str, Json]) -> Evaluation:
        return Evaluation(self.world.engine, {**self.scope, "shared": self.shared, **names})

    def _run(self, hooks: Mapping[str, str]) -> Done | Pause | Listen:
        first = self._stage()
        params: Mapping[str, Json] = first.params(self.node.settings.get("params") or {}, raw=self.kind.raw)
        if hooks.get("prep"):
            params = {**params, **self._prepare(params, hooks["prep"])}
            first = self._stage()
        done: Done | Pause | Listen
        if hooks.get("exec"):
            done = Done(self._stage(context=params).run(hooks["exec"], "body"))
        else:
            done = self.kind.run(self._circumstances(first, params))
        return self._finished(done, params, hooks.get("post")) if isinstance(done, Done) else done

    def _prepare(self, params: Mapping[str, Json], prep: str) -> Mapping[str, Json]:
        """What prep returns, to be merged over the params."""
        before = self.prepared
        if before is None:
            stage = self._stage(context=params)
            returned = _returned(stage.run(prep, "body"))
            self.prepared = Prepared(returned, stage.routed)
        elif before.returned is None:
            # Only for what it returns: what else it did is recorded, so this is none of the stages.
            returned = _returned(self._evaluation({"context": params}).run(prep, "body"))
            self.prepared = replace(before, returned=returned)
        else:
            returned = before.returned
        return returned

    def _circumstances(self, evaluation: Evaluation, params: Mapping[str, Json]) -> Circumstances:
        def evaluate(code: str, mode: str) -> Json:
            try:
                return evaluation.run(code, mode)
            except ScriptError as error:
                raise FlowFailure(error.message) from error

        def evaluate_params(value: Json, names: Mapping[str, Json]) -> Json:
            try:
                return self._stage(**names).params(value)
            except ScriptError as error:
                raise FlowFailure(error.message) from error

        return Circumstances(
            params=params,
            input=self.scope["input"],
            evaluate=evaluate,
            send=self.world.send,
            sleep=self.world.sleep,
            now=self.world.now,
            idempotency_key=self.world.idempotency_key,
            timeout=limit(self.node),
            state=self.state,
            store=self.world.store,
            runs=self.world.runs,
            mail=self.world.mail,
            schedules=self.world.schedules,
            sql=self.world.sql,
            account_id=self.world.account_id,
            redactor=self.world.redactor,
            evaluate_params=evaluate_params,
        )

    def _finished(self, done: Done, params: Mapping[str, Json], post: str | None) -> Done:
        if post:
            value = self.scope["input"] if done.passes else done.value
            returned = self._stage(context=params, result=value).run(post, "body")
            if returned is not None:
                done = replace(done, value=returned, passes=False)
        chosen = [self.prepared.action if self.prepared else None, *(stage.routed for stage in self._stages)]
        routed = [action for action in chosen if action is not None]
        return replace(done, action=routed[-1]) if routed else done


def _returned(value: Json) -> Mapping[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FlowFailure("the hook prep must return an object or nothing", retryable=False)
    return value
