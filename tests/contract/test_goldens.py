"""The compiler's shop window: what graphs become, judged by everybody who has an opinion, and what running them does."""

import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flowker import wiring
from flowker.compiler.check import check
from flowker.compiler.topology import entries
from flowker.model import exact_json
from flowker.model.graph import Graph
from flowker.model.outbound import OutboundRequest
from flowker_local import sample
from flowker_local.engine import Engine
from statemachines.golden import HERE, definitions, examples, flow_examples, followers, graph_of, outdated
from tests.engine_world import InstantClock, MemoryJournal
from tests.harness import CONFIGURATION, Answer, Bench, add_configuration, digest_of_body

GOLDENS = sorted(HERE.glob("*/definition*.asl.json"))
CASES = sorted(HERE.glob("*/cases/*.json"))
TRACER, MIDAZ = "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"
VALIDATOR = HERE.parent / "node_modules" / ".bin" / "asl-validator"


def named(path: Path) -> str:
    return str(path.relative_to(HERE)).removesuffix(".json")


def load(path: Path) -> Any:
    return exact_json.loads(path.read_text())


def bench(answer: Answer = digest_of_body) -> Bench:
    """With the provider configurations that the examples name."""
    made = Bench(answer)
    add_configuration(TRACER, "tracer", {"base_url": "http://tracer.test", "api_key": "hush-hush"})
    ledger = {"organization_id": "acme", "ledger_id": "retail"}
    urls = dict.fromkeys(("onboarding_base_url", "transaction_base_url"), "http://midaz.test")
    add_configuration(MIDAZ, "midaz", {**urls, **ledger})
    return made


@pytest.mark.parametrize("example", [*examples(), *flow_examples()], ids=named)
def test_the_goldens_are_what_the_compiler_says_today(example: Path) -> None:
    for path, text in definitions(example).items():
        assert path.read_text() == text, "run `make golden` and review the difference"


def test_nothing_else_pretends_to_be_a_golden() -> None:
    assert not outdated()


@pytest.mark.parametrize("example", examples(), ids=named)
def test_the_api_accepts_each_workflow_as_it_stands(example: Path) -> None:
    bench()
    created = wiring.workflows().create(load(example / "workflow.json"))
    assert check(created.graph) == []


@pytest.mark.parametrize("golden", GOLDENS, ids=named)
def test_the_embedded_engine_runs_the_subset_that_the_compiler_emits(golden: Path) -> None:
    async def invoke(resource: str, payload: Any) -> Any:
        raise AssertionError("nothing runs here")

    Engine(invoke, MemoryJournal(), clock=InstantClock()).create("golden", load(golden))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_each_case_runs_as_it_says(case: Path) -> None:
    graph, told = graph_of(case.parent.parent), load(case)
    provider = Answers(graph, told.get("answers", {}))
    ran = bench(provider).run(graph, told.get("entry", entries(graph)[0]), told["input"])
    execution, expected = ran.results.execution, told["expected"]
    shown: dict[str, Any] = {
        "status": execution.status,
        "steps": [step.node_id for step in ran.results.steps],
    }
    repeated = {step.node_id: step.attempts for step in ran.results.steps if step.attempts > 1}
    if repeated:
        shown["attempts"] = repeated
    if execution.outcome is not None and execution.outcome.error_code is not None:
        shown["errorCode"] = execution.outcome.error_code
        shown["failedNodeId"] = execution.outcome.failed_node_id
    else:
        shown["finalOutput"] = ran.results.final_output
    assert shown == expected
    assert provider.calls == {
        node: repeated.get(node, 1) for node in shown["steps"] if node in provider.nodes.values()
    }
    assert all(len(keys) == 1 for keys in provider.keys.values()), "attempts are known by one key"


class Answers:
    """Providers as a case has them: for each node its answers in turn, the last one for ever."""

    def __init__(self, graph: Graph, answers: dict[str, list[dict[str, Any]]]) -> None:
        executors = [node for node in graph.nodes if node.type == "executor"]
        self.nodes = {_address(node.settings): node.id for node in executors}
        assert len(self.nodes) == len(executors), "answers are told apart by provider and path"
        self.calls: Counter[str] = Counter()
        self.keys: defaultdict[str, set[str]] = defaultdict(set)
        """By node, what its calls that are no GET are known by."""
        self._answers = answers

    def __call__(self, request: OutboundRequest) -> tuple[int, Any]:
        host, _, path = request.url.removeprefix("http://").partition("/")
        node = self.nodes.get((host, f"/{path}")) or self.nodes[host, ""]
        self.calls[node] += 1
        if request.method != "GET":
            self.keys[node].add(request.headers["Idempotency-Key"])
        answers = self._answers[node]
        answer = answers[min(self.calls[node], len(answers)) - 1]
        return answer["status"], answer.get("body", {})


def _address(settings: Mapping[str, Any]) -> tuple[str, str]:
    """The host and the path that an executor calls; nodes of Midaz leave the path to their runner."""
    provider, _, _ = str(settings["executorId"]).partition(".")
    return f"{provider.replace('http', 'provider')}.test", str(settings.get("path", ""))


def test_every_example_has_a_case_for_each_of_its_triggers() -> None:
    for example in examples():
        graph = graph_of(example)
        told = [load(case).get("entry", entries(graph)[0]) for case in example.glob("cases/*.json")]
        assert set(told) == set(entries(graph)), example.name


def test_the_payment_validation_is_the_sample_of_the_local_home() -> None:
    stored = load(HERE / "payment-validation" / "workflow.json")
    assert stored == sample.workflow(CONFIGURATION)


def test_the_validation_with_tracer_and_midaz_is_what_its_template_makes() -> None:
    bench()
    stored = load(HERE / "tracer-midaz-validation" / "workflow.json")
    params = {
        "workflowName": stored["name"],
        "workflowDescription": stored["description"],
        "tracerProviderConfigId": TRACER,
        "midazProviderConfigId": MIDAZ,
    }
    made = wiring.templates().workflow({"templateId": "tracer-midaz-validation", "params": params})
    assert made == stored


def test_a_payment_validation_costs_one_transition_and_one_invocation() -> None:
    machine = load(HERE / "payment-validation" / "definition.asl.json")
    states = machine["States"]
    paths = ways(machine["StartAt"], states)
    assert paths == [["check-fraud"]]
    assert states["check-fraud"]["Parameters"]["members"] == ["score-is-low", "approve", "reject"]


def ways(name: str, states: dict[str, Any]) -> list[list[str]]:
    """All paths from a state to an end on which nothing fails."""
    following = list(followers(states[name]))
    return [[name, *rest] for each in following for rest in ways(each, states)] or [[name]]


def test_a_hundred_nodes_stay_far_below_the_limits_of_a_state_machine() -> None:
    text = (HERE / "hundred-node-chain" / "definition.asl.json").read_text()
    assert len(load(HERE / "hundred-node-chain" / "workflow.json")["nodes"]) == 100
    assert len(exact_json.dumps(exact_json.loads(text))) < 1_000_000 / 10


def test_an_independent_validator_finds_nothing_wrong(skip_outside_ci: Callable[[str], None]) -> None:
    if shutil.which("node") is None or not VALIDATOR.exists():
        skip_outside_ci("asl-validator is not installed: `npm ci`")
    arguments = [argument for golden in GOLDENS for argument in ("--json-path", str(golden))]
    judged = subprocess.run([VALIDATOR, *arguments], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert judged.stdout.count("is valid") == len(GOLDENS)


@pytest.fixture
def skip_outside_ci() -> Callable[[str], None]:
    def skip(reason: str) -> None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return skip
