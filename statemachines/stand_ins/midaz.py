"""Midaz as far as the example needs it: accounts with balances, and transactions that give what they take."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from threading import Lock
from typing import Any
from uuid import uuid4

from flowker.model import exact_json
from statemachines.stand_ins.http_service import Answer, Request, json_answer, refusal
from statemachines.stand_ins.oidc import OidcServer

LEDGER = "/v1/organizations/acme/ledgers/retail"
ASSET = "BRL"
CLIENT = ("flowker", "the-secret-that-midaz-gave-you")


class Refused(Exception):
    """Why nothing is booked."""


@dataclass
class Account:
    id: str
    alias: str
    balance: Decimal

    def document(self) -> dict[str, str]:
        return {"id": self.id, "alias": self.alias, "assetCode": ASSET}


def _accounts() -> dict[str, Account]:
    return {
        "@ana": Account("5f3c9a52-7d0e-4c1b-9a34-000000000001", "@ana", Decimal("1000.00")),
        "@shop": Account("5f3c9a52-7d0e-4c1b-9a34-000000000002", "@shop", Decimal("0.00")),
    }


@dataclass
class Midaz:
    """All but `GET /books` needs a token that `login` has issued."""

    login: OidcServer
    accounts: dict[str, Account] = field(default_factory=_accounts)
    """By alias."""
    transactions: list[dict[str, Any]] = field(default_factory=list)
    """What was booked."""
    requests: list[Request] = field(default_factory=list)
    """All that asked for a transaction."""
    lost_answers: int = 0
    """That many of the next transactions are booked, but answered with a 503."""
    by_key: dict[str, tuple[Any, dict[str, Any]]] = field(default_factory=dict)
    """What was asked for and what was made of it, by idempotency key."""
    lock: Lock = field(default_factory=Lock)

    def answer(self, request: Request) -> Answer:
        with self.lock:
            if (request.method, request.path) == ("GET", "/books"):
                return json_answer(200, self.books())
            if not self.login.accepts(request.headers.get("authorization")):
                return refusal(401, "unauthorized", "the token is missing or not valid")
            return self._answer(request)

    def books(self) -> dict[str, Any]:
        """What a person wants to see; the real Midaz shows it to nobody without a token."""
        balances = {alias: str(account.balance) for alias, account in self.accounts.items()}
        return {"transactions": len(self.transactions), "balances": balances}

    def _answer(self, request: Request) -> Answer:
        accounts = {account.id: account for account in self.accounts.values()}
        match request.method, request.path.removeprefix(LEDGER).split("/")[1:]:
            case "GET", [""]:
                return json_answer(200, {"service": "Midaz (stand-in)"})
            case "POST", ["transactions", "json"]:
                return self._transaction(request)
            case "GET", ["accounts", number] if number in accounts:
                return json_answer(200, accounts[number].document())
            case "GET", ["accounts", number, "balances"] if number in accounts:
                account = accounts[number]
                balance = {**account.document(), "available": str(account.balance)}
                return json_answer(200, {"items": [balance]})
        return refusal(404, "not_found", f"there is no {request.method} {request.path}")

    def _transaction(self, request: Request) -> Answer:
        """A key that was used before brings what it has made; without one, equal bodies are repetitions of one another."""
        self.requests.append(request)
        body = request.json()
        key = request.headers.get("x-idempotency") or exact_json.digest(body)
        if key in self.by_key:
            asked, made = self.by_key[key]
            if asked != body:
                return refusal(409, "idempotency_key_reused", "the key belongs to another transaction")
            return json_answer(201, made, X_Idempotency_Replayed="true")
        try:
            made = self._booked(body)
        except Refused as error:
            return refusal(422, "transaction_refused", str(error))
        self.by_key[key] = body, made
        if self.lost_answers:
            self.lost_answers -= 1
            return refusal(503, "unavailable", "nobody knows what became of it")
        return json_answer(201, made)

    def _booked(self, body: Any) -> dict[str, Any]:
        """Raises `Refused`."""
        value, taken, given = _read(body)
        if not sum(taken.values()) == sum(given.values()) == value:
            raise Refused("what is taken, what is given and the value of the transaction differ")
        if unknown := {*taken, *given} - self.accounts.keys():
            raise Refused(f"there is no account {', '.join(sorted(unknown))}")
        for alias, amount in taken.items():
            if self.accounts[alias].balance < amount:
                raise Refused(f"{alias} has less than {amount} {ASSET}")
        for alias, amount in taken.items():
            self.accounts[alias].balance -= amount
        for alias, amount in given.items():
            self.accounts[alias].balance += amount
        made = {
            "id": str(uuid4()),
            "status": {"code": "APPROVED"},
            "assetCode": ASSET,
            "amount": str(value),
            "source": sorted(taken),
            "destination": sorted(given),
            "description": body.get("description"),
        }
        self.transactions.append(made)
        return made


def _read(body: Any) -> tuple[Decimal, Mapping[str, Decimal], Mapping[str, Decimal]]:
    """The value, and by account what is taken and what is given. Raises `Refused`."""
    try:
        send = body["send"]
        value = _amount(send)
        return value, _by_account(send["source"]["from"]), _by_account(send["distribute"]["to"])
    except (InvalidOperation, KeyError, TypeError) as error:
        raise Refused("send needs asset, value, source.from and distribute.to") from error


def _by_account(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        found[entry["accountAlias"]] += _amount(entry["amount"])
    return found


def _amount(given: Mapping[str, Any]) -> Decimal:
    """A positive amount of the one asset there is."""
    value = Decimal(given["value"])
    if given["asset"] != ASSET or not value > 0:
        raise Refused(f"amounts are positive and of {ASSET}")
    return value
