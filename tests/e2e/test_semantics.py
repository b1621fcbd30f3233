"""What graphs mean when they run: edges, joins, dead paths, outputs, references, exact numbers (Flowker spec d, e, l)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flowker.model import exact_json
from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    conditional,
    create_configuration,
    edge,
    execute,
    executor,
    set_output,
    trigger,
    unique,
    workflow,
)
from tests.servers import Api, expect

Document = dict[str, Any]


@pytest.fixture(scope="module")
def api(target: str, api_key: str) -> Iterator[Api]:
    client = Api(target, api_key)
    yield client
    client.close()


@pytest.fixture(scope="module")
def configuration(api: Api, provider: Provider) -> str:
    return create_configuration(api, provider.url)


def note(node_id: str) -> Document:
    """A node that only leaves a step."""
    return {"id": node_id, "type": "action", "data": {"action": "log", "message": node_id}}


def run(api: Api, document: Document, data: Document | None = None) -> Document:
    """The results of running a workflow once."""
    return api.results(execute(api, activate(api, document), data or {}))


def path_of(results: Document) -> list[str]:
    """The ids of the steps, in order; their numbers count from 1 without gaps."""
    steps = results["stepResults"]
    assert [step["stepNumber"] for step in steps] == list(range(1, len(steps) + 1))
    return [step["nodeId"] for step in steps]


# --- which edges are followed ----------------------------------------------------------------------------------------


@pytest.mark.skip_moto
def test_edges_are_followed_where_their_condition_holds(api: Api) -> None:
    document = workflow(
        [trigger(), note("big"), note("small"), note("always"), note("after-big")],
        [
            edge("start", "big", condition="workflow.amount > 100"),
            edge("start", "small", condition="workflow.amount <= 100"),
            edge("start", "always", condition="   "),
            edge("big", "after-big", "whatever"),  # handles mean something on conditionals only
        ],
    )
    assert path_of(run(api, document, {"amount": 500})) == ["big", "after-big", "always"]
    document["name"] = unique()
    assert path_of(run(api, document, {"amount": 5})) == ["small", "always"]


@pytest.mark.skip_moto
def test_all_edges_of_the_branch_taken_and_those_without_handle_are_followed(api: Api) -> None:
    document = workflow(
        [trigger(), conditional("vip", "workflow.vip"), *map(note, ("yes-1", "yes-2", "no", "both", "rich"))],
        [
            edge("start", "vip"),
            edge("vip", "yes-1", "true"),
            edge("vip", "no", "false"),
            edge("vip", "both"),
            edge("vip", "yes-2", "true"),
            edge("vip", "rich", condition="workflow.amount > 100"),
        ],
    )
    assert path_of(run(api, document, {"vip": True, "amount": 1})) == ["vip", "yes-1", "both", "yes-2"]
    document["name"] = unique()
    assert path_of(run(api, document, {"vip": False, "amount": 101})) == ["vip", "no", "both", "rich"]


def test_a_decision_that_nobody_follows_completes_the_execution(api: Api) -> None:
    document = workflow(
        [trigger(), conditional("vip", "workflow.vip"), note("yes")],
        [edge("start", "vip"), edge("vip", "yes", "true")],
    )
    results = run(api, document, {"vip": False})
    assert results["status"] == "completed"
    assert path_of(results) == ["vip"]
    assert results["stepResults"][0]["output"]["branchTaken"] == "false"
    assert results["finalOutput"] == {"workflow": {"vip": False}}


def test_a_trigger_alone_completes_without_steps(api: Api) -> None:
    results = run(api, chain(trigger()), {"n": 1})
    assert (results["status"], results["stepResults"]) == ("completed", [])
    assert results["finalOutput"] == {"workflow": {"n": 1}}


@pytest.mark.skip_moto
def test_nodes_that_nothing_leads_to_do_not_run(api: Api) -> None:
    document = workflow([trigger(), note("in"), note("out"), note("after-out")], [edge("start", "in")])
    document["edges"].append(edge("out", "after-out"))
    document["edges"].append(edge("out", "in"))
    results = run(api, document)
    assert path_of(results) == ["in"]
    status = expect(api.get(f"/v1/executions/{results['executionId']}"), 200)
    assert status["totalSteps"] == 3


# --- fan-out and joins -----------------------------------------------------------------------------------------------


def test_a_join_runs_once_after_all_branches(api: Api, provider: Provider, configuration: str) -> None:
    tag = unique()
    calls = [executor(f"call-{n}", configuration, path=f"/score/{tag}/{n}") for n in range(3)]
    document = workflow(
        [trigger(), *calls, executor("join", configuration, path=f"/score/{tag}/join"), set_output("end")],
        [
            *(edge("start", call["id"]) for call in calls),
            *(edge(call["id"], "join") for call in calls),
            edge("join", "end"),
        ],
    )
    assert path_of(run(api, document)) == ["call-0", "call-1", "call-2", "join", "end"]
    (join,) = provider.to(f"/score/{tag}/join")
    assert set(join.body) == {"workflow", "call-0", "call-1", "call-2"}
    assert len(provider.to(f"/score/{tag}")) == 4


@pytest.mark.skip_moto
def test_a_join_runs_when_at_least_one_branch_is_live(api: Api) -> None:
    document = workflow(
        [trigger(), *map(note, ("left", "after-left", "right", "join", "end"))],
        [
            edge("start", "left", condition="workflow.left"),
            edge("left", "after-left"),
            edge("after-left", "join"),
            edge("start", "right", condition="workflow.right"),
            edge("right", "join"),
            edge("join", "end"),
        ],
    )
    results = run(api, document, {"left": False, "right": True})
    assert path_of(results) == ["right", "join", "end"]
    document["name"] = unique()
    assert path_of(run(api, document, {"left": True, "right": True})) == [
        "left", "after-left", "right", "join", "end",
    ]  # fmt: skip
    document["name"] = unique()
    dead = run(api, document, {"left": False, "right": False})
    assert (dead["status"], path_of(dead)) == ("completed", [])


def test_regions_nest(api: Api, configuration: str) -> None:
    """Fan-out, in one branch a decision, in one of its branches another fan-out; everything meets at the end."""
    document = workflow(
        [
            trigger(),
            executor("a", configuration),
            conditional("big", "workflow.amount > 100"),
            executor("b1", configuration),
            executor("b2", configuration),
            note("inner-join"),
            note("small"),
            executor("c", configuration),
            set_output("end", done=True),
        ],
        [
            edge("start", "a"),
            edge("start", "big"),
            edge("start", "c"),
            edge("big", "b1", "true"),
            edge("big", "b2", "true"),
            edge("b1", "inner-join"),
            edge("b2", "inner-join"),
            edge("big", "small", "false"),
            edge("a", "end"),
            edge("inner-join", "end"),
            edge("small", "end"),
            edge("c", "end"),
        ],
    )
    big = run(api, document, {"amount": 500})
    assert path_of(big) == ["a", "big", "b1", "b2", "inner-join", "c", "end"]
    assert big["finalOutput"] == {"done": True}
    document["name"] = unique()
    assert path_of(run(api, document, {"amount": 5})) == ["a", "big", "small", "c", "end"]


@pytest.mark.skip_moto
def test_two_edges_between_the_same_nodes_run_the_target_once(api: Api) -> None:
    document = chain(trigger(), note("one"), note("two"))
    document["edges"].append({"id": "again", "source": "one", "target": "two", "condition": "workflow.no"})
    assert path_of(run(api, document, {"no": False})) == ["one", "two"]


# --- outputs ---------------------------------------------------------------------------------------------------------


def test_the_last_output_in_order_wins(api: Api) -> None:
    document = workflow(
        [trigger(), set_output("first", by="first"), set_output("second", by="second"), note("end")],
        [edge("start", "second"), edge("start", "first"), edge("first", "end"), edge("second", "end")],
    )
    results = run(api, document)
    assert path_of(results) == ["second", "first", "end"]
    assert results["finalOutput"] == {"by": "first"}


@pytest.mark.skip_moto
def test_outputs_are_verbatim_unless_a_mapping_is_merged_over_them(api: Api) -> None:
    verbatim = {"text": "${workflow.amount}", "nested": {"a": 1, "b": [None]}}
    assert run(api, chain(trigger(), set_output("end", **verbatim)))["finalOutput"] == verbatim
    mapped = set_output("end", **verbatim)
    mapped["data"]["mapping"] = [{"source": "workflow.amount", "target": "nested.a"}]
    results = run(api, chain(trigger(), mapped), {"amount": 7})
    assert results["finalOutput"] == {"text": "${workflow.amount}", "nested": {"a": 7, "b": [None]}}


@pytest.mark.skip_moto
def test_without_an_output_the_whole_context_is_the_result(api: Api, configuration: str) -> None:
    document = chain(trigger(), executor("call", configuration, outputMapping=[
        {"source": "body.score", "target": "score"}, {"source": "status", "target": "code"},
    ]))  # fmt: skip
    results = run(api, document, {"amount": 200})
    assert results["finalOutput"]["workflow"] == {"amount": 200}
    assert results["finalOutput"]["call"] == {"score": 0, "code": 200}
    assert results["stepResults"][0]["output"] == {"score": 0, "code": 200}


@pytest.mark.skip_moto
def test_an_output_can_be_referred_to_by_nodes_after_it(api: Api) -> None:
    document = chain(trigger(), set_output("set", level=3), conditional("high", "output.level > 2"))
    results = run(api, document)
    assert results["stepResults"][1]["output"]["result"] is True


# --- references ------------------------------------------------------------------------------------------------------


@pytest.mark.skip_moto
@pytest.mark.parametrize("reference", ["check-fraud.score", "check-fraud.body.score"])
def test_fields_of_an_answer_are_found_in_its_body(api: Api, configuration: str, reference: str) -> None:
    mapping = [{"source": "workflow.amount", "target": "amount"}]
    over = [{"source": reference, "target": "score"}]
    document = chain(
        trigger(),
        executor("check-fraud", configuration, inputMapping=mapping),
        conditional("high", f"{reference} == 15"),
        executor("next", configuration, inputMapping=over, path="/echo"),
    )
    document["edges"][-1]["sourceHandle"] = "true"
    results = run(api, document, {"amount": 1500})
    assert results["stepResults"][2]["output"]["body"] == {"score": 15}


@pytest.mark.skip_moto
def test_envelope_fields_win_over_the_body(api: Api, configuration: str) -> None:
    sends_status = [{"source": "workflow.status", "target": "status"}]
    document = chain(
        trigger(),
        executor("call", configuration, path="/echo", inputMapping=sends_status),
        conditional("ok", "call.status == 200 AND call.body.status == 'mine'"),
    )
    assert run(api, document, {"status": "mine"})["stepResults"][1]["output"]["result"] is True


def test_a_missing_field_fails_the_decision_that_needs_it(api: Api) -> None:
    results = run(api, chain(trigger(), note("before"), conditional("which", "workflow.missing > 1")))
    assert results["status"] == "failed"
    assert results["failedNodeId"] == "which"
    assert results["errorCode"] == "FLK-0504"
    assert results["errorMessage"].startswith('node "which": condition evaluation failed: ')
    assert "workflow.missing" in results["errorMessage"]
    assert path_of(results) == ["before", "which"]
    failed = results["stepResults"][1]
    assert failed["status"] == "failed"
    assert failed["errorMessage"].startswith("condition evaluation failed: ")


@pytest.mark.skip_moto
def test_a_required_mapping_without_a_source_fails_before_the_call(
    api: Api, provider: Provider, configuration: str
) -> None:
    path = f"/score/{unique()}"
    mapping = [{"source": "workflow.doc", "target": "doc", "required": True}]
    results = run(api, chain(trigger(), executor("call", configuration, path=path, inputMapping=mapping)))
    assert results["errorMessage"] == 'node "call": input transformation failed (FLK-0504)'
    step = results["stepResults"][0]
    assert step["errorMessage"].startswith("input transformation failed: ")
    assert "workflow.doc" in step["errorMessage"]
    assert provider.to(path) == []


@pytest.mark.skip_moto
def test_an_optional_mapping_without_a_source_sends_null(api: Api, configuration: str) -> None:
    mapping = [{"source": "workflow.doc", "target": "address.doc"}]
    call = executor("call", configuration, path="/echo", inputMapping=mapping)
    assert run(api, chain(trigger(), call))["stepResults"][0]["output"]["body"] == {"address": {"doc": None}}


@pytest.mark.skip_moto
def test_an_answer_without_what_the_output_mapping_requires_fails_the_node(
    api: Api, configuration: str
) -> None:
    mapping = [{"source": "body.missing", "target": "x", "required": True}]
    results = run(api, chain(trigger(), executor("call", configuration, outputMapping=mapping)))
    assert results["errorMessage"] == 'node "call": output transformation failed (FLK-0504)'


def test_an_edge_condition_that_cannot_be_told_fails_the_execution(api: Api, configuration: str) -> None:
    document = chain(trigger(), executor("call", configuration), note("after"))
    document["edges"][1] |= {"id": "the-edge", "condition": "workflow.name > 5"}
    results = run(api, document, {"name": "Ana"})
    assert results["status"] == "failed"
    assert results["errorMessage"].startswith('edge "the-edge": condition evaluation failed: ')
    assert "numeric operands" in results["errorMessage"]
    assert results["failedNodeId"] == "call"
    assert [step["status"] for step in results["stepResults"]] == ["completed"]


def test_an_edge_condition_out_of_the_trigger_may_fail_too(api: Api) -> None:
    document = chain(trigger(), note("after"))
    document["edges"][0] |= {"id": "first", "condition": "workflow.missing == 1"}
    results = run(api, document)
    assert results["status"] == "failed"
    assert results["errorMessage"].startswith('edge "first": condition evaluation failed: ')
    assert results["stepResults"] == []


def test_a_failing_node_ends_the_execution_and_nothing_follows_it(api: Api, configuration: str) -> None:
    document = chain(
        trigger(), note("one"), executor("bad", configuration, path="/status/404"), note("never")
    )
    results = run(api, document)
    assert (results["status"], path_of(results)) == ("failed", ["one", "bad"])


def test_what_an_output_mapping_writes_into_the_workflow_is_seen_by_later_nodes(
    api: Api, configuration: str
) -> None:
    back = [{"source": "body.score", "target": "workflow.result.score"}]
    document = chain(
        trigger(),
        executor("call", configuration, outputMapping=back),
        conditional("zero", "workflow.result.score == 0 AND workflow.kept == 1"),
    )
    results = run(api, document, {"kept": 1})
    assert results["stepResults"][1]["output"]["result"] is True
    assert results["finalOutput"] == {
        "workflow": {"kept": 1, "result": {"score": 0}},
        "call": {"workflow": {"result": {"score": 0}}},
    }


# --- numbers ---------------------------------------------------------------------------------------------------------

INTEGER = "123456789012345678901234567890"
DECIMALS = ("0.1000", "12345678901234567890.12345678901234567890", "-1.50")


def test_numbers_come_out_digit_by_digit_as_they_went_in(
    api: Api, provider: Provider, configuration: str
) -> None:
    path = f"/echo/{unique()}"
    numbers = [INTEGER, *DECIMALS, "1e3"]
    mapping = [{"source": "workflow.numbers", "target": "sent"}]
    workflow_id = activate(
        api,
        chain(
            trigger(),
            executor("call", configuration, path=path, inputMapping=mapping),
            conditional("same", f"call.sent[0] == {INTEGER} AND workflow.numbers[1] == 0.1"),
        ),
    )
    content = f'{{"inputData":{{"numbers":[{",".join(numbers)}]}}}}'
    headers = {"Idempotency-Key": unique(), "Content-Type": "application/json", "Prefer": "wait=20"}
    started = expect(
        api.post(f"/v1/workflows/{workflow_id}/executions", content=content, headers=headers), 201
    )
    (call,) = provider.to(path)
    assert exact_json.loads(call.raw) == {"sent": exact_json.loads(f"[{','.join(numbers)}]")}
    for number in (INTEGER, *DECIMALS):
        assert number.encode() in call.raw
    answer = api.get(f"/v1/executions/{started['executionId']}/results")
    results = exact_json.loads(answer.text)
    assert results["stepResults"][1]["output"]["result"] is True
    for number in (INTEGER, *DECIMALS):
        assert answer.text.count(number) == 3 + (
            number == INTEGER
        )  # input, step and context; and the condition
    assert json.loads(answer.text)["finalOutput"]["call"]["body"]["sent"][0] == int(INTEGER)


@pytest.mark.skip_moto
def test_numbers_next_to_each_other_are_told_apart(api: Api) -> None:
    document = chain(trigger(), conditional("differ", "workflow.a == workflow.b"))
    workflow_id = activate(api, document)
    content = '{"inputData":{"a":9007199254740993,"b":9007199254740992}}'
    headers = {"Idempotency-Key": unique(), "Content-Type": "application/json"}
    started = expect(
        api.post(f"/v1/workflows/{workflow_id}/executions", content=content, headers=headers), 201
    )
    assert api.results(started["executionId"])["stepResults"][0]["output"]["result"] is False
