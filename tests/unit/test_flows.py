"""Flows as use cases: fields, labels, revisions, publishing (FlowRunner spec a.3, g; decisions D-07, D-18)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flowker.adapters.stores.flows import ItemFlowStore
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import ChangedConcurrently, FlowNotFound, InvalidBody, InvalidFlow, StoreUnavailable
from flowker.expressions.scripts import check_syntax
from flowker.expressions.scripts.quickjs_engine import evaluate
from flowker.model import exact_json
from flowker.model.flow import Flow, FlowHead
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from flowker.usecases.flow_drafts import FlowDraft, MetadataPatch
from flowker.usecases.flow_search import FlowFilter
from flowker.usecases.flows import Flows, Written
from flowker.usecases.publication import Publication
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher, RecordingMachines
from tests.flow_samples import CATALOGUE, HELLO, ORDERS, SEED, chain, flow

ME, OTHER = "account-1", "account-2"


class Store(ItemFlowStore):
    """Something may happen between reading and writing."""

    def __init__(self) -> None:
        super().__init__(MemoryTable(), MemoryBlobs(), PlainCipher())
        object.__setattr__(self, "before_writing", [])

    before_writing: list[Callable[[], object]]

    def replace(self, before: FlowHead, after: Flow, *rest: Any) -> None:
        self._happen()
        super().replace(before, after, *rest)

    def delete(self, flow: FlowHead, *rest: Any) -> None:
        self._happen()
        super().delete(flow, *rest)

    def _happen(self) -> None:
        if self.before_writing:
            self.before_writing.pop()()


class World:
    def __init__(self) -> None:
        self.clock, self.machines = ManualClock(), RecordingMachines()
        self.store = Store()
        self.workflows = ItemWorkflowStore(self.store.table, MemoryBlobs(), PlainCipher())
        self.registry = ItemMachineRegistry(self.store.table)
        self.secrets: list[str] = []
        publication = Publication(
            self.workflows,
            self.registry,
            self.machines,
            self.clock,
            FLOW_NODE_TYPES,
            lambda scripts: check_syntax(evaluate, scripts),
            3600,
        )
        self.flows = Flows(self.store, publication, lambda account: self.secrets, self.clock, CountingIds())

    def create(self, definition: str = HELLO, **members: Any) -> FlowHead:
        return self.flows.create(ME, FlowDraft(**{"name": "mine", "definition": definition, **members})).flow

    def update(self, before: FlowHead, **members: Any) -> Written:
        self.clock.advance(1)
        return self.flows.update(ME, before.id, FlowDraft(**members))

    def get(self, flow: FlowHead) -> Flow:
        return self.flows.get(ME, flow.id)

    def numbers(self, flow: FlowHead) -> list[tuple[int, str]]:
        return [(each.number, each.label) for each in self.flows.versions(ME, flow.id, 100, 0)[0]]


@pytest.fixture
def world() -> World:
    return World()


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidFlow) as raised:
        call()
    return [(each.code, each.pointer) for each in raised.value.diagnostics]


@pytest.mark.parametrize("text", [SEED, ORDERS, CATALOGUE, HELLO])
def test_a_flow_is_published_and_read_back_byte_for_byte(world: World, text: str) -> None:
    made = world.create(text, tags=["b", "a", "b"], description="d")
    assert world.get(made) == made
    stored = world.get(made)
    assert stored.definition == text
    assert (stored.name, stored.description, stored.tags) == ("mine", "d", ("b", "a"))
    assert stored.id.startswith("flow-")
    assert list(world.machines.definitions) == [stored.launch.machine]


def test_a_launch_says_all_that_a_run_needs(world: World) -> None:
    made = world.create(SEED)
    launch = made.launch
    assert (launch.workflow_id, launch.account_id, launch.label) == (made.id, ME, "1.0.0")
    assert (launch.entry, launch.total_steps, launch.longest) == ("__start", 2, 3600)
    graph = world.workflows.revision(launch.revision)
    assert exact_json.digest(graph.document()) == launch.revision
    assert [node.id for node in graph.nodes] == ["__start", "start", "end"]


def test_the_definition_gives_what_the_request_does_not(world: World) -> None:
    made = world.create(SEED)
    assert (made.name, made.description, made.version) == ("mine", "A simple flow", "1.0.0")
    assert world.create(HELLO).description == ""
    assert world.create(SEED, description="").description == ""


@pytest.mark.parametrize("missing", ["name", "definition"])
def test_a_flow_needs_a_name_and_a_definition(world: World, missing: str) -> None:
    with pytest.raises(InvalidBody):
        world.flows.create(ME, FlowDraft(**{"name": "n", "definition": HELLO, missing: None}))


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"description": "x" * 2001}, "description"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": ["a", "x" * 51]}, "tags.1"),
        ({"tags": [str(number) for number in range(21)]}, "tags"),
    ],
)
def test_fields_have_their_rules(world: World, members: dict[str, Any], field: str) -> None:
    assert refused(lambda: world.create(**members)) == [("invalid_value", field)]
    before = world.create()
    assert refused(lambda: world.update(before, **members)) == [("invalid_value", field)]


def test_fields_may_be_as_long_as_they_may(world: World) -> None:
    tags = [f"{number:050d}" for number in range(20)]
    made = world.create(name="x" * 255, description="y" * 2000, tags=[*tags, *tags])
    assert world.get(made).tags == tuple(tags)


def test_everything_that_is_wrong_is_told_together(world: World) -> None:
    found = refused(lambda: world.create(flow({"a": {"type": "none"}}), name="", tags=[""]))
    assert found == [
        ("invalid_value", "name"),
        ("invalid_value", "tags.0"),
        ("unknown_node_type", "nodes.a.type"),
    ]
    found = refused(lambda: world.create(HELLO, name=""))
    assert found == [("invalid_value", "name")]
    assert world.flows.list(ME, FlowFilter(), 10, 0) == ([], 0)


def test_what_no_state_machine_can_do_is_told_with_its_place(world: World) -> None:
    nodes = {
        "split": {"type": "split", "next": {"a": "one", "b": "two", "default": "end"}},
        "one": {"type": "base", "next": {"default": "end"}},
        "two": {"type": "base", "next": {"default": "split"}},
        "end": {"type": "base"},
    }
    with pytest.raises(InvalidFlow) as raised:
        world.create(flow(nodes, start="split"))
    (problem,) = raised.value.diagnostics
    assert (problem.code, problem.pointer) == ("unsupported_shape", "nodes.two.next.default")
    assert problem.line
    assert problem.line > 1


def test_warnings_come_with_the_answer(world: World) -> None:
    world.secrets = ["CASES_KEY"]
    written = world.flows.create(ME, FlowDraft(name="n", definition=ORDERS))
    assert [each.code for each in written.warnings] == ["unknown_secret"]
    assert [each.code for each in world.update(written.flow, definition=ORDERS).warnings] == [
        "unknown_secret"
    ]
    assert world.update(written.flow, name="other").warnings == ()
    assert [each.code for each in world.flows.validate(ME, ORDERS).warnings] == ["unknown_secret"]


def test_validating_stores_nothing(world: World) -> None:
    assert world.flows.validate(ME, SEED).document.start == "start"
    assert refused(lambda: world.flows.validate(ME, "")) == [
        ("name_required", "metadata.name"),
        ("nodes_required", "nodes"),
    ]
    assert world.machines.definitions == {}
    assert world.flows.list(ME, FlowFilter(), 10, 0) == ([], 0)


def test_an_update_changes_what_it_names_and_nothing_else(world: World) -> None:
    before = world.create(SEED, tags=["t"])
    after = world.update(before, description="other").flow
    assert after == before.model_copy(
        update={"description": "other", "updated_at": after.updated_at, "changes": 2}
    )
    assert after.updated_at > before.updated_at
    assert world.get(before) == after
    assert world.update(before, tags=[]).flow.tags == ()
    assert world.update(before, name="renamed").flow.name == "renamed"
    assert world.numbers(before) == [(1, "1.0.0")]


def test_an_update_needs_something(world: World) -> None:
    before = world.create()
    with pytest.raises(InvalidBody):
        world.update(before)


def test_another_text_makes_another_revision(world: World) -> None:
    before = world.create(SEED)
    text = SEED.replace("1.0.0", "1.0.1").replace("My Flow", "Renamed")
    after = world.update(before, definition=text).flow
    assert (after.name, after.version, after.revision) == ("Renamed", "1.0.1", 2)
    assert world.get(before).definition == text
    assert world.numbers(before) == [(2, "1.0.1"), (1, "1.0.0")]
    assert world.update(before, definition=SEED, name="kept").flow.name == "kept"


def test_the_same_text_makes_no_revision(world: World) -> None:
    before = world.create(SEED)
    world.machines.unavailable = True
    after = world.update(before, definition=SEED, description="d").flow
    assert (after.revision, after.launch, after.name) == (1, before.launch, "mine")


def test_the_same_graph_is_published_once(world: World) -> None:
    before = world.create(SEED)
    after = world.update(before, definition=f"# a comment\n{SEED}").flow
    assert after.revision == 2
    assert after.launch == before.launch
    assert len(world.machines.definitions) == 1


def test_labels_go_on_by_themselves(world: World) -> None:
    before = world.create(chain("a"))
    assert before.version == "1.0.0"
    assert world.update(before, definition=chain("b")).flow.version == "1.0.1"
    assert world.update(before, definition=chain("c", version="v2.9.9")).flow.version == "v2.9.9"
    assert world.update(before, definition=chain("d")).flow.version == "v2.9.10"
    assert world.update(before, definition=chain("e", version="spring")).flow.version == "spring"
    assert world.update(before, definition=chain("f")).flow.version == "6"


def test_a_version_is_found_by_its_label_or_its_number(world: World) -> None:
    before = world.create(chain("a", version="2"))
    world.update(before, definition=chain("b", version="x"))
    world.update(before, definition=chain("c", version="x"))

    def version(name: str) -> int:
        return world.flows.version(ME, before.id, name).number

    assert version("x") == 3
    assert version("2") == 1  # a label comes before a number
    assert version("3") == 3
    assert world.flows.version(ME, before.id, "2").definition == chain("a", version="2")
    with pytest.raises(FlowNotFound):
        version("4")
    with pytest.raises(FlowNotFound):
        version("y")
    found, total = world.flows.versions(ME, before.id, 1, 1)
    assert ([each.number for each in found], total) == ([2], 3)


def test_flows_of_others_do_not_exist(world: World) -> None:
    made = world.create(SEED)
    calls: list[Callable[[], object]] = [
        lambda: world.flows.get(OTHER, made.id),
        lambda: world.flows.update(OTHER, made.id, FlowDraft(name="n")),
        lambda: world.flows.delete(OTHER, made.id),
        lambda: world.flows.versions(OTHER, made.id, 10, 0),
        lambda: world.flows.version(OTHER, made.id, "1.0.0"),
        lambda: world.flows.describe(OTHER, made.id, MetadataPatch(status="x")),
    ]
    for call in calls:
        with pytest.raises(FlowNotFound):
            call()
    assert world.flows.list(OTHER, FlowFilter(), 10, 0) == ([], 0)


def test_where_publishing_is_throttled_nothing_is_created(world: World) -> None:
    before = world.create(SEED)
    world.machines.unavailable = True
    with pytest.raises(StoreUnavailable):
        world.create(HELLO)
    with pytest.raises(StoreUnavailable):
        world.update(before, definition=HELLO)
    world.machines.unavailable = False
    assert world.get(before) == before
    assert world.flows.list(ME, FlowFilter(), 10, 0)[1] == 1
    assert world.update(before, definition=HELLO).flow.revision == 2


def test_a_lost_race_overwrites_nothing(world: World) -> None:
    before = world.create(SEED)
    world.store.before_writing.append(lambda: world.update(before, name="first"))
    with pytest.raises(ChangedConcurrently):
        world.update(before, name="second")
    assert world.get(before).name == "first"


def test_deleting_is_not_kept_from_by_changes(world: World) -> None:
    before = world.create(SEED)
    world.store.before_writing.append(lambda: world.update(before, definition=HELLO))
    world.flows.delete(ME, before.id)
    with pytest.raises(FlowNotFound):
        world.get(before)
    with pytest.raises(FlowNotFound):
        world.flows.delete(ME, before.id)


def test_all_flows_of_an_account_are_deleted_and_no_others(world: World) -> None:
    for _ in range(3):
        world.create(SEED)
    kept = world.flows.create(OTHER, FlowDraft(name="n", definition=SEED)).flow
    world.flows.delete_all(ME)
    assert world.flows.list(ME, FlowFilter(), 10, 0)[1] == 0
    assert [each.id for each in world.flows.list(OTHER, FlowFilter(), 10, 0)[0]] == [kept.id]


def test_flows_are_listed_newest_first_with_an_exact_total(world: World) -> None:
    made: list[str] = []
    for number in range(5):
        made.insert(0, world.create(tags=["even"] if number % 2 == 0 else []).id)
        world.clock.advance(1)

    def listed(limit: int, offset: int, tag: str | None = None) -> tuple[list[str], int]:
        wanted = FlowFilter(tags=None if tag is None else [tag])
        found, total = world.flows.list(ME, wanted, limit, offset)
        return [each.id for each in found], total

    assert listed(2, 1) == (made[1:3], 5)
    assert listed(10, 4) == (made[4:], 5)
    assert listed(10, 9) == ([], 5)
    assert listed(10, 0, "even") == (made[::2], 3)
    assert listed(10, 0, "Even") == ([], 0)


def test_metadata_are_merged_replaced_and_cleared(world: World) -> None:
    made = world.create(tags=["t"])

    def patched(**members: Any) -> tuple[Any, ...]:
        after = world.flows.describe(ME, made.id, MetadataPatch(**members))
        assert world.get(made) == after
        return after.tags, after.category, after.status, after.custom

    assert patched(category="c", status="draft", custom={"a": 1, "b": {"x": 1}}) == (
        ("t",), "c", "draft", {"a": 1, "b": {"x": 1}},
    )  # fmt: skip
    assert patched(category="", custom={"b": 2, "a": None}) == (("t",), "c", "draft", {"b": 2})
    assert patched(tags=["u", "u"], status="live") == (("u",), "c", "live", {"b": 2})
    assert patched(clear=frozenset({"category", "custom", "tags"})) == ((), None, "live", {})
    assert world.numbers(made) == [(1, "1.0.0")]
    assert world.update(made, definition=SEED).flow.status == "live"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"category": "x" * 101}, "category"),
        ({"status": "x" * 101}, "status"),
        ({"tags": [""]}, "tags.0"),
        ({"custom": {"a": "x" * 17_000}}, "custom"),
    ],
)
def test_metadata_have_their_rules(world: World, members: dict[str, Any], field: str) -> None:
    made = world.create()
    assert refused(lambda: world.flows.describe(ME, made.id, MetadataPatch(**members))) == [
        ("invalid_value", field)
    ]


def test_searching_combines_conditions(world: World) -> None:
    first = world.create(name="Orders of today", description="Checks RISK", tags=["a", "b"])
    start = world.clock.now()
    world.clock.advance(60)
    second = world.create(name="orders of yesterday", tags=["b", "c"])
    world.flows.describe(ME, second.id, MetadataPatch(category="desk", status="live"))

    def searched(**conditions: Any) -> list[str]:
        found, total = world.flows.list(ME, FlowFilter(**conditions), None, 0)
        assert total == len(found)
        return [each.id for each in found]

    both = [second.id, first.id]
    assert searched() == both
    assert searched(name_contains="ORDERS") == both
    assert searched(name_contains="today") == [first.id]
    assert searched(description_contains="risk") == [first.id]
    assert searched(tags=["a", "x"]) == [first.id]
    assert searched(tags=["b"]) == both
    assert searched(tags=[]) == both
    assert searched(category="desk", status="live") == [second.id]
    assert searched(category="Desk") == []
    assert searched(created_before=start) == [first.id]
    assert searched(created_after=start) == both
    assert searched(created_after=start + timedelta(seconds=1)) == [second.id]
    assert searched(updated_after=start + timedelta(seconds=61)) == []
    assert searched(name_contains="orders", tags=["c"]) == [second.id]
