"""Express or Standard: chosen by definition, the same for all triggers of a workflow (architecture §4, decision 18)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil, isinf
from typing import Any, Protocol

from flowker.compiler.compile import Machine
from flowker.compiler.cost import cost_of
from flowker.compiler.duration import waits_for_callback
from flowker.compiler.policy import EXPRESS_SECONDS
from flowker.compiler.prices import LIST
from flowker.model.workflow import Engine, MachineType, Price
from flowker.settings.variables import EngineSetting


class Bounded(Protocol):
    """A compiled graph or flow."""

    @property
    def definition(self) -> Mapping[str, Any]: ...

    @property
    def worst_case(self) -> float:
        """Seconds, or infinity."""
        ...


def choose(machines: Sequence[Machine], setting: EngineSetting = "auto") -> Engine:
    """What runs these machines, by the one that takes the longest, unless the deployment says otherwise."""
    longest = max(machine.worst_case for machine in machines)
    kind, reason = decide(machines, setting)
    return Engine(
        type=kind,
        reason=reason,
        worst_case_seconds=None if isinf(longest) else ceil(longest),
        price=price_of(machines),
    )


def decide(machines: Sequence[Bounded], setting: EngineSetting = "auto") -> tuple[MachineType, str]:
    """The type of machine that runs these, and why."""
    longest = max(machine.worst_case for machine in machines)
    if any(waits_for_callback(machine.definition) for machine in machines):
        return MachineType.STANDARD, "it waits for callbacks, which Express cannot"
    if setting != "auto":
        return MachineType(setting), "set for the whole deployment"
    if isinf(longest):
        return MachineType.STANDARD, "nothing bounds the time that an execution takes"
    taking = f"an execution takes {ceil(longest)} seconds at the worst"
    if longest < EXPRESS_SECONDS:
        return MachineType.EXPRESS, f"{taking}, less than the {EXPRESS_SECONDS} that Express allows"
    return MachineType.STANDARD, f"{taking}, not less than the {EXPRESS_SECONDS} that Express allows"


def price_of(machines: Sequence[Machine]) -> Price:
    """Of the dearest machine."""
    costs = [cost_of(machine) for machine in machines]
    dearest = {kind: max(cost.total(kind) for cost in costs) * 1_000_000 for kind in MachineType}
    in_cents = {kind.value: amount.quantize(Decimal("0.01")) for kind, amount in dearest.items()}
    return Price(**in_cents, region=LIST.region, date=LIST.date)
