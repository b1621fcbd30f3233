"""Published state machines and who uses them: what tells whether one can be deleted (architecture §4)."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from flowker.model.instant import Instant
from flowker.model.workflow import Launch, MachineType


class MachineUse(BaseModel):
    """A workflow that was about to be activated with a machine, or a flow that was about to be stored. Whether it was, and
    still is, its own `Launch` tells."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    account_id: str | None = None
    """Of a flow: whose it is. `workflow_id` is then the flow's id."""
    revision: str
    type: MachineType
    at: Instant

    def is_current(self, launch: Launch | None) -> bool:
        """Whether the workflow is active with the machines of this activation, or the flow's newest revision uses it."""
        return launch is not None and (launch.revision, launch.type) == (self.revision, self.type)


class PublishedMachine(BaseModel):
    """`version` counts changes; every decision about it names the one it was made on."""

    model_config = ConfigDict(frozen=True)

    reference: str
    version: int
    due: Instant
    """When to look next whether anybody uses it."""
    unused_since: Instant | None = None
    doomed: bool = False
    """It is being deleted: nobody may use it before that is done."""
    uses: Sequence[MachineUse] = ()
