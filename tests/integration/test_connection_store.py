"""The contract of `ports.sockets.ConnectionStore`, over every home's table (FlowRunner spec i)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Table
from flowker.adapters.stores.connections import LIFE, ItemConnectionStore
from flowker.errors import TicketUsed
from flowker.ports.sockets import Connection, Ticket


@pytest.fixture
def store(table: Table) -> ItemConnectionStore:
    return ItemConnectionStore(table)


def connection(**values: object) -> Connection:
    fresh = Connection(
        id=f"{uuid4()}=",
        execution_id="exec-1",
        account_id="account-1",
        token_id="token-1",
        sent=0,
        expires=2_000,
        connected=1_000,
    )
    return replace(fresh, **values)  # type: ignore[arg-type]


def ticket(**values: object) -> Ticket:
    fresh = Ticket(
        digest=uuid4().hex,
        execution_id="exec-1",
        account_id="account-1",
        token_id="token-1",
        token_expires=2_000,
        expires=1_060,
    )
    return replace(fresh, **values)  # type: ignore[arg-type]


def ids(found: object) -> set[str]:
    return {each.id for each in found}  # type: ignore[attr-defined]


# --- connections -----------------------------------------------------------------------------------------------------


def test_a_connection_is_found_by_its_run_and_its_account(store: ItemConnectionStore) -> None:
    mine, other_run, other_account = (
        connection(),
        connection(execution_id="exec-2"),
        connection(account_id="account-2"),
    )
    for each in (mine, other_run, other_account):
        store.add(each)
    assert ids(store.of_run("exec-1")) == {mine.id, other_account.id}
    assert ids(store.of_account("account-1")) == {mine.id, other_run.id}
    assert mine in store.of_run("exec-1")
    assert store.of_run("exec-3") == store.of_account("account-3") == []


def test_what_is_removed_is_gone_everywhere_and_stays_gone(store: ItemConnectionStore, table: Table) -> None:
    gone, kept = connection(), connection()
    store.add(gone)
    store.add(kept)
    for _ in range(2):
        store.remove([gone.id, "never-there"])
    assert ids(store.of_run("exec-1")) == ids(store.of_account("account-1")) == {kept.id}
    assert ids(store.due(5_000, 10)) == {kept.id}
    assert table.get([keys.connection(gone.id)]) == [None]


def test_noting_what_was_sent_brings_nobody_back(store: ItemConnectionStore) -> None:
    first, gone, last = connection(), connection(), connection(sent=3)
    for each in (first, gone, last):
        store.add(each)
    store.remove([gone.id])
    store.lease("exec-1", "a", now=100, until=130)
    store.release("exec-1", "a", now=101, sent={first.id: 7, gone.id: 7, last.id: 8})
    for _ in range(2):
        assert {each.id: each.sent for each in store.of_run("exec-1")} == {first.id: 7, last.id: 8}
        store.lease("exec-1", "b", now=102, until=132)
        store.release("exec-1", "b", now=103)
    new = connection(sent=5)
    store.add(new)
    assert {each.id: each.sent for each in store.of_run("exec-1")} == {first.id: 7, last.id: 8, new.id: 5}


def test_who_has_lost_its_lease_notes_nothing(store: ItemConnectionStore) -> None:
    socket = connection()
    store.add(socket)
    store.lease("exec-1", "a", now=100, until=130)
    store.lease("exec-1", "b", now=130, until=160)
    store.release("exec-1", "a", now=131, sent={socket.id: 7})
    assert [each.sent for each in store.of_run("exec-1")] == [0]


def test_many_connections_are_noted_and_removed(faithful_table: Table) -> None:
    store = ItemConnectionStore(faithful_table)
    many = [connection() for _ in range(120)]
    for each in many:
        store.add(each)
    store.lease("exec-1", "a", now=100, until=130)
    store.release("exec-1", "a", now=101, sent={each.id: 5 for each in many})
    assert [each.sent for each in store.of_run("exec-1")] == [5] * 120
    store.remove([each.id for each in many])
    assert store.of_run("exec-1") == []


def test_every_item_ends_by_itself(store: ItemConnectionStore, table: Table) -> None:
    new, paper = connection(), ticket()
    store.add(new)
    store.issue(paper)
    found = table.get(
        [
            keys.connection(new.id),
            keys.listener("exec-1", new.id),
            keys.account_socket("account-1", new.id),
            keys.socket_due(2_000, new.id),
            keys.ticket("account-1", paper.digest),
        ]
    )
    assert [each and each["expires_at"] for each in found] == [1_000 + LIFE] * 4 + [1_060]


def test_those_whose_token_has_expired_are_due(store: ItemConnectionStore) -> None:
    early, on_time, later = connection(expires=900), connection(expires=1_000), connection(expires=1_001)
    for each in (early, on_time, later):
        store.add(each)
    assert ids(store.due(1_000, 10)) == {early.id, on_time.id}
    assert store.due(899, 10) == []


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_a_ticket_opens_one_connection(store: ItemConnectionStore) -> None:
    paper, first, second = ticket(), connection(), connection()
    store.issue(paper)
    assert store.ticket("account-1", paper.digest) == paper
    assert store.ticket("account-2", paper.digest) is None
    store.add(first, paper)
    assert store.ticket("account-1", paper.digest) is None
    with pytest.raises(TicketUsed):
        store.add(second, paper)
    assert ids(store.of_run("exec-1")) == {first.id}


def test_of_several_that_use_a_ticket_at_once_one_succeeds(faithful_table: Table) -> None:
    store, paper = ItemConnectionStore(faithful_table), ticket()
    store.issue(paper)

    def use(_: int) -> bool:
        try:
            store.add(connection(), paper)
        except TicketUsed:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]


def test_tickets_are_revoked_for_an_account_or_a_token(store: ItemConnectionStore) -> None:
    mine, of_another_token, of_another_account = (
        ticket(),
        ticket(token_id="token-2"),
        ticket(account_id="account-2"),
    )
    for each in (mine, of_another_token, of_another_account):
        store.issue(each)
    socket = connection()
    store.add(socket)
    store.revoke_tickets("account-1", "token-1")
    assert store.ticket("account-1", mine.digest) is None
    assert store.ticket("account-1", of_another_token.digest) == of_another_token
    store.revoke_tickets("account-1")
    assert store.ticket("account-1", of_another_token.digest) is None
    assert store.ticket("account-2", of_another_account.digest) == of_another_account
    assert ids(store.of_account("account-1")) == {socket.id}


# --- leases ----------------------------------------------------------------------------------------------------------


def test_one_pusher_at_a_time_until_it_lets_go(store: ItemConnectionStore) -> None:
    assert store.lease("exec-1", "a", now=100, until=130)
    assert not store.lease("exec-1", "b", now=101, until=131)
    assert store.lease("exec-2", "b", now=101, until=131)
    store.release("exec-1", "b", now=102)
    assert not store.lease("exec-1", "b", now=103, until=133)
    store.release("exec-1", "a", now=104)
    assert store.lease("exec-1", "b", now=104, until=134)


def test_a_lease_can_be_renewed_and_is_lost_when_its_time_is_over(store: ItemConnectionStore) -> None:
    assert store.lease("exec-1", "a", now=100, until=130)
    assert store.lease("exec-1", "a", now=120, until=150)
    assert not store.lease("exec-1", "b", now=149, until=179)
    assert store.lease("exec-1", "b", now=150, until=180)
    store.release("exec-1", "a", now=151)
    assert not store.lease("exec-1", "a", now=151, until=181)


def test_of_several_that_want_a_lease_one_gets_it(faithful_table: Table) -> None:
    store = ItemConnectionStore(faithful_table)
    for start in (0, 100):  # a new lease, and one that is over
        with ThreadPoolExecutor(4) as pool:
            taken = list(
                pool.map(lambda name, now=start: store.lease("exec-1", name, now=now, until=now + 50), "abcd")
            )
        assert sum(taken) == 1


def test_runs_that_nobody_has_pushed_for_a_while_are_idle_if_somebody_follows_them(
    store: ItemConnectionStore,
) -> None:
    for name in ("never", "lately", "long-ago", "now"):
        store.add(connection(execution_id=name))
    for name, released in (("lately", 2_000), ("long-ago", 1_500), ("unfollowed", 1_500)):
        store.lease(name, "a", now=released, until=released + 30)
        store.release(name, "a", now=released)
    store.lease("now", "a", now=1_990, until=2_020)
    assert store.idle(999) == []
    assert set(store.idle(1_700)) == {"never", "long-ago"}
    assert set(store.idle(2_019)) == {"never", "long-ago", "lately"}
