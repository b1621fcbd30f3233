"""Tell sockets what happens in runs: each one everything, in order, from where it starts (FlowRunner spec i.3 to i.5).

Whoever is woken pushes, but only one at a time for each run. What is left to tell is read from the stores and nowhere else,
so it does not matter how often somebody is woken, by what, or in which order.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowker.errors import StoreUnavailable
from flowker.model.run import EventKind, NumberedEvent
from flowker.model.run_message import is_last, run_message
from flowker.ports import Clock
from flowker.ports.runs import RunStore
from flowker.ports.sockets import Connection, ConnectionStore, Posted, Pusher, Sockets

PAGE = 50
"""Events that are read at a time: their results may be large."""
LEASE_SECONDS = 30
SESSION_SECONDS = 10
"""After so long somebody else goes on: a lease must not be lost to a slow round."""
PAUSE_SECONDS = 0.05
"""For connections that are late."""
YOUNG_SECONDS = 10
"""A connection this young may not be open yet, so nothing follows from its being gone."""
QUIET_SECONDS = 240
"""Then a connection gets a sign of life: gateways and proxies end those that are silent for ten minutes, or sooner."""


@dataclass(slots=True)
class _Plan:
    """What connections lack: their messages, and the number of the last one. `ended` are to be closed after that."""

    messages: dict[str, Sequence[str]] = field(default_factory=dict)
    reach: dict[str, int] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        return not (self.messages or self.ended)


@dataclass(frozen=True, slots=True)
class Pushing:
    """The gateway and the pusher are asked for when they are needed: most runs are followed by nobody."""

    connections: ConnectionStore
    runs: RunStore
    sockets: Callable[[], Sockets]
    pusher: Callable[[], Pusher]
    clock: Clock
    pause: Callable[[float], object] = time.sleep

    def push(self, execution_id: str, holder: str) -> None:
        """Tell every connection to the run what it lacks, unless somebody else is at it: then that one will. A holder never
        pushes beside itself. Raises `StoreUnavailable`: push again."""
        found = self.connections.of_run(execution_id)
        while found and self._lease(execution_id, holder):
            sent: dict[str, int] = {}
            try:
                finished = self._session(execution_id, sent)
            finally:
                self.connections.release(execution_id, holder, self._now(), sent or None)
            if not finished:
                self.pusher().wake(execution_id)
                return
            # Whoever was woken while the lease was held has left already, so its news would wait for ever.
            found = self.connections.of_run(execution_id)
            if self._plan(execution_id, found).empty:
                return

    def keep_alive(self, holder: str) -> int:
        """Repeat the latest `execution_update` to connections that have heard nothing for a while; returns for how many runs.
        Its number is one that they have seen, so they may ignore it."""
        idle = self.connections.idle(self._now() - QUIET_SECONDS)
        return sum(self._repeat(execution_id, holder) for execution_id in idle)

    def _repeat(self, execution_id: str, holder: str) -> bool:
        self.push(execution_id, holder)  # what an earlier pusher may have left
        found = self.connections.of_run(execution_id)
        update = self._latest_update(execution_id, min((each.sent for each in found), default=0))
        if update is None or not self._lease(execution_id, holder):
            return False
        try:
            text = run_message(execution_id, update, repeated=True)
            posted = self.sockets().post({each.id: [text] for each in found})
            self.connections.remove(posted.gone)
        finally:
            self.connections.release(execution_id, holder, self._now())
        return True

    def _latest_update(self, execution_id: str, before: int) -> NumberedEvent | None:
        """The last one up to the event of this number."""
        for end in range(before, 0, -PAGE):
            start = max(end - PAGE, 0)
            page = self.runs.events(execution_id, start, end - start)
            updates = [event for event in page if event.kind is EventKind.UPDATE]
            if updates:
                return updates[-1]
        return None

    def _lease(self, execution_id: str, holder: str) -> bool:
        now = self._now()
        return self.connections.lease(execution_id, holder, now, now + LEASE_SECONDS)

    def _session(self, execution_id: str, sent: dict[str, int]) -> bool:
        """Push until nothing is left, and note in `sent` how far each connection was sent. False if the time is up before.
        Raises `StoreUnavailable` if nobody could be reached in all that time."""
        ends = self._now() + SESSION_SECONDS
        progress = False
        while True:
            found = self.connections.of_run(execution_id)
            current = [replace(each, sent=max(each.sent, sent.get(each.id, 0))) for each in found]
            sent.clear()
            sent |= {each.id: each.sent for each in current}
            plan = self._plan(execution_id, current)
            if plan.empty:
                return True
            if self._now() >= ends:
                if not progress:
                    raise StoreUnavailable("no connection to the execution can be reached")
                return False
            if self._carry_out(plan, current, sent):
                progress = True
            else:
                self.pause(PAUSE_SECONDS)

    def _carry_out(self, plan: _Plan, current: Sequence[Connection], sent: dict[str, int]) -> bool:
        """Post, close, and note it in `sent`. Whether that was any progress."""
        posted = self._posted(plan, current)
        done = {name: last for name, last in plan.reach.items() if name not in posted.late | posted.gone}
        sent |= done
        ended = plan.ended & done.keys()
        if ended:
            self.sockets().close(ended)
        over = ended | posted.gone
        if over:
            self.connections.remove(over)
        for name in over:
            sent.pop(name, None)
        return bool(done or over)

    def _posted(self, plan: _Plan, current: Sequence[Connection]) -> Posted:
        posted = self.sockets().post(plan.messages) if plan.messages else Posted()
        born_before = self._now() - YOUNG_SECONDS
        young = posted.gone & {each.id for each in current if each.connected > born_before}
        return Posted(gone=posted.gone - young, late=posted.late | young)

    def _plan(self, execution_id: str, connections: Sequence[Connection]) -> _Plan:
        """What is to be sent next, at most a page for each connection."""
        plan = _Plan()
        waiting = sorted(connections, key=lambda each: each.sent)
        while waiting:
            # The last event that was sent is read again, as it may be the last one of all.
            page = self.runs.events(execution_id, max(waiting[0].sent - 1, 0), PAGE)
            if not page:
                break
            self._add(plan, execution_id, page, waiting)
            complete = len(page) < PAGE
            waiting = [] if complete else [each for each in waiting if each.sent >= page[-1].sequence]
        return plan

    def _add(
        self,
        plan: _Plan,
        execution_id: str,
        page: Sequence[NumberedEvent],
        waiting: Sequence[Connection],
    ) -> None:
        """Plan what this page holds for those whom it reaches."""
        last, over = page[-1].sequence, is_last(page[-1])
        new = [event for event in page if event.sequence > waiting[0].sent]
        texts = self._texts(execution_id, new)
        for each in waiting:
            if each.sent < last:
                plan.messages[each.id] = [
                    texts[event.sequence] for event in new if event.sequence > each.sent
                ]
            if each.sent < last or (over and each.sent == last):
                plan.reach[each.id] = last
                if over:
                    plan.ended.add(each.id)

    def _texts(self, execution_id: str, events: Sequence[NumberedEvent]) -> Mapping[int, str]:
        paths = [event.value_of for event in events if event.value_of is not None]
        values = self.runs.values(execution_id, paths) if paths else {}
        return {
            event.sequence: run_message(execution_id, event, values.get(event.value_of or ""))
            for event in events
        }

    def _now(self) -> int:
        return int(self.clock.now().timestamp())
