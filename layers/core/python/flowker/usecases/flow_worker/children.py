"""Runs that a node of another run starts (FlowRunner spec d.12, k.3): runs like all others, but that they end with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from flowker.errors import FlowNotFound
from flowker.model.exact_json import Json
from flowker.model.execution import Execution
from flowker.model.run import RUN_PREFIX, RunStatus, status_of, wrapped
from flowker.nodes.flow.base import FlowFailure
from flowker.ports import ExecutionEnded
from flowker.ports.flows import FlowStore
from flowker.ports.runs import RunStore
from flowker.usecases.run_starts import RunStarts

DEEPEST = 10
"""Runs inside each other: a flow that runs itself comes to an end."""


@dataclass(frozen=True, slots=True)
class Children:
    """`nodes.flow.base.Runs` for one attempt at one step of a run; `name` tells it apart from all others. `waited` is whether
    the node waits for what it starts. What a run is given is shown to users, so it is `redacted`."""

    parent: Execution
    name: str
    waited: bool
    flows: FlowStore
    store: RunStore
    starts: RunStarts
    redacted: Callable[[Json], Json]

    def start(self, flow_id: str, data: Mapping[str, Json]) -> str:
        """Raises `FlowFailure`."""
        if self.parent.depth >= DEEPEST:
            raise FlowFailure(f"flows are nested more than {DEEPEST} deep", retryable=False)
        try:
            launch = self.flows.head(self.parent.launch.account_id or "", flow_id).launch
        except FlowNotFound:
            raise FlowFailure(f"there is no flow {flow_id}", retryable=False) from None
        run_id = f"{RUN_PREFIX}{uuid5(NAMESPACE_OID, f'{self.parent.id}/{self.name}')}"
        try:
            given = self.redacted(dict(data))
            self.starts.accept(run_id, launch, given, parent=self.parent, waited=self.waited)
        except ExecutionEnded:
            raise FlowFailure("the execution has ended", retryable=False) from None
        return run_id

    def outcome(self, run_id: str) -> tuple[RunStatus, Json, str | None]:
        execution = self.store.get(run_id)
        status = status_of(execution)
        if status is RunStatus.RUNNING:
            return status, None, None
        if status is RunStatus.COMPLETED:
            state = self.store.load(run_id, ())
            path = state.result_of
            value = None if path is None else self.store.values(run_id, [path])[path]
            return status, wrapped(value), None
        return status, None, execution.outcome.error_message if execution.outcome else None
