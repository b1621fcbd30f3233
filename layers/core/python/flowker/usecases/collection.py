"""Delete the state machines that no active workflow and no flow has used for a day (architecture §4, decision 19).

A flow uses the machine of its newest revision; older ones are used as long as runs of them go on. Activation, and storing a
flow, claim a machine before it is published. A machine is deleted in two looks, a day apart, that both found nobody
using it and nothing unfinished on it; the second one dooms it first, so that a claim either comes before and keeps it, or is
told to come again.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from flowker.model.execution import Execution
from flowker.model.instant import instant
from flowker.model.machine import MachineUse, PublishedMachine
from flowker.model.workflow import Launch
from flowker.ports import Clock, MachineRegistry, StateMachines, WorkflowStore
from flowker.ports.flows import FlowStore
from flowker.usecases.activation import KEPT

logger = logging.getLogger(__name__)

AT_A_TIME = 20
"""Machines looked at in one run: at one run a minute, 28,800 a day, and AWS has room for 10,000."""
_MARGIN = timedelta(hours=1)
"""An execution may be accepted a moment after its workflow was deactivated."""


class Unfinished(Protocol):
    """What goes on: executions of workflows, or runs of flows."""

    def unfinished(self, until: datetime) -> Iterator[Execution]:
        """What was accepted until then and has not ended, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Collection:
    registry: MachineRegistry
    workflows: WorkflowStore
    flows: FlowStore
    going_on: Sequence[Unfinished]
    machines: StateMachines
    clock: Clock

    def collect(self) -> int:
        """Look at the machines whose turn it is, and delete those that nobody needs. Returns how many were deleted. Raises
        `StoreUnavailable`; what was begun is finished by the next run."""
        now = self.clock.now()
        found = (self.registry.get(each) for each in self.registry.due(instant(now), AT_A_TIME))
        return sum(self._look(machine, now) for machine in found if machine and machine.due <= instant(now))

    def _look(self, machine: PublishedMachine, now: datetime) -> bool:
        if machine.doomed:
            return self._delete(machine)
        again, long_ago = instant(now + KEPT), instant(now - KEPT)
        if self._is_used(machine, long_ago):
            self.registry.look_again(machine, again, None)
        elif machine.unused_since is None:
            self.registry.look_again(machine, again, instant(now))
        elif machine.unused_since > long_ago or self._runs(machine, now):
            self.registry.look_again(machine, again, machine.unused_since)
        elif self.registry.doom(machine):
            return self._delete(machine)
        return False

    def _is_used(self, machine: PublishedMachine, long_ago: str) -> bool:
        """Whether somebody uses it, or may be about to. Uses that are over are dropped."""
        old = [use for use in machine.uses if use.at <= long_ago]
        launches = self._launches(old)
        over = [use for use in old if not use.is_current(launches.get(use.workflow_id))]
        for use in over:
            self.registry.drop(machine.reference, use)
        return len(over) < len(machine.uses)

    def _launches(self, uses: Sequence[MachineUse]) -> Mapping[str, Launch]:
        """How the users run now, as far as they are still there. A machine may have as many as there are flows of a shape."""
        of_flows = [(use.account_id, use.workflow_id) for use in uses if use.account_id is not None]
        of_workflows = [use.workflow_id for use in uses if use.account_id is None]
        return {**self.workflows.launches(of_workflows), **self.flows.launches(of_flows)}

    def _runs(self, machine: PublishedMachine, now: datetime) -> bool:
        """Whether something on it has not ended, or not even begun."""
        until = now - KEPT + _MARGIN
        old = (execution for each in self.going_on for execution in each.unfinished(until))
        return any(execution.launch.machine == machine.reference for execution in old)

    def _delete(self, machine: PublishedMachine) -> bool:
        self.machines.delete(machine.reference)
        self.registry.remove(machine.reference)
        logger.info("state machine deleted: nobody used it", extra={"state_machine": machine.reference})
        return True
