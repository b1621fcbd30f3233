"""`flowker cost`: a workflow's price from its definition, by list prices (architecture §4)."""

import json
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from docs.cost import sample_table
from flowker.compiler.compile import compile_graph
from flowker.compiler.cost import Way, cost_of, way_of
from flowker.compiler.measured import Assumed
from flowker.compiler.prices import LIST, SOURCES
from flowker.model.graph import Graph
from flowker.model.workflow import MachineType
from flowker_cli.main import main
from tests.samples import conditional, edge, executor, set_output, trigger

Output = pytest.CaptureFixture[str]
SAMPLE = Path(__file__).parents[2] / "statemachines" / "payment-validation" / "workflow.json"
CONFIGURATION = "11111111-1111-4111-8111-111111111111"


def way(*nodes: dict[str, Any], edges: Sequence[tuple[str, ...]]) -> Way:
    document = {"nodes": [trigger("start"), *nodes], "edges": [edge(*each) for each in edges]}
    return way_of(compile_graph(Graph.model_validate(document), "start"))


def call(node_id: str) -> dict[str, Any]:
    return executor(node_id, CONFIGURATION)


def act(node_id: str) -> dict[str, Any]:
    return set_output(node_id, x=1)


# --- the longest way --------------------------------------------------------------------------------------------------


def test_a_chain_enters_a_state_for_each_task() -> None:
    found = way(call("a"), call("b"), edges=[("start", "a"), ("a", "b")])
    assert found == Way(tasks=2, calls=2, transitions=2)


def test_what_calls_nobody_costs_a_step_and_no_task() -> None:
    nodes = [call("c"), conditional("if", "c.x > 1"), call("yes"), act("then"), act("no")]
    edges = [("start", "c"), ("c", "if"), ("if", "yes", "true"), ("yes", "then"), ("if", "no", "false")]
    assert way(*nodes, edges=edges) == Way(tasks=2, calls=2, further=3, transitions=3)


def test_of_ways_that_exclude_each_other_the_one_with_more_steps_counts() -> None:
    nodes = [call("c"), conditional("if", "c.x > 1"), act("a"), act("b"), act("c1"), act("d")]
    edges = [("start", "c"), ("c", "if"), ("if", "a", "true"), ("a", "b"), ("if", "c1", "false"), ("c", "d")]
    assert way(*nodes, edges=edges) == Way(tasks=1, calls=1, further=4, transitions=1)


def test_branches_side_by_side_are_all_on_the_way() -> None:
    nodes = [call("a"), call("b"), act("join")]
    edges = [("start", "a"), ("start", "b"), ("a", "join"), ("b", "join")]
    assert way(*nodes, edges=edges) == Way(tasks=3, calls=2, transitions=4)


def test_a_task_that_only_ends_the_execution_is_counted_as_such() -> None:
    assert way(edges=[]) == Way(ends=1, transitions=1)
    parallel_at_the_end = way(act("a"), act("b"), edges=[("start", "a"), ("start", "b")])
    assert parallel_at_the_end == Way(tasks=2, ends=1, transitions=4)


# --- what is paid ----------------------------------------------------------------------------------------------------


def test_a_payment_validation_is_worked_out_by_hand() -> None:
    """One task with one call, two further steps, one state entered."""
    nodes = [trigger("start"), call("c"), conditional("if", "c.x > 1"), act("yes")]
    edges = [edge("start", "c"), edge("c", "if"), edge("if", "yes", "true")]
    machine = compile_graph(Graph.model_validate({"nodes": nodes, "edges": edges}), "start")
    cost = cost_of(
        machine, Assumed(call=230, own=10, request=10, state=10, memory=512, log=100, access_log=50)
    )
    quantities = {line.name: line.quantity for line in cost.lines}
    chained = Decimal("0.05") + Decimal("0.1") + Decimal("0.05")  # start, call, last
    invocations = 1 + 1 + chained / 2
    requests = (2 + 2) + chained + 2  # start, call; later; state machine started, start noted
    assert quantities == {
        "State transitions": 1,
        "Express starts": 1,
        "Express GB-seconds": Decimal("0.3") * 64 / 1024,  # a state and a call: 240 ms, rounded up
        "Lambda invocations": invocations,
        "Lambda GB-seconds": (10 * invocations + 10 * requests + 230) / 1000 / 2,
        "DynamoDB write units": (12 + 6 + 6 + 2 * 2 + 8) + Decimal("6.3") + Decimal("2.6") + Decimal("10.1") + Decimal("6.4"),
        "… for noting the start": 1,
        "DynamoDB read units": (1 + 5) + chained,
        "HTTP API requests": 1,
        "Logs, GB": (100 * invocations + 50) / 10**9,
    }  # fmt: skip
    both = [line for line in cost.lines if len(line.types) == 2]
    shared = sum(line.quantity * line.price for line in both)
    assert cost.total(MachineType.STANDARD) == shared + LIST.transition
    on_express = (
        LIST.express_start + quantities["Express GB-seconds"] * LIST.express_gb_second + LIST.write_unit
    )
    assert cost.total(MachineType.EXPRESS) == shared + on_express


def test_prices_say_where_and_when_they_were_published() -> None:
    assert LIST.region
    assert LIST.date
    assert all(address.startswith("https://aws.amazon.com/") for address in SOURCES.values())


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_shows_both_side_by_side() -> None:
    command = [sys.executable, "-m", "flowker_cli.main", "cost", str(SAMPLE)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Payment validation (sample): express, because" in said
    assert (
        '1,000,000 executions from "payment-received", with 1 state transition, 1 task, 1 provider call'
        in said
    )
    for row in sample_table().splitlines()[2:]:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert any(line.split() == " ".join(cells).split() for line in said.splitlines()), cells


def test_another_number_of_executions_costs_in_proportion(capsys: Output) -> None:
    found = {}
    for executions in (1, 3000):
        assert main(["cost", str(SAMPLE), "--executions", str(executions), "--json"]) == 0
        found[executions] = json.loads(capsys.readouterr().out)
    (one,), (many,) = found[1]["triggers"], found[3000]["triggers"]
    assert found[3000]["executions"] == 3000
    assert many["total"]["standard"] == pytest.approx(one["total"]["standard"] * 3000, rel=0.01)
    assert one["total"]["standard"] > one["total"]["express"] > 0
    assert [line["name"] for line in one["lines"] if "standard" not in line] == [
        "Express starts", "Express GB-seconds", "… for noting the start",
    ]  # fmt: skip
    assert found[1]["prices"] == {
        "currency": "USD",
        "region": LIST.region,
        "date": LIST.date,
        "sources": SOURCES,
    }


def test_slower_providers_cost_more(capsys: Output) -> None:
    totals = []
    for milliseconds in ("100", "5000"):
        assert main(["cost", str(SAMPLE), "--json", "--call-ms", milliseconds]) == 0
        totals.append(json.loads(capsys.readouterr().out)["triggers"][0]["total"])
    assert totals[1]["standard"] > totals[0]["standard"] + 50
    assert totals[1]["express"] > totals[0]["express"] + 50


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nothing", "is not JSON"),
        ("[]", "is not a workflow"),
        ("{}", "FLK-0110"),
        ('{"name": "n"}', "/nodes: a workflow without nodes"),
        ('{"name": "n", "nodes": [{"id": "a", "type": "action"}]}', "without a trigger"),
        ('{"name": "n", "nodes": [{"id": "a", "type": "unknown"}]}', "FLK-"),
    ],
)
def test_what_is_no_workflow_is_told_in_lines(
    tmp_path: Path, capsys: Output, content: str, reason: str
) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(content)
    assert main(["cost", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"flowker: {path}: ")
    assert reason in said.err
    assert "Traceback" not in said.err


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: Output) -> None:
    assert main(["cost", str(tmp_path / "none.json")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_only_positive_numbers_of_executions_make_sense(number: str, capsys: Output) -> None:
    assert main(["cost", str(SAMPLE), "--executions", number]) == 2
    assert "Invalid value for '--executions'" in capsys.readouterr().err
