"""The routing table, row by row (FlowRunner spec c.3)."""

import pytest

from flowker.compiler.flows.routing import Route, edge_keys, entry, failure, joined, lanes, success
from flowker.model.graph import Graph, Node, NodeKind
from tests.flow_strategies import flow


def node(**ways: str) -> Node:
    return Node(id="n", type=NodeKind.ACTION, op="fr.base", data={"next": ways})


@pytest.mark.parametrize(
    ("ways", "action", "handle"),
    [
        ({"yes": "a", "default": "b"}, "yes", "yes"),
        ({"default": "b"}, "success", "default"),
        ({"success": "b"}, "default", "success"),
        ({"default": "b", "success": "c"}, "default", "default"),
        ({"default": "b", "success": "c"}, "success", "success"),
        ({"default": "b", "success": "c"}, "no", "default"),
        ({"success": "c"}, "no", None),
        ({"error": "c"}, "default", None),
        ({"error": "c"}, "error", "error"),
        ({}, "default", None),
    ],
)
def test_a_success_goes_by_its_action_or_falls_back(
    ways: dict[str, str], action: str, handle: str | None
) -> None:
    found = success(node(**ways), action)
    expected = Route() if handle is None else Route(handle, ways[handle], f"n:{handle}")
    assert found == expected
    assert found.matched is (handle is not None)


@pytest.mark.parametrize(
    ("ways", "given", "handle"),
    [
        ({"client_error": "a", "error": "b"}, "client_error", "client_error"),
        ({"client_error": "a", "error": "b"}, "timeout", "error"),
        ({"client_error": "a", "error": "b"}, None, "error"),
        ({"client_error": "a", "default": "b"}, "server_error", None),
        ({"default": "b", "success": "c"}, None, None),
    ],
)
def test_a_failure_goes_by_its_handle_or_error_and_by_nothing_else(
    ways: dict[str, str], given: str | None, handle: str | None
) -> None:
    expected = Route() if handle is None else Route(handle, ways[handle], f"n:{handle}")
    assert failure(node(**ways), given) == expected


def test_end_applies_and_leads_nowhere() -> None:
    found = success(node(yes="END", default="b"), "yes")
    assert (found.matched, found.target, found.edge) == (True, None, None)
    assert failure(node(error="END"), "timeout") == Route("error")


def test_a_split_starts_all_but_default_and_error_and_goes_on_with_default() -> None:
    split = node(success="a", default="b", timeout="c", error="d", nowhere="END")
    assert lanes(split) == {"success": "a", "timeout": "c"}
    assert joined(split) == Route("default", "b", "n:default")
    assert joined(node(success="a")) == Route()


def test_edges_are_called_by_their_position_and_the_first_one_leads_to_the_beginning() -> None:
    graph: Graph = flow(
        {"a": {"type": "base", "next": {"default": "b", "error": "END"}}, "b": {"type": "base"}}
    )
    assert edge_keys(graph) == {"__start:default": "e0", "a:default": "e1"}
    assert entry(graph) == "a"
