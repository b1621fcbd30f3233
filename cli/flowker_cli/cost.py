"""What a workflow costs on AWS, Standard and Express side by side: how much of everything its executions take on the longest
way through it, when nothing fails, at list prices. Nothing is asked of AWS or of a server."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from flowker.compiler import measured, prices
from flowker.compiler.check import check
from flowker.compiler.compile import compile_graph
from flowker.compiler.cost import Cost, Line, cost_of
from flowker.compiler.engine import choose
from flowker.compiler.topology import entries
from flowker.errors import FlowkerError
from flowker.model import exact_json
from flowker.model.workflow import Engine, MachineType
from flowker.usecases.activation import without_tokens
from flowker.usecases.drafts import draft
from flowker_cli.output import Format
from flowker_cli.session import Session, pass_session, session_options

UNUSABLE = 2
EXECUTIONS = 1_000_000
_CENT, _FINEST = Decimal("0.01"), Decimal("0.000001")


@click.command()
@click.argument("workflow", metavar="WORKFLOW.json")
@click.option(
    "--executions",
    type=click.IntRange(1),
    default=EXECUTIONS,
    show_default=True,
    metavar="N",
    help="How many.",
)
@click.option(
    "--call-ms",
    type=click.IntRange(1),
    default=measured.ASSUMED.call,
    show_default=True,
    metavar="MS",
    help="What a provider takes to answer.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs, like --output json.")
@session_options()
@pass_session
def cost(session: Session, workflow: str, executions: int, call_ms: int, as_json: bool) -> None:
    """Tell what a workflow costs on AWS, Standard and Express side by side: how much of everything its executions take on the
    longest way through it, when nothing fails, at list prices. Nothing is asked of AWS or of a server. Exits with 2 if it is no
    workflow that could be activated."""
    try:
        estimate = estimate_of(_document(Path(workflow)), call_ms)
    except _Unusable as problem:
        for line in problem.lines:
            click.echo(f"flowker: {workflow}: {line}", err=True)
        click.get_current_context().exit(UNUSABLE)
    if as_json or session.output.format is Format.JSON:
        click.echo(exact_json.readable(estimate.document(executions)))
    else:
        click.echo("\n".join(estimate.text(executions)))


class _Unusable(Exception):
    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = exact_json.loads(path.read_bytes())
    except OSError as error:
        raise _Unusable(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise _Unusable(f"is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise _Unusable("is not a workflow")
    return document


@dataclass(frozen=True, slots=True)
class Estimate:
    """The costs of one execution, by the trigger that it starts at, and the type of machine that the definition asks for."""

    name: str
    engine: Engine
    costs: Mapping[str, Cost]

    def document(self, executions: int) -> dict[str, Any]:
        """For programs. Amounts are US dollars."""
        return {
            "workflow": self.name,
            "executions": executions,
            "engine": {"type": self.engine.type, "reason": self.engine.reason},
            "prices": {
                "currency": "USD",
                "region": prices.LIST.region,
                "date": prices.LIST.date,
                "sources": prices.SOURCES,
            },
            "measured": measured.DATE,
            "triggers": [
                {
                    "trigger": trigger,
                    "stateTransitions": cost.way.transitions,
                    "tasks": cost.way.tasks,
                    "providerCalls": cost.way.calls,
                    "lines": [_line(line, executions) for line in cost.lines],
                    "total": {kind: _exact(cost.total(kind) * executions) for kind in MachineType},
                }
                for trigger, cost in self.costs.items()
            ],
        }

    def text(self, executions: int) -> Iterator[str]:
        """For people."""
        yield f"{self.name}: {self.engine.type}, because {self.engine.reason}"
        for trigger, cost in self.costs.items():
            yield ""
            yield f'{executions:,} executions from "{trigger}", with {_counted(cost)} each'
            rows = [["", "quantity", "Standard $", "Express $"], *table(cost, executions)]
            for name, *numbers in rows:
                yield f"  {name:<22}" + "".join(f"{number:>16}" for number in numbers)
        yield ""
        listed = f"List prices of {prices.LIST.region} on {prices.LIST.date}, without free tiers."
        yield f"{listed} Sizes as measured on {measured.DATE}."


def estimate_of(document: Mapping[str, Any], call_ms: int = measured.ASSUMED.call) -> Estimate:
    """Raises `_Unusable` for what could not be activated for a reason that lies in the graph."""
    try:
        found = draft(document)
        findings = check(found.graph)
        if findings:
            raise _Unusable(*(f"{each.pointer}: {each.message} ({each.code})" for each in findings))
        graph = without_tokens(found.graph)
        machines = {entry: compile_graph(graph, entry) for entry in entries(graph)}
    except FlowkerError as error:
        raise _Unusable(f"{error} ({error.code})") from error
    assumed = replace(measured.ASSUMED, call=call_ms)
    costs = {entry: cost_of(machine, assumed) for entry, machine in machines.items()}
    return Estimate(found.name, choose(list(machines.values())), costs)


def table(cost: Cost, executions: int) -> Iterator[Sequence[str]]:
    """Rows of name, quantity, and US dollars on Standard and on Express; the last one is the total."""
    for line in cost.lines:
        amounts = [
            _money(line.cost(kind) * executions) if kind in line.types else "–" for kind in _SIDE_BY_SIDE
        ]
        yield [line.name, _quantity(line.quantity * executions), *amounts]
    yield ["Total", "", *(_money(cost.total(kind) * executions) for kind in _SIDE_BY_SIDE)]


_SIDE_BY_SIDE = (MachineType.STANDARD, MachineType.EXPRESS)


def _counted(cost: Cost) -> str:
    way = cost.way
    return ", ".join(
        f"{number} {name}{'' if number == 1 else 's'}"
        for number, name in (
            (way.transitions, "state transition"),
            (way.tasks + way.ends, "task"),
            (way.calls, "provider call"),
        )
    )


def _line(line: Line, executions: int) -> dict[str, Any]:
    amounts = {kind.value: _exact(line.cost(kind) * executions) for kind in line.types}
    return {"name": line.name, "quantity": _exact(line.quantity * executions), **amounts}


def _exact(number: Decimal) -> Decimal:
    return number.quantize(_FINEST)


def _money(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT):,}" if amount >= _CENT else f"{_exact(amount):f}"


def _quantity(number: Decimal) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number.quantize(_CENT):,}"
