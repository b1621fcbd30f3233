"""What one task sees: values, `shared`, secrets; and what of it must not be written anywhere (FlowRunner spec e.2, f)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from flowker.expressions.scripts.limits import LOG_LINE_BYTES
from flowker.model.exact_json import Json
from flowker.model.graph import NodeKind
from flowker.model.redaction import Redactor
from flowker.model.run import FlowStep, Known
from flowker.nodes.flow.base import Line
from flowker.ports.runs import RunState
from flowker.usecases.flow_plans import FlowPlan
from flowker.usecases.flow_worker.context import Values, pointers, scope
from flowker.usecases.flow_worker.task import FlowTask, Phase
from flowker.usecases.flow_worker.tools import FlowTools

_LARGEST = 4
"""Bytes of a character: so much shorter a text may be that was cut in the middle of one."""


class FlowScope:
    """Reads on first use, everything at once."""

    def __init__(
        self, tools: FlowTools, plan: FlowPlan, task: FlowTask, state: RunState, known: Known
    ) -> None:
        self._tools = tools
        self._plan = plan
        self._task = task
        self._state = state
        self._known = known
        self._merged: Mapping[str, Json] | None = None
        self._node = plan.nodes[task.node]
        self._reads = plan.reads(self._node)
        self.values = Values.of(tools.store, state)

    def know(self, known: Known, shared: Mapping[str, Json] | None) -> None:
        """From now on this is known, with a `shared` that is not stored yet."""
        self._known, self._merged = known, shared

    def names(self) -> dict[str, Any]:
        """All names of the scope."""
        known = self._shared_in_order()
        self.values.need(pointers(known, self._reads.results))
        found = scope(known, self.values, self._reads.results, self._around)
        if self._merged is not None:
            found["shared"] = dict(self._merged)
        wanted = self._reads.secrets
        found["secrets"] = {
            name: value for name, value in self._secrets.items() if wanted is None or name in wanted
        }
        return found

    def _shared_in_order(self) -> Known:
        """Items that come one after the other see what those before have left in `shared`."""
        before = self.item_before
        return (
            self._known if before is None else self._known.model_copy(update={"shared": before.known.shared})
        )

    @property
    def _around(self) -> Mapping[str, Json]:
        execution, launch = self._state.execution, self._state.execution.launch
        found: dict[str, Json] = {
            "execution": {
                "id": execution.id,
                "flow_id": launch.workflow_id,
                "account_id": launch.account_id,
                "started_at": execution.started_at,
            },
            "flow": {"id": launch.workflow_id, **self._plan.about},
        }
        return found if self._task.item is None else {**found, "item": self.item, "index": self._task.item}

    @property
    def item(self) -> Json:
        """The item that the task is about."""
        expanded = self._task.expanded
        if expanded is None or self._task.item is None:
            return None
        kept: Mapping[str, Any] = self._state.steps[expanded].state
        return kept["items"][self._task.item]

    @cached_property
    def item_before(self) -> FlowStep | None:
        """What the item before has left, where items come one after the other and each takes one step."""
        index = self._task.item
        serial = (self._node.settings.get("batch") or {}).get("strategy", "serial") in ("serial", "async")
        if not index or not serial or self._task.phase is not Phase.ITEM:
            return None
        path = self._task.path.rsplit(".", 2)[0] + f".{index - 1}.1"
        self.values.need({path})
        return self.values.steps.get(path)

    @cached_property
    def _secrets(self) -> Mapping[str, str]:
        """Those that the flow names, if this node could see one: it names some, or asks somebody outside who might tell."""
        named = self._plan.secrets
        asks = self._node.type is NodeKind.EXECUTOR
        if named == frozenset() or not (asks or self._reads.secrets is None or self._reads.secrets):
            return {}
        account_id = self._state.execution.launch.account_id or ""
        return self._tools.secrets.values(account_id, None if named is None else sorted(named))

    @cached_property
    def redactor(self) -> Redactor:
        """Of the secrets that this node could see."""
        return Redactor(list(self._secrets.values()))

    def redacted(self, value: Json) -> Json:
        return self.redactor.json(value)

    def said(self, text: str) -> str:
        """A redacted text of a log or an error. What scripts say is cut where no secret is known, so that half of one may be
        at its end."""
        cut = len(text.encode(errors="replace")) > LOG_LINE_BYTES - _LARGEST
        return self.redactor.beginning(text) if cut else self.redactor.text(text)

    def redacted_lines(self, lines: Sequence[Line]) -> Sequence[Line]:
        return [
            Line(line.level, self.said(line.message), line.data and self.redacted(dict(line.data)))
            for line in lines
        ]
