"""Secrets as items: what can be known of one, and beside it its value, sealed for its account and its key (FlowRunner
spec f)."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import (
    Cipher,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    Update,
)
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.record import SCHEMA, Guarded, item, known, read, write
from flowker.errors import ChangedConcurrently, SecretNotFound
from flowker.model.account import SecretHead
from flowker.model.audit import AuditEvent

TRIES = 3
"""Of a value to be the one that is stored, while others store theirs; and the last one wins."""
BATCH = 50
"""Secrets that one transaction deletes: each is two items."""


@dataclass(frozen=True, slots=True)
class ItemSecrets:
    """`ports.accounts.Secrets` over a table."""

    table: Table
    cipher: Cipher

    def put(
        self,
        account_id: str,
        key: str,
        value: str,
        at: str,
        created: Sequence[AuditEvent] = (),
        replaced: Sequence[AuditEvent] = (),
    ) -> tuple[SecretHead, bool]:
        sealed, value_key = self._sealed(account_id, key, value), keys.secret_value(account_id, key)
        for _ in range(TRIES):
            before = self._head(account_id, key)
            head = SecretHead(key=key, created_at=before.created_at if before else at, updated_at=at)
            audit = replaced if before else created
            try:
                self.table.write(
                    [
                        _head_put(account_id, head, before),
                        Update(value_key, {"schema": SCHEMA, "sealed": sealed}, when=None),
                        *announcing(account_id, audit),
                    ]
                )
            except ConditionFailed:
                continue
            return head, before is None
        raise ChangedConcurrently("the secret is being changed by others; try again")

    def heads(self, account_id: str) -> Sequence[SecretHead]:
        stored = self.table.query(
            Query(keys.DEFINITIONS, keys.account(account_id).pk, prefix=keys.SECRET_HEADS)
        )
        return [SecretHead.model_validate(dict(known(each))) for each in stored]

    def head(self, account_id: str, key: str) -> SecretHead:
        found = self._head(account_id, key)
        if found is None:
            raise _unknown(key)
        return found

    def delete(self, account_id: str, key: str, audit: Sequence[AuditEvent] = ()) -> None:
        deleting: list[Guarded] = [(each, _unknown(key)) for each in _both(account_id, key)]
        write(self.table, [*deleting, *((each, _unknown(key)) for each in announcing(account_id, audit))])

    def delete_all(self, account_id: str) -> None:
        found = self.heads(account_id)
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            try:
                self.table.write([each for head in batch for each in _both(account_id, head.key)])
            except ConditionFailed:
                self.delete_all(account_id)  # somebody else deletes them, too: look again
                return

    def values(self, account_id: str, names: Sequence[str] | None) -> Mapping[str, str]:
        if names is None:
            query = Query(keys.DEFINITIONS, keys.account(account_id).pk, prefix=keys.SECRET_VALUES)
            stored = [known(each) for each in self.table.query(query)]
        else:
            wanted = (keys.secret_value(account_id, name) for name in dict.fromkeys(names))
            stored = [each for each in read(self.table, wanted) if each]
        return {_name(each): self._opened(account_id, each) for each in stored}

    def _head(self, account_id: str, key: str) -> SecretHead | None:
        stored = read(self.table, [keys.secret_head(account_id, key)])[0]
        return SecretHead.model_validate(dict(stored)) if stored else None

    def _sealed(self, account_id: str, name: str, value: str) -> str:
        return b64encode(self.cipher.seal(value.encode(), _context(account_id, name))).decode()

    def _opened(self, account_id: str, stored: Item) -> str:
        name, text = _name(stored), str(stored["sealed"])
        sealed = b64decode(text)
        value = self.cipher.open(sealed, _context(account_id, name)).decode()
        if self.cipher.stale(sealed):
            self._seal_anew(account_id, name, value, text)
        return value

    def _seal_anew(self, account_id: str, name: str, value: str, before: str) -> None:
        key = keys.secret_value(account_id, name)
        sealed = self._sealed(account_id, name, value)
        try:
            self.table.write([Update(key, {"sealed": sealed}, when=Condition(equals={"sealed": before}))])
        except ConditionFailed:
            return  # whoever changed it used the newest key, too


def _head_put(account_id: str, head: SecretHead, before: SecretHead | None) -> Put:
    key = keys.secret_head(account_id, head.key)
    unchanged = Condition(equals={"created_at": before.created_at}) if before else Condition(absent=True)
    return Put(key.table, item(key, **head.model_dump()), unchanged)


def _both(account_id: str, name: str) -> Sequence[Delete]:
    found: Sequence[Key] = (keys.secret_head(account_id, name), keys.secret_value(account_id, name))
    return [Delete(key) for key in found]


def _context(account_id: str, name: str) -> str:
    return f"SECRET#{account_id}#{name}"


def _name(stored: Item) -> str:
    return str(stored["sk"]).removeprefix(keys.SECRET_VALUES)


def _unknown(name: str) -> SecretNotFound:
    return SecretNotFound(f"there is no secret {name}")
