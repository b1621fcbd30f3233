"""Where the secrets of accounts are kept."""

from typing import TYPE_CHECKING

from flowker.wiring import home, per_home

if TYPE_CHECKING:
    from flowker.adapters.stores.secrets import ItemSecrets


@per_home
def secret_store() -> "ItemSecrets":
    from flowker.adapters.stores.secrets import ItemSecrets

    return ItemSecrets(home().table, home().cipher)
