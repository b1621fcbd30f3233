"""What the store tests store, and tables that count requests or let somebody else in between two of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters.items import Item, Key, Query, Table, Write
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome, Step, StepStatus
from flowker.model.executor_configuration import ExecutorConfiguration, ExecutorConfigurationStatus
from flowker.model.graph import Edge, Graph, Node, NodeKind
from flowker.model.page import Cursor, Page, PageQuery
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.model.workflow import Launch, WebhookRoute, Workflow, WorkflowStatus

BOTH_DIRECTIONS = pytest.mark.parametrize("ascending", [True, False])

GRAPH = Graph(
    nodes=(
        Node(
            id="start",
            type=NodeKind.TRIGGER,
            data={"triggerType": "webhook", "path": "/in", "method": "POST"},
        ),
        Node(id="check", type=NodeKind.CONDITIONAL, name="Check", data={"condition": "workflow.amount > 10"}),
    ),
    edges=(Edge(id="e1", source="start", target="check", sourceHandle="true", condition="1 == 1"),),
)


def instant(number: int) -> str:
    """Instants in a row, one millisecond apart."""
    return f"2026-03-01T10:{number // 60_000:02d}:{number // 1000 % 60:02d}.{number % 1000:03d}Z"


def workflow(**values: Any) -> Workflow:
    workflow_id = str(uuid4())
    defaults = {
        "id": workflow_id,
        "name": f"workflow {workflow_id}",
        "status": WorkflowStatus.DRAFT,
        "created_at": instant(0),
        "updated_at": instant(0),
        "graph": GRAPH,
    }
    return Workflow.model_validate(defaults | values)


def launch(workflow_id: str) -> Launch:
    return Launch(
        workflow_id=workflow_id, revision="ab" * 32, machine="machine-1", total_steps=3, entry="start"
    )


def route(workflow_id: str, path: str, method: str = "POST", **values: Any) -> WebhookRoute:
    return WebhookRoute.model_validate(
        {
            "method": method,
            "path": path,
            "token_digest": "cd" * 32,
            "launch": launch(workflow_id),
        }
        | values
    )


def configuration(**values: Any) -> ProviderConfiguration:
    configuration_id = str(uuid4())
    defaults = {
        "id": configuration_id,
        "name": f"provider {configuration_id}",
        "provider_id": "http",
        "config": {"base_url": "https://provider.example", "api_key": "hunter2-hunter2"},
        "status": ProviderConfigurationStatus.ACTIVE,
        "created_at": instant(0),
        "updated_at": instant(0),
    }
    return ProviderConfiguration.model_validate(defaults | values)


def executor_configuration(**values: Any) -> ExecutorConfiguration:
    configuration_id = str(uuid4())
    defaults = {
        "id": configuration_id,
        "name": f"executor {configuration_id}",
        "base_url": "https://executor.example",
        "endpoints": [{"name": "score", "path": "/score", "method": "POST", "timeout": 30}],
        "authentication": {"type": "bearer", "config": {"token": "hunter2-hunter2"}},
        "status": ExecutorConfigurationStatus.CONFIGURED,
        "created_at": instant(0),
        "updated_at": instant(0),
    }
    return ExecutorConfiguration.model_validate(defaults | values)


def execution(workflow_id: str | None = None, **values: Any) -> Execution:
    defaults = {
        "id": str(uuid4()),
        "launch": launch(workflow_id or str(uuid4())),
        "status": ExecutionStatus.PENDING,
        "started_at": instant(0),
    }
    return Execution.model_validate(defaults | values)


def claim(execution: Execution, key: str | None = None) -> Claim:
    return Claim(key=key or f"key {uuid4()}", fingerprint="ef" * 32, execution_id=execution.id)


def step(node_id: str, **values: Any) -> Step:
    defaults = {
        "node_id": node_id,
        "name": f"Step {node_id}",
        "status": StepStatus.COMPLETED,
        "executed_at": instant(5),
        "duration_ms": 7,
    }
    return Step.model_validate(defaults | values)


def failure(number: int = 9) -> Outcome:
    return Outcome(
        at=instant(number),
        error_message='node "check": it broke',
        error_code="FLK-0504",
        failed_node_id="check",
    )


def pages(list_page: Callable[[PageQuery], Page[Any]], query: PageQuery) -> Iterator[Page[Any]]:
    """Walk a list from page to page, as a client would: only the text of the cursor survives between them."""
    while True:
        page = list_page(query)
        assert len(page.items) <= query.limit
        yield page
        if page.next_cursor is None:
            return
        cursor = Cursor.decode(page.next_cursor.encode())
        query = PageQuery(query.limit, query.sort_by, query.ascending, cursor, query.where)


def listed(list_page: Callable[[PageQuery], Page[Any]], query: PageQuery) -> list[str]:
    """The ids on all pages."""
    return [each.id for page in pages(list_page, query) for each in page.items]


def in_order(things: Iterable[Any], key: Callable[[Any], Any], ascending: bool) -> list[str]:
    """The ids of these things, sorted by a key, ties by id in the same direction."""
    return [each.id for each in sorted(things, key=lambda each: (key(each), each.id), reverse=not ascending)]


class WatchedTable:
    """Another table, which counts the requests it gets and how many keys and writes they name."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.gets: list[int] = []
        self.queries: list[Query] = []
        self.writes: list[int] = []

    @property
    def requests(self) -> tuple[int, int, int]:
        """Gets, queries and writes so far."""
        return len(self.gets), len(self.queries), len(self.writes)

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        self.gets.append(len(keys))
        return self._table.get(keys)

    def query(self, query: Query) -> list[Item]:
        self.queries.append(query)
        return self._table.query(query)

    def write(self, writes: Sequence[Write]) -> None:
        self.writes.append(len(writes))
        self._table.write(writes)


class GatheringTable:
    """Another table, whose writes are gathered and then sent a hundred at a time: many things are stored quickly."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._gathered: list[Write] = []

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        return self._table.get(keys)

    def query(self, query: Query) -> list[Item]:
        return self._table.query(query)

    def write(self, writes: Sequence[Write]) -> None:
        self._gathered += writes

    def flush(self) -> None:
        for start in range(0, len(self._gathered), 100):
            self._table.write(self._gathered[start : start + 100])


class InterruptedTable:
    """Another table; somebody else comes in after a read or before a write, as often as there is something to do."""

    def __init__(
        self,
        table: Table,
        after_get: Sequence[Callable[[], object]] = (),
        after_query: Sequence[Callable[[], object]] = (),
        before_write: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._table = table
        self._after_get = list(after_get)
        self._after_query = list(after_query)
        self._before_write = list(before_write)

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        found = self._table.get(keys)
        if self._after_get:
            self._after_get.pop(0)()
        return found

    def query(self, query: Query) -> list[Item]:
        found = self._table.query(query)
        if self._after_query:
            self._after_query.pop(0)()
        return found

    def write(self, writes: Sequence[Write]) -> None:
        if self._before_write:
            self._before_write.pop(0)()
        self._table.write(writes)
