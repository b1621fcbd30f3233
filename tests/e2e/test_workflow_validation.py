"""Every code that a wrong workflow is answered with, alone and in the order of the checks (Flowker spec b, c.1)."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    conditional,
    create_configuration,
    create_workflow,
    edge,
    executor,
    payment_validation,
    set_output,
    trigger,
    unique,
)
from tests.servers import Api, expect

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Things:
    """What the workflows of this file refer to."""

    http: str
    """A configuration of provider `http`; `disabled` is one too."""
    tracer: str
    disabled: str
    taken: str
    """A name that another workflow has."""


@pytest.fixture
def things(api: Api, provider: Provider) -> Things:
    config = {"base_url": provider.url, "api_key": "k"}
    body = {"name": unique("provider"), "providerId": "tracer", "config": config}
    disabled = create_configuration(api, provider.url)
    expect(api.post(f"/v1/provider-configurations/{disabled}/disable"), 200)
    taken = unique()
    create_workflow(api, {"name": taken})
    return Things(
        http=create_configuration(api, provider.url),
        tracer=str(expect(api.post("/v1/provider-configurations", body), 201)["id"]),
        disabled=disabled,
        taken=taken,
    )


Document = dict[str, Any]
Change = Callable[[Document, Things], None]


def sound(things: Things) -> Document:
    """A workflow with nothing wrong; `nodes[1]` is an executor."""
    return {
        "name": unique(),
        "nodes": [trigger(), executor("call", things.http), set_output("end")],
        "edges": [edge("start", "call"), edge("call", "end")],
    }


def put(path: str, value: Any) -> Change:
    """Set what the path leads to: `nodes.1.data.executorId`."""

    def change(document: Document, _: Things) -> None:
        *parents, last = path.split(".")
        at: Any = document
        for part in parents:
            at = at[int(part)] if part.isdigit() else at[part]
        at[int(last) if last.isdigit() else last] = deepcopy(value)

    return change


def configured(name: str) -> Change:
    """Let the executor name one of the things."""
    return lambda document, things: put("nodes.1.data.providerConfigId", getattr(things, name))(
        document, things
    )


def _name_taken(document: Document, things: Things) -> None:
    document["name"] = things.taken


def _another_node(document: Document, node: Document) -> None:
    document["nodes"].append(node)


MANY_NODES = [set_output(f"n{number}") for number in range(101)]
MANY_EDGES = [edge("start", "end", f"{number}") for number in range(201)]
STATIC = {"headers": {"X-A": 1}}
MAPPING = [{"source": "workflow.a", "target": "a"}]

AT_SAVE: list[tuple[str, Change, int, str, str | None]] = [
    ("no name", put("name", None), 400, "FLK-0110", "name"),
    ("an empty name", put("name", ""), 400, "FLK-0110", "name"),
    ("a blank name", put("name", " "), 400, "FLK-0110", "name"),
    ("a name that is no text", put("name", 1), 400, "FLK-0001", "name"),
    ("a long name", put("name", "x" * 101), 400, "FLK-0111", "name"),
    ("nodes that are no list", put("nodes", {}), 400, "FLK-0001", "nodes"),
    ("edges that are no list", put("edges", "x"), 400, "FLK-0001", "edges"),
    ("101 nodes", put("nodes", MANY_NODES), 400, "FLK-0113", "nodes"),
    ("201 edges", put("edges", MANY_EDGES), 400, "FLK-0114", "edges"),
    ("a node that is no object", put("nodes.0", "x"), 400, "FLK-0001", "nodes[0]"),
    ("no node id", put("nodes.0.id", None), 400, "FLK-0120", "nodes[0].id"),
    ("an empty node id", put("nodes.0.id", ""), 400, "FLK-0120", "nodes[0].id"),
    ("a node id that is no text", put("nodes.0.id", 7), 400, "FLK-0001", "nodes[0].id"),
    ("a long node id", put("nodes.0.id", "x" * 51), 400, "FLK-0001", "nodes[0].id"),
    ("a node id used twice", put("nodes.2.id", "call"), 400, "FLK-0120", "nodes"),
    ("no node type", put("nodes.0.type", None), 400, "FLK-0121", "nodes[0].type"),
    ("an unknown node type", put("nodes.0.type", "loop"), 400, "FLK-0121", "nodes[0].type"),
    ("a node type that is no text", put("nodes.0.type", ["trigger"]), 400, "FLK-0121", "nodes[0].type"),
    ("a long node name", put("nodes.0.name", "x" * 51), 400, "FLK-0001", "nodes[0].name"),
    ("a position that is no object", put("nodes.0.position", 1), 400, "FLK-0001", "nodes[0].position"),
    ("a coordinate as text", put("nodes.0.position", {"x": "1"}), 400, "FLK-0001", "nodes[0].position.x"),
    ("a coordinate of null", put("nodes.0.position", {"y": None}), 400, "FLK-0001", "nodes[0].position.y"),
    ("node data that is no object", put("nodes.0.data", []), 400, "FLK-0001", "nodes[0].data"),
    ("an edge that is no object", put("edges.0", None), 400, "FLK-0001", "edges[0]"),
    ("no edge id", put("edges.0.id", None), 400, "FLK-0130", "edges[0].id"),
    ("an edge id used twice", put("edges.1.id", "start->call:"), 400, "FLK-0130", "edges"),
    ("a long edge id", put("edges.0.id", "x" * 51), 400, "FLK-0001", "edges[0].id"),
    ("no source", put("edges.0.source", ""), 400, "FLK-0131", "edges[0].source"),
    ("no target", put("edges.1.target", None), 400, "FLK-0132", "edges[1].target"),
    ("a source that is no node", put("edges.1.source", "x"), 400, "FLK-0115", "edges[1].source"),
    ("a target that is no node", put("edges.0.target", "x"), 400, "FLK-0115", "edges[0].target"),
    ("edges without nodes", put("nodes", []), 400, "FLK-0115", "edges[0].source"),
    ("a long handle", put("edges.0.sourceHandle", "x" * 51), 400, "FLK-0001", "edges[0].sourceHandle"),
    ("a long condition", put("edges.0.condition", "x" * 501), 400, "FLK-0001", "edges[0].condition"),
    ("a long label", put("edges.0.label", "x" * 51), 400, "FLK-0001", "edges[0].label"),
    ("a long description", put("description", "x" * 501), 400, "FLK-0001", "description"),
    ("a description that is no text", put("description", {}), 400, "FLK-0001", "description"),
    ("metadata that is no object", put("metadata", []), 400, "FLK-0001", "metadata"),
    ("no executor", put("nodes.1.data", {}), 400, "FLK-0201", "nodes[1].data.executorId"),
    ("no data of an executor", put("nodes.1.data", None), 400, "FLK-0201", "nodes[1].data.executorId"),
    ("an unknown executor", put("nodes.1.data.executorId", "x"), 404, "FLK-0104", "nodes[1].data.executorId"),
    (
        "no configuration",
        put("nodes.1.data.providerConfigId", None),
        400,
        "FLK-0150",
        "nodes[1].data.providerConfigId",
    ),
    (
        "a configuration that is no UUID",
        put("nodes.1.data.providerConfigId", "-" * 36),
        400,
        "FLK-0150",
        "nodes[1].data.providerConfigId",
    ),
    (
        "an unknown configuration",
        put("nodes.1.data.providerConfigId", UNKNOWN),
        400,
        "FLK-0150",
        "nodes[1].data.providerConfigId",
    ),
    ("a disabled configuration", configured("disabled"), 400, "FLK-0150", "nodes[1].data.providerConfigId"),
    (
        "a configuration of another provider",
        configured("tracer"),
        400,
        "FLK-0151",
        "nodes[1].data.providerConfigId",
    ),
    (
        "static configuration against the schema",
        put("nodes.1.data.headers", {"X-A": 1}),
        400,
        "FLK-0201",
        "nodes[1].data.headers.X-A",
    ),
    (
        "static configuration that the schema does not know",
        put("nodes.1.data.colour", "red"),
        400,
        "FLK-0201",
        "nodes[1].data.colour",
    ),
    (
        "an input mapping without a path",
        put("nodes.1.data.inputMapping", [{"source": "", "target": "a"}]),
        400,
        "FLK-0140",
        "nodes[1].data.inputMapping[0].source",
    ),
    (
        "an input mapping whose transformation lacks what it needs",
        put(
            "nodes.1.data.inputMapping", [*MAPPING, {**MAPPING[0], "transformation": {"type": "add_prefix"}}]
        ),
        400,
        "FLK-0140",
        "nodes[1].data.inputMapping[1].transformation.config.prefix",
    ),
    (
        "an output mapping that is no list",
        put("nodes.1.data.outputMapping", "x"),
        400,
        "FLK-0141",
        "nodes[1].data.outputMapping",
    ),
    (
        "an output mapping with an unknown transformation",
        put("nodes.1.data.outputMapping", [{**MAPPING[0], "transformation": {"type": "explode"}}]),
        400,
        "FLK-0141",
        "nodes[1].data.outputMapping[0].transformation.type",
    ),
    (
        "an unknown operation",
        put("nodes.1.data.transforms", [{"operation": "explode", "spec": {"a": 1}}]),
        400,
        "FLK-0142",
        "nodes[1].data.transforms[0].operation",
    ),
    (
        "an operation without a spec",
        put("nodes.1.data.transforms", [{"operation": "shift"}]),
        400,
        "FLK-0142",
        "nodes[1].data.transforms[0].spec",
    ),
    (
        "an operation with an empty spec",
        put("nodes.1.data.transforms", [{"operation": "pass"}, {"operation": "concat", "spec": {}}]),
        400,
        "FLK-0142",
        "nodes[1].data.transforms[1].spec",
    ),
    (
        "an action that transforms with a layout that is none",
        put(
            "nodes.2.data",
            {
                "action": "transform",
                "transforms": [
                    {
                        "operation": "timestamp",
                        "spec": {"at": {"inputFormat": "$now", "outputFormat": "YYYY"}},
                    }
                ],
            },
        ),
        400,
        "FLK-0142",
        "nodes[2].data.transforms[0].spec.at.outputFormat",
    ),
    (
        "an output with a mapping that cannot be read",
        put("nodes.2.data.mapping", [{"source": "a", "target": "a[*]"}]),
        400,
        "FLK-0140",
        "nodes[2].data.mapping[0].target",
    ),
    ("a name that is taken", _name_taken, 409, "FLK-0101", None),
]


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("change", "status", "code", "field"), [pytest.param(*row[1:], id=row[0]) for row in AT_SAVE]
)
def test_a_draft_with_one_mistake_is_refused_with_its_code_and_field(
    api: Api, things: Things, change: Change, status: int, code: str, field: str | None
) -> None:
    document = sound(things)
    workflow_id = create_workflow(api, sound(things))
    change(document, things)
    for answer in (api.post("/v1/workflows", document), api.put(f"/v1/workflows/{workflow_id}", document)):
        body = expect(answer, status, code)
        assert list(body.get("fields", {})) == ([field] if field else [])


def test_the_same_draft_without_a_mistake_is_accepted(api: Api, things: Things) -> None:
    document = sound(things)
    workflow_id = create_workflow(api, document)
    document["nodes"][1]["data"]["providerConfigId"] = things.http.replace("-", "").upper()
    expect(api.put(f"/v1/workflows/{workflow_id}", document), 200)
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)


@pytest.mark.skip_moto
@pytest.mark.parametrize("name", [None, "", " ", "x" * 101, 5])
def test_a_clone_needs_a_name(api: Api, name: Any) -> None:
    workflow_id = create_workflow(api, {"name": unique()})
    answer = api.post(f"/v1/workflows/{workflow_id}/clone", {"name": name})
    code = {5: "FLK-0001", "x" * 101: "FLK-0111"}.get(name, "FLK-0110")
    assert list(expect(answer, 400, code)["fields"]) == ["name"]


# Everything wrong at once, and what puts it right, in the order in which it is noticed.
REPAIRS: list[tuple[str, Change]] = [
    ("FLK-0110", put("name", "x" * 101)),
    ("FLK-0111", _name_taken),
    ("FLK-0113", put("nodes", [trigger(""), {"id": "call"}, set_output("call")])),
    ("FLK-0114", put("edges", [{}, {"id": "a", "source": "start", "target": "nowhere"}])),
    ("FLK-0120", put("nodes.0.id", "start")),
    ("FLK-0121", put("nodes.1", {"id": "call", "type": "executor", "data": {"verify_token": "********"}})),
    ("FLK-0130", put("edges.0", {"id": "a", "source": None, "target": None})),
    ("FLK-0131", put("edges.0.source", "start")),
    ("FLK-0132", put("edges.0.target", "call")),
    ("FLK-0120", put("nodes.2.id", "end")),
    ("FLK-0130", put("edges.0.id", "b")),
    ("FLK-0115", put("edges.1.target", "end")),
    ("FLK-0001", put("description", "short")),
    ("FLK-0001", put("nodes.1.data", {**STATIC, "inputMapping": 1, "outputMapping": 1, "transforms": [{}]})),
    ("FLK-0201", put("nodes.1.data.executorId", "unknown")),
    ("FLK-0104", put("nodes.1.data.executorId", "http")),
    ("FLK-0150", put("nodes.1.data.providerConfigId", "no uuid")),
    ("FLK-0150", configured("disabled")),
    ("FLK-0201", put("nodes.1.data.headers", {})),
    ("FLK-0150", configured("tracer")),
    ("FLK-0151", configured("http")),
    ("FLK-0140", put("nodes.1.data.inputMapping", MAPPING)),
    ("FLK-0141", put("nodes.1.data.outputMapping", [])),
    ("FLK-0142", put("nodes.1.data.transforms", [])),
    ("FLK-0101", lambda document, _: document.update(name=unique())),
]


@pytest.mark.skip_moto
def test_mistakes_are_noticed_in_the_order_of_the_checks(api: Api, things: Things) -> None:
    workflow_id = create_workflow(api, {"name": unique()})
    document: Document = {"description": "x" * 501, "nodes": MANY_NODES, "edges": MANY_EDGES}
    for code, repair in REPAIRS:
        for answer in (
            api.post("/v1/workflows", document),
            api.put(f"/v1/workflows/{workflow_id}", document),
        ):
            assert answer.json()["code"] == code, answer.text
        repair(document, things)
    expect(api.put(f"/v1/workflows/{workflow_id}", document), 200)


@pytest.mark.skip_moto
def test_all_wrong_references_are_named_at_once(api: Api, things: Things) -> None:
    document = sound(things)
    document["nodes"][1]["data"] |= {"colour": "red", "outputMapping": 1}
    document["nodes"] += [executor("a", things.tracer), executor("b", UNKNOWN, inputMapping={})]
    body = expect(api.post("/v1/workflows", document), 400, "FLK-0201")
    assert list(body["fields"]) == [
        "nodes[1].data.colour",
        "nodes[3].data.providerConfigId",
        "nodes[4].data.providerConfigId",
        "nodes[1].data.outputMapping",
        "nodes[4].data.inputMapping",
    ]


def _document(*nodes: Document, edges: list[Document] | None = None) -> Document:
    return {"name": unique(), "nodes": list(nodes), "edges": edges or []}


CYCLE = [edge("start", "a"), edge("a", "b"), edge("b", "a")]

AT_ACTIVATION: list[tuple[str, Document, int, str, list[str]]] = [
    ("no nodes", _document(), 422, "FLK-0112", ["/nodes"]),
    ("no trigger", _document(set_output("end")), 422, "FLK-0116", ["/nodes"]),
    (
        "a cycle",
        _document(trigger(), set_output("a"), set_output("b"), edges=CYCLE),
        422,
        "FLK-0508",
        ["/edges"],
    ),
    (
        "a conditional without a condition",
        _document(trigger(), {"id": "c", "type": "conditional"}),
        422,
        "FLK-0105",
        ["/nodes/1/data/condition"],
    ),
    (
        "a condition that cannot be read",
        _document(trigger(), conditional("c", "a ==")),
        422,
        "FLK-0105",
        ["/nodes/1/data/condition"],
    ),
    (
        "an edge condition that cannot be read",
        _document(trigger(), set_output("a"), edges=[edge("start", "a", condition='x == "')]),
        422,
        "FLK-0105",
        ["/edges/0/condition"],
    ),
    ("a path without a method", _document(trigger(path="in")), 422, "FLK-0211", ["/nodes/0/data/method"]),
    ("a method without a path", _document(trigger(method="GET")), 422, "FLK-0211", ["/nodes/0/data/path"]),
    (
        "an unknown method",
        _document(trigger(path="in", method="BREW")),
        422,
        "FLK-0211",
        ["/nodes/0/data/method"],
    ),
    (
        "a token that is no text",
        _document(trigger(path="in", method="GET", verify_token=1)),
        422,
        "FLK-0211",
        ["/nodes/0/data/verify_token"],
    ),
    (
        "trigger data that the schema does not know",
        _document(trigger(path="in", method="GET", colour="red")),
        422,
        "FLK-0211",
        ["/nodes/0/data/colour"],
    ),
    ("a reserved node id", _document(trigger(), set_output("workflow")), 400, "FLK-0120", ["/nodes/1/id"]),
    ("a node id with a dot", _document(trigger(), set_output("a.b")), 400, "FLK-0120", ["/nodes/1/id"]),
]


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("document", "status", "code", "fields"), [pytest.param(*row[1:], id=row[0]) for row in AT_ACTIVATION]
)
def test_a_draft_that_cannot_run_is_kept_but_not_activated(
    api: Api, document: Document, status: int, code: str, fields: list[str]
) -> None:
    workflow_id = create_workflow(api, {**document, "name": unique()})
    body = expect(api.post(f"/v1/workflows/{workflow_id}/activate"), status, code)
    assert list(body["fields"]) == fields
    assert expect(api.get(f"/v1/workflows/{workflow_id}"), 200)["status"] == "draft"


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("condition", "position"),
    [("workflow.a ==", 14), ("workflow.a = 1", 12), ("(workflow.a", 12), ("a == b == c", 8), ('x == "', 6)],
)
def test_what_is_wrong_with_a_condition_is_told_with_its_position(
    api: Api, condition: str, position: int
) -> None:
    on_edge = edge("start", "c", condition=condition)
    workflow_id = create_workflow(api, _document(trigger(), conditional("c", condition), edges=[on_edge]))
    body = expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 422, "FLK-0105")
    assert list(body["fields"]) == ["/nodes/1/data/condition", "/edges/0/condition"]
    assert all(text.endswith(f"(at character {position})") for text in body["fields"].values())


def test_activation_checks_again_what_the_executors_refer_to(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    path = f"/v1/provider-configurations/{configuration_id}"
    workflow_id = create_workflow(api, payment_validation(configuration_id, unique()))
    field = "/nodes/1/data/providerConfigId"
    expect(api.post(f"{path}/disable"), 200)
    assert field in expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 400, "FLK-0150")["fields"]
    expect(api.delete(path), 204)
    assert field in expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 400, "FLK-0150")["fields"]


def test_activation_names_every_finding_and_answers_the_first(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    nodes = [
        executor("call", configuration_id),
        conditional("c", "a =="),
        set_output("output"),
        {"id": "d", "type": "conditional"},
    ]
    document = _document(*nodes, edges=[edge("call", "c", condition="(")])
    workflow_id = create_workflow(api, document)
    expect(api.post(f"/v1/provider-configurations/{configuration_id}/disable"), 200)
    body = expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 422, "FLK-0116")
    assert set(body["fields"]) == {
        "/nodes",
        "/nodes/0/data/providerConfigId",
        "/nodes/2/id",
        "/nodes/1/data/condition",
        "/nodes/3/data/condition",
        "/edges/0/condition",
    }
    # With a trigger, what the executors refer to comes before what the graph says.
    nodes.append(trigger(path="in"))
    expect(api.post(f"/v1/provider-configurations/{configuration_id}/enable"), 200)
    expect(api.put(f"/v1/workflows/{workflow_id}", {**document, "nodes": nodes}), 200)
    expect(api.post(f"/v1/provider-configurations/{configuration_id}/disable"), 200)
    body = expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 400, "FLK-0150")
    assert "/nodes" not in body["fields"]
    assert "/nodes/4/data/method" in body["fields"]


@pytest.mark.skip_moto
def test_the_status_is_checked_before_the_graph(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    workflow_id = activate(api, payment_validation(configuration_id, unique()))
    expect(api.post(f"/v1/provider-configurations/{configuration_id}/disable"), 200)
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 422, "FLK-0102")
    expect(api.put(f"/v1/workflows/{workflow_id}", {"name": ""}), 422, "FLK-0103")
    expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
    expect(api.post(f"/v1/workflows/{workflow_id}/draft"), 200)
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 400, "FLK-0150")


@pytest.mark.skip_moto
def test_nodes_that_can_never_run_are_named_in_warnings_only(api: Api) -> None:
    document = _document(trigger(), set_output("end"), set_output("idle"), edges=[edge("start", "end")])
    workflow_id = create_workflow(api, document)
    activated = expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)
    assert [text for text in activated["warnings"] if "idle" in text] == activated["warnings"] != []


@pytest.mark.skip_moto
def test_a_cycle_that_no_trigger_reaches_is_no_obstacle(api: Api) -> None:
    nodes = [trigger(), set_output("end"), set_output("a"), set_output("b")]
    edges = [edge("start", "end"), edge("a", "b"), edge("b", "a")]
    activate(api, _document(*nodes, edges=edges))


@pytest.mark.skip_moto
def test_a_webhook_trigger_without_path_and_method_is_legal(api: Api) -> None:
    for data in ({"triggerType": "webhook"}, {"triggerId": "webhook"}):
        node = {"id": "start", "type": "trigger", "data": data}
        activate(api, _document(node, set_output("end"), edges=[edge("start", "end")]))
