"""Run one task of a flow: read, do the node's work, decide what follows, write once (architecture §5, FlowRunner spec k).

A task reads its predecessor and what that points to, in at most two reads, and writes one transaction, in which the start of
the next node is told as well. It goes on with the quick nodes behind (decision 26), which share one transaction: if their task
is that of a node with effects, one of their own, so that nothing can undo its record. It may be delivered more than once: a
redelivery is answered as before and repeats nothing.
"""

from collections.abc import Mapping

from flowker.errors import NodeFailed, StoreUnavailable, Unavailable
from flowker.model import telemetry
from flowker.model.audit import Actor, ActorType, acting
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, ExecutionStatus
from flowker.model.run import FlowStep
from flowker.nodes.flow.base import FlowFailure
from flowker.ports import AlreadyRecorded, ExecutionEnded
from flowker.ports.runs import EntryChanged, Recording, RunState, SignalAwaited
from flowker.usecases.flow_plans import FlowPlan
from flowker.usecases.flow_worker.delivery import Delivery
from flowker.usecases.flow_worker.task import Answer, FlowTask, Phase
from flowker.usecases.flow_worker.tools import FlowTools

MOST_RACES = 50
"""How often a node is run again because others have changed the same entry of the store meanwhile."""


class FlowSteps:
    """The worker's one verb for flows."""

    def __init__(self, tools: FlowTools) -> None:
        self._tools = tools
        self._store = tools.store

    def run(self, task: FlowTask) -> Answer:
        """Raises `NodeRetry` for another attempt, `NodeFailed` when the run has ended."""
        if task.phase is Phase.LISTEN:
            return self._listen(task)
        plan = self._tools.plans.of(task.revision)
        while True:
            execution, step = self._recorded(task, plan)
            following = _onward(task, step, plan)
            if following is None:
                return self._answered(execution, step)
            task = following

    def _recorded(self, task: FlowTask, plan: FlowPlan) -> tuple[Execution, FlowStep]:
        """The step of the task, or the last one of the quick nodes that it begins with; recorded now, or before."""
        failure: FlowFailure | None = None
        for _ in range(MOST_RACES):
            state = self._load(task)
            recorded = state.steps.get(task.path)
            if recorded is not None:
                if state.execution.status is ExecutionStatus.FAILED:
                    raise NodeFailed("the run has ended")
                return state.execution, recorded
            if state.execution.status.terminal:
                raise NodeFailed("the run has ended")
            with acting(Actor(ActorType.USER, state.execution.launch.account_id or "")):
                try:
                    recording = self._performed(task, plan, state, failure)
                    self._store.record(state, recording)
                except EntryChanged:
                    continue
                except SignalAwaited as awaited:
                    failure = FlowFailure(f"the signal {awaited} is awaited already", retryable=False)
                    continue
                except AlreadyRecorded:
                    continue  # by another delivery of this task: answered as that one was
                except ExecutionEnded:
                    raise NodeFailed("the run has ended") from None
            return state.execution, recording.last
        raise StoreUnavailable("the entry is changed too often")

    def _performed(
        self, task: FlowTask, plan: FlowPlan, state: RunState, refused: FlowFailure | None
    ) -> Recording:
        """What the task leaves; of quick nodes, what all of them do, as far as they can be run now."""
        delivery = Delivery(self._tools, plan, task, state)
        delivery.perform(refused)
        recording = delivery.recording
        following = _onward(task, recording.last, plan)
        if following is None or task.phase is not None or not plan.quick(plan.nodes[task.node]):
            return recording
        try:
            return recording.then(self._performed(following, plan, state.after(recording), None))
        except Unavailable:
            return recording  # so that what is done is kept; the rest is tried once more, and then by the state machine

    def _load(self, task: FlowTask) -> RunState:
        paths = [task.at, task.path, *([task.expanded] if task.expanded else [])]
        state = self._store.load(task.execution_id, paths)
        telemetry.about(correlation_id=state.execution.correlation_id)
        return state

    def _answered(self, execution: Execution, step: FlowStep) -> Answer:
        """Do what only the recorded step may cause, again or for the first time, and answer."""
        if step.answer.get("ended") == ExecutionStatus.FAILED:
            raise NodeFailed("the run has failed")
        if step.answer.get("relay"):
            kept: Mapping[str, Json] = step.state
            at = {"step": step.path, **{name: kept[name] for name in ("to", "seconds") if name in kept}}
            self._tools.machines.resume(execution, at, kept["leg"])
        return step.answer

    def _listen(self, task: FlowTask) -> Answer:
        """Keep the token of who waits now; a signal that came before it is passed on at once."""
        state = self._store.load(task.execution_id, [task.at])
        waiting = state.steps[task.at].state
        if state.execution.status.terminal or task.token is None:
            raise NodeFailed("the run has ended")
        signal = self._store.listen(task.execution_id, waiting["awaits"], task.at, task.token)
        if signal is not None and signal.came:
            self._tools.machines.answer(task.token, {"step": task.at})
        return {"step": task.at}


def _onward(task: FlowTask, step: FlowStep, plan: FlowPlan) -> FlowTask | None:
    """The part of the task that is about the node where the step leads, if that is a part of it."""
    target = next((plan.targets[key] for key in step.answer if key in plan.targets), None)
    return task.onward(step.path, target) if target is not None and target in task.quick else None
