"""Runs of flows: their executions, steps, events and signals, and the key/value store of each account (FlowRunner spec h, i).

They are no part of the lists and the counts of executions of workflows: their items are in partitions of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flowker.adapters import keys
from flowker.adapters.items import (
    Blobs,
    Check,
    Condition,
    ConditionFailed,
    Item,
    Key,
    Put,
    Query,
    Scalar,
    Table,
    Update,
    Write,
)
from flowker.adapters.stores import entries, listing, run_expiry, run_items, run_signals
from flowker.adapters.stores.executions import check_unclaimed, execution_of, not_found
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.payloads import Payloads
from flowker.adapters.stores.record import item, known, read
from flowker.model.audit import AuditEvent
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome
from flowker.model.page import Page, PageQuery
from flowker.model.run import START, Entry, FlowStep, NumberedEvent, RunEvent, ending
from flowker.ports import AlreadyRecorded, ExecutionEnded, History, IdempotencyKeyTaken
from flowker.ports.runs import EntryChanged, Recording, RunState, Signal, SignalAwaited

_SHOWN = {"flow_id": "workflow_id", "status": "run_status"}
"""What users filter by, and the attributes that hold it."""


@dataclass(frozen=True, slots=True)
class ItemRunStore:
    """`ports.runs.RunStore` over a table. Runs are kept for so many seconds."""

    table: Table
    blobs: Blobs
    kept: int = int(timedelta(days=30).total_seconds())

    # --- executions -------------------------------------------------------------------------------------------------

    def start(
        self,
        execution: Execution,
        data: Json,
        claim: Claim | None,
        events: Sequence[RunEvent],
        audit: Sequence[AuditEvent] = (),
        node: tuple[str, str] | None = None,
        waited: bool = True,
    ) -> Execution:
        expires, payloads = run_items.expiry(execution, self.kept), Payloads(self.blobs)
        meta = run_items.meta_item(execution, len(events), node, expires)
        key = keys.execution_input(execution.id)
        body = payloads.attributes(key, data, first=lambda: check_unclaimed(self.table, claim))
        given = item(key, expires_at=expires, **body)
        writes: list[Write] = [Put(keys.EXECUTIONS, meta), Put(keys.EXECUTIONS, given)]
        if events:
            writes.append(run_items.events_put(execution.id, 0, events, payloads, expires))
        if execution.parent is not None:
            child = item(keys.run_child(execution.parent, execution.id), waited=waited, expires_at=expires)
            writes += [
                Check(keys.execution(execution.parent), Condition(one_of={"status": run_items.UNENDED})),
                Put(keys.EXECUTIONS, child),
            ]
        if claim is not None:
            writes.insert(0, Put(keys.EXECUTIONS, run_items.claim_item(claim, expires)))
        return self._start(execution, claim, [*writes, *announcing(execution.id, audit)])

    def _start(self, execution: Execution, claim: Claim | None, writes: Sequence[Write]) -> Execution:
        try:
            self.table.write(writes)
        except ConditionFailed as refusal:
            if isinstance(writes[refusal.index], Check):
                raise ExecutionEnded(execution.parent) from refusal
            if refusal.index > 0 or refusal.item is None:
                raise
            stored = known(refusal.item)
            if claim is None:
                return execution_of(stored)  # this very run, started before
            if stored["execution_id"] != execution.id:
                raise IdempotencyKeyTaken(Claim.model_validate(stored)) from refusal
        return execution

    def add(
        self, execution: Execution, data: Json, claim: Claim | None, audit: Sequence[AuditEvent] = ()
    ) -> None:
        self.start(execution, data, claim, (), audit)

    def claim(self, key: str) -> Claim | None:
        (stored,) = read(self.table, [keys.idempotency(key)])
        return Claim.model_validate(stored) if stored else None

    def get(self, execution_id: str) -> Execution:
        return execution_of(self._meta(execution_id))

    def _meta(self, execution_id: str) -> Item:
        (stored,) = read(self.table, [keys.execution(execution_id)])
        if stored is None or "account_id" not in stored:  # an execution of a workflow is no run
            raise not_found(execution_id)
        return stored

    def history(self, execution_id: str) -> History:
        """Its steps are told by `steps`."""
        state = self.load(execution_id, ())
        return History(state.execution, state.input, {})

    def began(self, execution_id: str) -> str | None:
        (step,) = read(self.table, [keys.run_step(execution_id, "1")])
        return str(step["started_at"]) if step else None

    def list(self, query: PageQuery) -> Page[Execution]:
        """Unfinished runs by their start; nothing else is asked for."""
        where = dict(query.where)
        stretch = listing.Stretch(keys.EXECUTIONS, "by_completed", keys.run_shards(), keys.OPEN)
        found, next_cursor = listing.rows(self.table, [stretch], query, where)
        stored = read(self.table, (row.key for row in found))
        passing = [each for each in stored if each and listing.still_passes(each, where)]
        return Page([execution_of(each) for each in passing], next_cursor)

    def of_account(
        self, account_id: str, where: Mapping[str, Sequence[str]], limit: int, offset: int
    ) -> tuple[Sequence[Execution], int]:
        """Reads the whole index of the account: that is what an exact total takes."""
        query = Query(
            keys.EXECUTIONS,
            keys.runs_of(account_id),
            "by_workflow_started",
            forward=False,
            where={_SHOWN[name]: values for name, values in where.items()},
        )
        found = self.table.query(query)
        shown = found[offset : offset + limit]
        page = [Key(keys.EXECUTIONS, str(row["pk"]), str(row["sk"])) for row in shown]
        return [execution_of(each) for each in read(self.table, page) if each], len(found)

    def hand_over(self, execution_id: str, at: str) -> None:
        pending = Condition(equals={"status": ExecutionStatus.PENDING.value})
        try:
            self.table.write([Update(keys.execution(execution_id), set={"handed_over": at}, when=pending)])
        except ConditionFailed:
            return  # it has a step already, or has ended

    def finish(self, execution_id: str, outcome: Outcome, audit: Sequence[AuditEvent] = ()) -> bool:
        while not ExecutionStatus(str((meta := self._meta(execution_id))["status"])).terminal:
            state = run_items.state_of(meta, None, {})
            events = ending(outcome, state.node_id, state.node_type)
            changes = run_items.ended(execution_id, outcome, None)
            try:
                self.table.write([*self._telling(meta, events, changes), *announcing(execution_id, audit)])
            except ConditionFailed:
                continue  # it went on meanwhile
            return True
        return False

    def children(self, execution_id: str) -> Sequence[str]:
        pk = keys.execution(execution_id).pk
        found = self.table.query(Query(keys.EXECUTIONS, pk, prefix=keys.CHILDREN))
        return [str(each["sk"]).removeprefix(keys.CHILDREN) for each in found if each["waited"]]

    def forget(self, now: int) -> int:
        return run_expiry.forget(self.table, self.blobs, now)

    def forget_account(self, account_id: str, ended_before: str) -> bool:
        return run_expiry.forget_account(self.table, self.blobs, account_id, ended_before)

    # --- steps and events -------------------------------------------------------------------------------------------

    def load(self, execution_id: str, paths: Sequence[str]) -> RunState:
        """Raises `ValueError` for more than 98 steps."""
        own = [keys.execution(execution_id), keys.execution_input(execution_id)]
        wanted = dict.fromkeys(path for path in paths if path != START)
        found = [
            stored and known(stored)
            for stored in self.table.get([*own, *(keys.run_step(execution_id, path) for path in wanted)])
        ]
        meta, data = found[:2]
        if meta is None or data is None or "account_id" not in meta:
            raise not_found(execution_id)
        payloads = Payloads(self.blobs)
        steps = [run_items.step_of(each, payloads) for each in found[2:] if each]
        return run_items.state_of(meta, payloads.value(data), {step.path: step for step in steps})

    def steps(self, execution_id: str, paths: Sequence[str]) -> Mapping[str, FlowStep]:
        wanted = [keys.run_step(execution_id, path) for path in dict.fromkeys(paths)]
        payloads = Payloads(self.blobs)
        found = [run_items.step_of(each, payloads) for each in read(self.table, wanted) if each]
        return {step.path: step for step in found}

    def values(self, execution_id: str, paths: Sequence[str]) -> Mapping[str, Json]:
        found: dict[str, Json] = {
            path: step.value
            for path, step in self.steps(execution_id, [path for path in paths if path != START]).items()
        }
        if START in paths:
            (data,) = read(self.table, [keys.execution_input(execution_id)])
            if data is None:
                raise not_found(execution_id)
            found[START] = Payloads(self.blobs).value(data)
        return found

    def record(self, state: RunState, recording: Recording) -> None:
        execution = state.execution
        expires = run_items.expiry(execution, self.kept)
        first, *others = [
            run_items.step_put(execution.id, step, Payloads(self.blobs), expires) for step in recording.steps
        ]
        account = execution.launch.account_id or ""
        changed = entries.writes(self.table, self.blobs, account, recording.changes)
        beside = [
            *others,
            *run_signals.writes(execution.id, recording, expires),
            *announcing(execution.id, recording.audit),
        ]
        meta = run_items.assumed(state, expires)
        while True:
            changes = run_items.progress(execution.id, recording)
            told = self._telling(meta, recording.events, changes, recorded=len(recording.steps))
            try:
                self.table.write([first, *told, *changed, *beside])
            except ConditionFailed as refusal:
                if refusal.index == 0:
                    raise AlreadyRecorded(f"{execution.id}: {recording.steps[0].path}") from refusal
                if refusal.index < 1 + len(told):
                    meta = run_items.meanwhile(execution.id, self._meta(execution.id))
                elif recording.awaits is not None:
                    raise SignalAwaited(recording.awaits) from refusal
                else:
                    raise EntryChanged from refusal
            else:
                return

    def tell(self, execution_id: str, events: Sequence[RunEvent]) -> None:
        while True:
            meta = run_items.meanwhile(execution_id, self._meta(execution_id))
            try:
                self.table.write(self._telling(meta, events, {}))
            except ConditionFailed:
                continue
            return

    def _telling(
        self, meta: Item, events: Sequence[RunEvent], changes: Mapping[str, Scalar], recorded: int = 0
    ) -> Sequence[Write]:
        """Change META if it is what was read, and store the events under the next numbers."""
        execution_id, before = str(meta["id"]), int(meta["events"])
        after = {**changes, "events": before + len(events)}
        add = {"recorded": recorded} if recorded else {}
        change = Update(keys.execution(execution_id), after, add, when=run_items.still(meta))
        if not events:
            return [change]
        payloads, expires = Payloads(self.blobs), int(meta["expires_at"])
        return [change, run_items.events_put(execution_id, before, events, payloads, expires)]

    def events(self, execution_id: str, after: int, limit: int | None = None) -> Sequence[NumberedEvent]:
        pk = keys.execution(execution_id).pk
        first, last = keys.event(execution_id, after).sk, f"{keys.EVENTS}~"
        query = Query(keys.EXECUTIONS, pk, after=first, before=last, limit=limit)
        payloads = Payloads(self.blobs)
        found = [
            event for each in self.table.query(query) for event in run_items.events_of(known(each), payloads)
        ]
        return [event for event in found if event.sequence > after][:limit]

    # --- signals ----------------------------------------------------------------------------------------------------

    def signal(self, execution_id: str, key: str) -> Signal | None:
        return run_signals.signal(self.table, Payloads(self.blobs), execution_id, key)

    def listen(self, execution_id: str, key: str, path: str, token: str) -> Signal | None:
        return run_signals.listen(self.table, Payloads(self.blobs), execution_id, key, path, token)

    def hear(
        self, execution_id: str, key: str, body: Json, audit: Sequence[AuditEvent] = ()
    ) -> Signal | None:
        return run_signals.hear(self.table, Payloads(self.blobs), execution_id, key, body, audit)

    # --- key/value store --------------------------------------------------------------------------------------------

    def entry(self, account_id: str, key: str) -> Entry | None:
        return entries.entry(self.table, Payloads(self.blobs), account_id, key)

    def entries(
        self, account_id: str, *, after: str | None = None, limit: int | None = None, values: bool = True
    ) -> Sequence[Entry]:
        return entries.entries(self.table, Payloads(self.blobs), account_id, after, limit, values)

    def delete_entries(self, account_id: str) -> None:
        entries.delete_all(self.table, account_id)
