"""The contract of `ports.accounts`, over every home's table (FlowRunner spec b, f)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Put, Query, Table
from flowker.adapters.stores.accounts import ItemAccountStore
from flowker.adapters.stores.attempts import ItemAttempts
from flowker.adapters.stores.outbox import notice_of
from flowker.adapters.stores.record import item
from flowker.adapters.stores.secrets import ItemSecrets
from flowker.errors import AccountNotFound, ChangedConcurrently, EmailTaken, LastAdmin, SecretNotFound
from flowker.model.account import Account, Role
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.instant import moment
from flowker_local.key_file import KeyFileCipher
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import PlainCipher

AT = "2026-03-01T10:00:00.000Z"
LATER = "2026-03-01T11:00:00.000Z"


@pytest.fixture
def store(table: Table) -> ItemAccountStore:
    return ItemAccountStore(table)


@pytest.fixture
def secrets(table: Table) -> ItemSecrets:
    return ItemSecrets(table, PlainCipher())


def account(role: Role = Role.USER, email: str = "", created: str = AT) -> Account:
    name = str(uuid4())
    return Account(
        id=f"account-{name}",
        name="Somebody",
        email=email or f"{name}@example.com",
        role=role,
        password="hash",
        created_at=created,
        updated_at=created,
    )


def added(store: ItemAccountStore, role: Role = Role.USER, email: str = "", created: str = AT) -> Account:
    new = account(role, email, created)
    store.add(new)
    return new


def event(kind: EventType, about: str) -> AuditEvent:
    return happened(kind, about, id=str(uuid4()), at=moment(AT))


def announced(table: Table, about: str) -> list[EventType]:
    waiting = table.query(Query(keys.EXECUTIONS, keys.outbox(about, AT, "").pk))
    notices = [notice_of(each) for each in waiting]
    return [each.type for notice in notices for each in notice.events if each.resource_id == about]


def test_an_account_is_found_by_its_id_and_by_its_address_in_any_letter_case(store: ItemAccountStore) -> None:
    new = added(store, email="Straße@Example.com")
    assert store.get(new.id) == new
    assert store.by_email("STRASSE@example.COM") == new
    assert store.by_email("nobody@example.com") is None
    with pytest.raises(AccountNotFound):
        store.get("account-unknown")


def test_an_address_is_given_once(store: ItemAccountStore) -> None:
    added(store, email="a@example.com")
    other = added(store)
    with pytest.raises(EmailTaken):
        store.add(account(email="A@Example.com"))
    with pytest.raises(EmailTaken):
        store.replace(other, other.model_copy(update={"email": "A@example.com"}))


def test_a_changed_address_is_free_again(store: ItemAccountStore) -> None:
    before = added(store, email="a@example.com")
    store.replace(before, before.model_copy(update={"email": "b@example.com"}))
    assert store.by_email("a@example.com") is None
    found = store.by_email("b@example.com")
    assert found is not None
    assert (found.id, found.version) == (before.id, 2)
    added(store, email="a@example.com")


def test_a_change_of_what_was_read_long_ago_is_refused(store: ItemAccountStore) -> None:
    before = added(store)
    store.replace(before, before.model_copy(update={"name": "First"}))
    with pytest.raises(ChangedConcurrently):
        store.replace(before, before.model_copy(update={"name": "Second"}))
    with pytest.raises(ChangedConcurrently):
        store.delete(before, AT)
    assert store.get(before.id).name == "First"


def test_the_first_admin_is_made_once(store: ItemAccountStore) -> None:
    assert store.add_first(account(Role.ADMIN))
    assert not store.add_first(account(Role.ADMIN))
    assert store.list(Role.ADMIN, 10, 0)[1] == 1


def test_no_first_admin_is_made_where_there_is_one(store: ItemAccountStore) -> None:
    added(store, Role.ADMIN)
    assert not store.add_first(account(Role.ADMIN))


def test_the_last_admin_stays_one(store: ItemAccountStore) -> None:
    first, second = added(store, Role.ADMIN), added(store, Role.ADMIN)
    store.replace(second, second.model_copy(update={"role": Role.USER}))
    with pytest.raises(LastAdmin):
        store.replace(first, first.model_copy(update={"role": Role.USER}))
    with pytest.raises(LastAdmin):
        store.delete(first, AT)
    second = store.get(second.id)
    store.replace(second, second.model_copy(update={"role": Role.ADMIN}))
    store.delete(first, AT)
    with pytest.raises(LastAdmin):
        store.delete(store.get(second.id), AT)


def test_admins_who_leave_at_the_same_time_leave_one_behind(sqlite_table: SqliteTable) -> None:
    store = ItemAccountStore(sqlite_table)
    admins = [added(store, Role.ADMIN) for _ in range(8)]

    def leave(each: Account) -> bool:
        try:
            store.delete(each, AT)
        except LastAdmin:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(leave, admins)) == 7
    assert store.list(Role.ADMIN, 10, 0)[1] == 1


def test_what_is_deleted_is_gone_and_remembered_until_it_is_forgotten(store: ItemAccountStore) -> None:
    gone = added(store, email="a@example.com")
    store.delete(gone, AT)
    with pytest.raises(AccountNotFound):
        store.get(gone.id)
    assert store.by_email("a@example.com") is None
    assert store.list(None, 10, 0) == ([], 0)
    assert store.departed(AT, 10) == []
    assert store.departed(LATER, 10) == [gone.id]
    store.forget(gone.id)
    store.forget(gone.id)
    assert store.departed(LATER, 10) == []
    added(store, email="a@example.com")


def test_lists_have_the_oldest_first_and_a_total(store: ItemAccountStore) -> None:
    second = added(store, created="2026-03-02T10:00:00.000Z")
    first = added(store, Role.ADMIN, created="2026-03-01T10:00:00.000Z")
    third = added(store, created="2026-03-03T10:00:00.000Z")
    assert store.list(None, 2, 0) == ([first, second], 3)
    assert store.list(None, 2, 2) == ([third], 3)
    assert store.list(None, 10, 10**17) == ([], 3)
    assert store.list(Role.USER, 10, 0) == ([second, third], 2)


def test_a_revoked_token_finds_no_account(store: ItemAccountStore) -> None:
    new = added(store)
    assert store.for_token(new.id, "token-1") == new
    assert store.revoke("token-1", 2_000_000_000)
    assert not store.revoke("token-1", 2_000_000_000)
    assert store.for_token(new.id, "token-1") is None
    assert store.for_token(new.id, "token-2") == new
    assert store.for_token("account-unknown", "token-2") is None


def test_what_is_done_to_an_account_is_announced_with_it(table: Table, store: ItemAccountStore) -> None:
    new = account()
    store.add(new, [event(EventType.ACCOUNT_CREATED, new.id)])
    store.replace(new, new, [event(EventType.ACCOUNT_UPDATED, new.id)])
    store.revoke("token-1", 2_000_000_000, [event(EventType.SESSION_DELETED, new.id)])
    store.delete(store.get(new.id), AT, [event(EventType.ACCOUNT_DELETED, new.id)])
    assert sorted(announced(table, new.id)) == [
        EventType.ACCOUNT_CREATED,
        EventType.ACCOUNT_DELETED,
        EventType.ACCOUNT_UPDATED,
        EventType.SESSION_DELETED,
    ]


def test_attempts_are_counted_in_their_window(table: Table) -> None:
    attempts = ItemAttempts(table)
    assert attempts.seen(["a", "b"], 7) == [0, 0]
    attempts.note(["a", "b"], 7, 2_000_000_000)
    attempts.note(["a"], 7, 2_000_000_000)
    assert attempts.seen(["a", "b"], 7) == [2, 1]
    assert attempts.seen(["a", "b"], 8) == [0, 0]


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "s3cret", 'multi\nline {"json": "ünï✓"}', "x" * 65_536], ids=len)
def test_a_secret_opens_for_its_account_and_key(secrets: ItemSecrets, value: str) -> None:
    assert secrets.put("account-1", "key-with.special_chars@domain.com", value, AT)[1]
    assert secrets.values("account-1", None) == {"key-with.special_chars@domain.com": value}
    assert secrets.values("account-1", ["key-with.special_chars@domain.com", "other"]) == {
        "key-with.special_chars@domain.com": value
    }
    assert secrets.values("account-2", None) == {}


def test_replacing_keeps_when_it_was_created(secrets: ItemSecrets) -> None:
    first, new = secrets.put("account-1", "KEY", "one", AT)
    second, newer = secrets.put("account-1", "KEY", "two", LATER)
    assert (new, newer) == (True, False)
    assert (second.created_at, second.updated_at) == (AT, LATER)
    assert secrets.head("account-1", "KEY") == second != first
    assert secrets.values("account-1", ["KEY"]) == {"KEY": "two"}


def test_heads_are_sorted_by_key_and_are_those_of_the_account(secrets: ItemSecrets) -> None:
    for key in ("b", "a", "B"):
        secrets.put("account-1", key, "v", AT)
    secrets.put("account-2", "c", "v", AT)
    assert [head.key for head in secrets.heads("account-1")] == ["B", "a", "b"]
    assert secrets.heads("account-3") == []


def test_a_deleted_secret_is_gone_with_its_value(table: Table, secrets: ItemSecrets) -> None:
    secrets.put("account-1", "KEY", "v", AT)
    secrets.delete("account-1", "KEY")
    with pytest.raises(SecretNotFound):
        secrets.head("account-1", "KEY")
    with pytest.raises(SecretNotFound):
        secrets.delete("account-1", "KEY")
    assert table.query(Query(keys.DEFINITIONS, keys.account("account-1").pk)) == []


def test_all_secrets_of_an_account_can_be_deleted(secrets: ItemSecrets) -> None:
    for number in range(60):
        secrets.put("account-1", f"KEY{number}", "v", AT)
    secrets.put("account-2", "KEY", "v", AT)
    secrets.delete_all("account-1")
    secrets.delete_all("account-1")
    assert (secrets.heads("account-1"), secrets.values("account-1", None)) == ([], {})
    assert secrets.values("account-2", None) == {"KEY": "v"}


def test_what_happened_is_told_as_it_happened(table: Table, secrets: ItemSecrets) -> None:
    for _ in range(2):
        secrets.put(
            "account-1",
            "KEY",
            "v",
            AT,
            [event(EventType.SECRET_CREATED, "account-1")],
            [event(EventType.SECRET_UPDATED, "account-1")],
        )
    secrets.delete("account-1", "KEY", [event(EventType.SECRET_DELETED, "account-1")])
    assert sorted(announced(table, "account-1")) == [
        EventType.SECRET_CREATED,
        EventType.SECRET_DELETED,
        EventType.SECRET_UPDATED,
    ]


def stored(table: Table, key: str) -> str:
    found = table.get([keys.secret_value("account-1", key)])[0]
    assert found
    return str(found["sealed"])


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "key"


def test_no_value_is_stored_as_it_is_and_none_can_take_the_place_of_another(
    table: Table, key_file: Path
) -> None:
    secrets = ItemSecrets(table, KeyFileCipher(key_file))
    for account_id, key in (("account-1", "A"), ("account-1", "B"), ("account-2", "A")):
        secrets.put(account_id, key, f"value of {account_id} {key}", AT)
    items = table.query(Query(keys.DEFINITIONS, keys.account("account-1").pk))
    assert "value of" not in str(items)
    for account_id, key in (("account-1", "B"), ("account-2", "A")):
        moved = item(keys.secret_value(account_id, key), sealed=stored(table, "A"))
        table.write([Put(keys.DEFINITIONS, moved, None)])
        with pytest.raises(ValueError, match="sealed for another"):
            secrets.values(account_id, [key])


def test_after_the_key_was_rotated_old_values_open_and_are_sealed_anew_once_they_are_read(
    table: Table, key_file: Path
) -> None:
    ItemSecrets(table, KeyFileCipher(key_file)).put("account-1", "READ", "one", AT)
    ItemSecrets(table, KeyFileCipher(key_file)).put("account-1", "WRITTEN", "two", AT)
    before = {key: stored(table, key) for key in ("READ", "WRITTEN")}
    with key_file.open("ab") as file:
        file.write(bytes(range(32)))
    secrets = ItemSecrets(table, KeyFileCipher(key_file))
    assert secrets.values("account-1", ["READ"]) == {"READ": "one"}
    secrets.put("account-1", "WRITTEN", "three", LATER)
    for key, value in before.items():
        assert stored(table, key) != value
    again = {key: stored(table, key) for key in before}
    assert secrets.values("account-1", None) == {"READ": "one", "WRITTEN": "three"}
    assert {key: stored(table, key) for key in before} == again

    key_file.write_bytes(bytes(range(32)))  # nobody needs the old key any more
    assert ItemSecrets(table, KeyFileCipher(key_file)).values("account-1", None) == {
        "READ": "one",
        "WRITTEN": "three",
    }
