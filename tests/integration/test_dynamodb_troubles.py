"""Requests to the API while DynamoDB refuses or the network breaks: what passes leaves no trace, what stays is a 503.

The functions run in this process, over the adapter for DynamoDB; it talks to an endpoint that does as it is told.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, repeat
from random import Random
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config

from flowker import wiring
from flowker.adapters.dynamodb import DynamoTable
from flowker.adapters.items import Table
from flowker.compiler.compile import compile_graph
from flowker.usecases.node_runs import Task
from tests.fakes import MemoryTable, RecordingMachines, ScriptedHttp
from tests.functions import Answered, call
from tests.integration.judges import Judge
from tests.integration.troubles import Break, Endpoint, Refusal, Trouble, endpoint
from tests.samples import payment_validation, trigger
from tests.trails import use

TRIES = 8
REFUSALS: list[Trouble] = [
    Refusal("ProvisionedThroughputExceededException"),
    Refusal("ThrottlingException"),
    Refusal("RequestLimitExceeded"),
    Refusal("InternalServerError", 500),
    Refusal("TransactionConflictException"),
    Refusal("TransactionInProgressException"),
    Refusal("ServiceUnavailable", 503),
    Break.BEFORE,
]
CANCELLATIONS: list[Trouble] = [
    Refusal("TransactionCanceledException", reasons=["None", reason])
    for reason in ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
]
UNKNOWN = "00000000-0000-4000-8000-00000000abcd"
WORKFLOW = {"name": "a workflow", "nodes": [trigger()], "edges": []}


class Home(NamedTuple):
    """Flowker over an endpoint, and how long it has paused between its tries."""

    endpoint: Endpoint
    pauses: list[float]


def open_home(table: Table) -> None:
    """Make it the home of this process; its time stands still, its ids are numbers in a row."""
    use(table)
    wiring.use(replace(wiring.home(), http=lambda: ScriptedHttp()))


@pytest.fixture
def over(aws_session: boto3.Session) -> Iterator[Callable[[Endpoint, dict[str, str]], Home]]:
    clients: list[Any] = []

    def settle(running: Endpoint, names: dict[str, str]) -> Home:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
        client = aws_session.client("dynamodb", endpoint_url=running.url, config=config)
        clients.append(client)
        home = Home(running, [])
        open_home(DynamoTable(client, names, sleep=home.pauses.append))
        return home

    yield settle
    for client in clients:
        client.close()


# --- troubles that stay ----------------------------------------------------------------------------------------------


@pytest.fixture
def refusing(over: Callable[[Endpoint, dict[str, str]], Home]) -> Iterator[Home]:
    """Flowker over an endpoint that never does anything."""
    names = {table: f"private-{table}" for table in ("definitions", "executions", "audit")}
    with endpoint() as running:
        yield over(running, names)


def unavailable(answered: Answered) -> None:
    """503 with the time to wait, and nothing about what is behind it."""
    assert answered.refused(503, "FLK-0801")["title"] == "Service Unavailable"
    assert answered.headers["Retry-After"] == "1"
    for word in ("dynamo", "private-", "amazon", "transact", "told by", "127.0.0.1"):
        assert word not in answered.text.lower()


@pytest.mark.parametrize("trouble", REFUSALS, ids=str)
def test_what_stays_refused_is_unavailable(refusing: Home, trouble: Trouble) -> None:
    refusing.endpoint.plan = repeat(trouble)
    unavailable(call("GET", f"/v1/executions/{UNKNOWN}"))
    unavailable(call("GET", f"/v1/workflows/{UNKNOWN}"))
    unavailable(call("GET", "/v1/workflows"))
    assert refusing.endpoint.operations == {"GetItem": TRIES, "BatchGetItem": TRIES, "Query": TRIES}
    unavailable(call("GET", "/v1/dashboards/workflows/summary"))
    unavailable(call("POST", "/v1/webhooks/anything", {}))


@pytest.mark.parametrize("trouble", [*REFUSALS, *CANCELLATIONS], ids=str)
def test_a_change_that_stays_refused_is_unavailable(refusing: Home, trouble: Trouble) -> None:
    refusing.endpoint.plan = repeat(trouble)
    unavailable(call("POST", "/v1/workflows", WORKFLOW))
    assert refusing.endpoint.operations == {
        "TransactWriteItems": 2 * TRIES
    }  # the change, and that it was refused
    assert len(refusing.pauses) == 2 * (TRIES - 1)


def test_the_pauses_are_random_and_bounded(refusing: Home) -> None:
    refusing.endpoint.plan = repeat(REFUSALS[0])
    for _ in range(10):
        unavailable(call("GET", f"/v1/executions/{UNKNOWN}"))
    bounds = [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0] * 10
    shares = [pause / bound for pause, bound in zip(refusing.pauses, bounds, strict=True)]
    assert all(0 <= share < 1 for share in shares)
    assert min(shares) < 0.25
    assert max(shares) > 0.75


@pytest.mark.parametrize(
    "code", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"]
)
def test_a_mistake_of_ours_is_a_failure_without_detail(
    refusing: Home, code: str, log: pytest.LogCaptureFixture
) -> None:
    refusing.endpoint.plan = repeat(Refusal(code))
    answered = call("GET", f"/v1/executions/{UNKNOWN}")
    assert answered.refused(500, "FLK-9999")["message"] == "an unexpected failure occurred"
    assert refusing.endpoint.operations == {"GetItem": 1}
    assert code in log.text


# --- troubles that pass ----------------------------------------------------------------------------------------------


def story() -> list[object]:
    """A life of two workflows and three executions: every answer on the way, and everything that can be read in the end."""
    answers: list[Answered] = []

    def ask(method: str, path: str, body: Any = None, key: str = "") -> Any:
        answers.append(call(method, path, body, {"idempotency-key": key} if key else {}))
        return json.loads(answers[-1].text or "{}")

    provider = {"name": "provider", "providerId": "http", "config": {"base_url": "https://provider.test"}}
    configuration = ask("POST", "/v1/provider-configurations", provider)["id"]
    definition = {**payment_validation(configuration, "/in"), "name": "payments"}
    first = f"/v1/workflows/{ask('POST', '/v1/workflows', definition)['workflowId']}"
    ask("PUT", first, {**definition, "name": "Payments"})
    ask("POST", f"{first}/activate")
    one = ask("POST", f"{first}/executions", {"inputData": {"amount": 1}}, "key")["executionId"]
    ask("POST", f"{first}/executions", {"inputData": {"amount": 1}}, "key")
    ask("POST", f"{first}/executions", {"inputData": {"amount": 2}}, "key")
    two = ask("POST", "/v1/webhooks/in", {"amount": 3})["executionId"]
    three = ask("POST", "/v1/webhooks/in", {"amount": 4})["executionId"]
    ask("POST", f"/v1/executions/{three}/cancel")
    for execution_id in (one, two):
        run(execution_id)
    copy = f"/v1/workflows/{ask('POST', f'{first}/clone', {'name': 'copy'})['workflowId']}"
    ask("POST", f"{copy}/activate")  # refused: its webhook is taken
    ask("DELETE", copy)
    ask("DELETE", f"/v1/provider-configurations/{configuration}")  # refused: it is in use
    ask("POST", f"{first}/deactivate")
    ask("POST", f"{first}/draft")
    wiring.audit_trail().append_pending()
    for path in (
        "/v1/workflows",
        "/v1/executions",
        *(f"/v1/executions/{each}/results" for each in (one, two, three)),
        "/v1/provider-configurations",
        "/v1/dashboards/workflows/summary",
        "/v1/dashboards/executions",
    ):
        ask("GET", path)
    answers.append(call("GET", "/v1/audit-events/export"))
    machines = wiring.home().machines
    assert isinstance(machines, RecordingMachines)
    return [(each.status, each.text) for each in answers] + [machines.started, machines.stopped]


def run(execution_id: str) -> None:
    """Do as the orchestrator would, and deliver every task twice."""
    launch = wiring.executions().get(execution_id).launch
    revision = wiring.workflow_store().revision(launch.revision)
    units = compile_graph(revision, launch.entry).units.order
    for unit in units:
        end = () if unit is units[-1] else None
        head, *others = unit.members
        task = Task(execution_id, launch.revision, launch.entry, head, finish_unless=end, members=others)
        assert wiring.node_runs().run(task) == wiring.node_runs().run(task)


def undisturbed() -> list[object]:
    """What the story tells in a home without troubles."""
    open_home(MemoryTable())
    told = story()
    statuses = [answer[0] for answer in told if isinstance(answer, tuple)]
    assert sorted(set(statuses)) == [200, 201, 204, 409, 422]
    return told


def rarely(seed: int) -> Iterator[Trouble]:
    """Troubles of all kinds, on every third request or so."""
    random = Random(seed)
    passing = [*REFUSALS, *Break]
    while True:
        yield random.choice(passing) if random.random() < 0.35 else None


PLANS: dict[str, Callable[[], Iterator[Trouble]]] = {
    "none": lambda: repeat(None),
    "every request is refused once": lambda: cycle([REFUSALS[0], None]),
    "every request is refused five times": lambda: cycle([REFUSALS[3]] * 5 + [None]),
    "every answer is lost once": lambda: cycle([Break.ANSWER_LOST, None]),
    "every answer is cut once": lambda: cycle([Break.ANSWER_CUT, None]),
    "every answer is garbled once": lambda: cycle([Break.ANSWER_GARBLED, None]),
    "every request goes astray once": lambda: cycle([Break.BEFORE, None]),
    **{f"at random {seed}": (lambda seed=seed: rarely(seed)) for seed in range(3)},  # type: ignore[misc]
}


@pytest.mark.parametrize("planned", PLANS)
def test_troubles_that_pass_change_nothing(
    ministack_judge: Judge, over: Callable[[Endpoint, dict[str, str]], Home], planned: str
) -> None:
    expected = undisturbed()
    ministack_judge.table()
    with endpoint(ministack_judge.client.meta.endpoint_url) as running:
        home = over(running, ministack_judge.names)
        running.plan = PLANS[planned]()
        assert story() == expected
    assert bool(home.pauses) is (planned != "none")
