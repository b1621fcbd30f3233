"""What stands behind flows."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from flowker.wiring import home, machine_registry, per_home, workflow_store
from flowker.wiring.secrets import secret_store

if TYPE_CHECKING:
    from flowker.adapters.stores.flows import ItemFlowStore
    from flowker.usecases.flows import Flows


@per_home
def flow_store() -> "ItemFlowStore":
    from flowker.adapters.stores.flows import ItemFlowStore

    return ItemFlowStore(home().table, home().blobs, home().cipher)


@per_home
def flows() -> "Flows":
    from flowker.nodes.flow.registry import FLOW_NODE_TYPES
    from flowker.usecases.flows import Flows
    from flowker.usecases.publication import Publication

    settings = home().settings
    publication = Publication(
        revisions=workflow_store(),
        registry=machine_registry(),
        machines=home().machines,
        clock=home().clock,
        types=FLOW_NODE_TYPES,
        syntax=_syntax,
        longest=settings.longest_run,
        engine=settings.engine,
    )
    return Flows(flow_store(), publication, _secret_names, home().clock, home().ids)


def _syntax(scripts: Sequence[tuple[str, str, str]]) -> Sequence[tuple[str, str]]:
    from flowker.expressions.scripts import check_syntax

    return check_syntax(home().scripts().evaluate, list(scripts))


def _secret_names(account_id: str) -> Collection[str]:
    return [head.key for head in secret_store().heads(account_id)]
