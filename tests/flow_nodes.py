"""What the tests of node types run them in: a world that remembers what a node asked of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flowker.expressions.scripts import Evaluation, ScriptError, quickjs_engine
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.redaction import Redactor
from flowker.model.run import Entry, RunStatus
from flowker.model.sql import SqlResult, SqlServer, SqlStatement
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Listen, Mail, Pause, Sql
from flowker.nodes.flow.registry import FLOW_NODE_TYPES

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class MemoryEntries:
    """The key/value store, to which a node's changes can be applied."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = {entry.key: entry for entry in entries}

    def get(self, key: str) -> Entry | None:
        return self.entries.get(key)

    def all(self, *, values: bool = True) -> Iterator[Entry]:
        for key in sorted(self.entries):
            entry = self.entries[key]
            yield entry if values else replace(entry, value=None)

    def apply(self, done: Done) -> None:
        for change in done.changes:
            found = self.entries.get(change.key)
            assert change.before == (found.version if found else 0)
            if change.after is None:
                del self.entries[change.key]
            else:
                self.entries[change.key] = change.after


@dataclass
class MemoryRuns:
    """Runs of other flows, as far as they are told to be."""

    outcomes: dict[str, tuple[RunStatus, Json, str | None]] = field(default_factory=dict)
    started: list[tuple[str, Mapping[str, Json]]] = field(default_factory=list)

    def start(self, flow_id: str, data: Mapping[str, Json]) -> str:
        self.started.append((flow_id, data))
        run_id = f"exec-{len(self.started)}"
        self.outcomes.setdefault(run_id, (RunStatus.RUNNING, None, None))
        return run_id

    def outcome(self, run_id: str) -> tuple[RunStatus, Json, str | None]:
        return self.outcomes[run_id]


@dataclass
class Database:
    """A `Sql` that answers as it is told, and remembers what it was asked."""

    answer: Exception | Sequence[SqlResult] = ()
    asked: list[tuple[SqlServer, Sequence[SqlStatement], float]] = field(default_factory=list)

    def run(
        self, server: SqlServer, statements: Sequence[SqlStatement], timeout: float
    ) -> Sequence[SqlResult]:
        self.asked.append((server, statements, timeout))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class World:
    """One node's surroundings. `answer` is what `send` gives, or raises."""

    input: Json = None
    shared: Json = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    answer: OutboundResponse | Exception | None = None
    send: Callable[[OutboundRequest], OutboundResponse] | None = None
    store: MemoryEntries | None = None
    runs: MemoryRuns | None = None
    mail: Mail | None = None
    sql: Sql | None = None
    account_id: str = "account-1"
    now: datetime = NOW
    timeout: float = 60.0
    redactor: Redactor = field(default_factory=lambda: Redactor(()))
    sent: list[OutboundRequest] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    evaluated: list[tuple[str, str]] = field(default_factory=list)

    def around(self, params: Mapping[str, Json], state: Json = None) -> Circumstances:
        return Circumstances(
            params=params,
            input=self.input,
            evaluate=self._evaluate,
            send=self.send or self._send,
            sleep=self.slept.append,
            now=self.now,
            idempotency_key="step-key",
            timeout=self.timeout,
            state=state,
            store=self.store,
            runs=self.runs,
            mail=self.mail,
            sql=self.sql,
            account_id=self.account_id,
            redactor=self.redactor,
            evaluate_params=self._evaluate_params,
        )

    def run(self, kind: str, params: Mapping[str, Json], state: Json = None) -> Done | Pause | Listen:
        return FLOW_NODE_TYPES[kind].run(self.around(params, state))

    def done(self, kind: str, params: Mapping[str, Json], state: Json = None) -> Done:
        outcome = self.run(kind, params, state)
        assert isinstance(outcome, Done)
        return outcome

    def pause(self, kind: str, params: Mapping[str, Json], state: Json = None) -> Pause:
        outcome = self.run(kind, params, state)
        assert isinstance(outcome, Pause)
        exact_json.dumps(outcome.state)
        return outcome

    def failure(self, kind: str, params: Mapping[str, Json], state: Json = None) -> FlowFailure:
        with pytest.raises(FlowFailure) as failure:
            self.run(kind, params, state)
        return failure.value

    def _send(self, request: OutboundRequest) -> OutboundResponse:
        self.sent.append(request)
        if isinstance(self.answer, OutboundResponse):
            return self.answer
        raise self.answer or AssertionError("nothing was to be sent")

    def _evaluate(self, code: str, mode: str) -> Json:
        self.evaluated.append((code, mode))
        try:
            return self._evaluation({}).run(code, mode)
        except ScriptError as error:
            raise FlowFailure(error.message) from None

    def _evaluate_params(self, value: Json, names: Mapping[str, Json]) -> Json:
        try:
            return self._evaluation(names).params(value)
        except ScriptError as error:
            raise FlowFailure(error.message) from None

    def _evaluation(self, names: Mapping[str, Json]) -> Evaluation:
        scope = {"input": self.input, "shared": self.shared, "secrets": self.secrets}
        return Evaluation(quickjs_engine.evaluate, {**scope, **names})


def response(
    status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None, **more: Any
) -> OutboundResponse:
    headers = {"Content-Type": "application/json"} if headers is None else headers
    return OutboundResponse(status, "", "https://api.example.com/", headers, body, **more)


def problems(kind: str, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Code and path of what is wrong with literal params."""
    return [(code, path) for code, path, _ in FLOW_NODE_TYPES[kind].check(params)]
