"""What stands behind accounts and tokens, and what users do with secrets."""

from typing import TYPE_CHECKING

from flowker.wiring import audit_chain, home, per_home
from flowker.wiring.secrets import secret_store

if TYPE_CHECKING:
    from flowker.adapters.stores.accounts import ItemAccountStore
    from flowker.usecases.accounts import Accounts
    from flowker.usecases.secrets import SecretKeeping
    from flowker.usecases.sessions import Sessions
    from flowker.usecases.throttle import Throttle


@per_home
def account_store() -> "ItemAccountStore":
    from flowker.adapters.stores.accounts import ItemAccountStore

    return ItemAccountStore(home().table)


@per_home
def throttle() -> "Throttle":
    from flowker.adapters.stores.attempts import ItemAttempts
    from flowker.usecases.throttle import Throttle

    return Throttle(ItemAttempts(home().table), home().clock)


@per_home
def sessions() -> "Sessions":
    from flowker.usecases.sessions import Sessions
    from flowker.usecases.tokens import Tokens

    tokens = Tokens(home().signing, home().clock, home().ids, home().settings.token_hours)
    return Sessions(
        accounts=account_store(),
        tokens=tokens,
        throttle=throttle(),
        audit=audit_chain(),
        clock=home().clock,
        ids=home().ids,
        first_admin=first_admin,
        disconnect=_disconnect,
    )


@per_home
def accounts() -> "Accounts":
    from flowker.usecases.accounts import Accounts

    return Accounts(
        store=account_store(),
        throttle=throttle(),
        clock=home().clock,
        ids=home().ids,
        disconnect=_disconnect,
        cascades=(_clear_away,),
        erase=_erase,
    )


@per_home
def secrets() -> "SecretKeeping":
    from flowker.usecases.secrets import SecretKeeping

    return SecretKeeping(secret_store(), account_store(), home().clock, home().ids)


@per_home
def first_admin() -> bool:
    """Make the admin that the deployment names, once; True if it was this call that did."""
    first = home().first_admin()
    return first is not None and accounts().create_first(first)


def _disconnect(account_id: str, token_id: str | None) -> None:
    from flowker.wiring.sockets import updates

    updates().disconnect(account_id, token_id)


def _clear_away(account_id: str) -> None:
    """First what could go on, then what it would need."""
    from flowker.wiring.flows import flows
    from flowker.wiring.runs import run_store, runs
    from flowker.wiring.schedules import flow_schedules

    flow_schedules().delete_all(account_id)
    runs().cancel_all(account_id)
    flows().delete_all(account_id)
    secret_store().delete_all(account_id)
    run_store().delete_entries(account_id)


def _erase(account_id: str) -> bool:
    from flowker.wiring.runs import runs

    return runs().forget_account(account_id)
