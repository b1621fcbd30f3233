"""Everything the catalog holds, in one value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from flowker.catalog import http, midaz, s3, schedule, tracer, tracer_midaz_validation, webhook
from flowker.catalog.entries import Entry, Executor, Provider, Template, Trigger

EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(frozen=True)
class Catalog:
    """Entries by id, in the order of their ids."""

    providers: Mapping[str, Provider]
    executors: Mapping[str, Executor]
    triggers: Mapping[str, Trigger]
    templates: Mapping[str, Template]

    def executors_of(self, provider_id: str) -> list[Executor]:
        """The operations of one provider, in the order of their ids."""
        return [executor for executor in self.executors.values() if executor.provider_id == provider_id]


def _by_id(entries: Iterable[EntryT]) -> dict[str, EntryT]:
    return {entry.id: entry for entry in sorted(entries, key=lambda entry: entry.id)}


CATALOG = Catalog(
    providers=_by_id(module.PROVIDER for module in (http, midaz, s3, tracer)),
    executors=_by_id(executor for module in (http, midaz, s3, tracer) for executor in module.EXECUTORS),
    triggers=_by_id([schedule.TRIGGER, webhook.TRIGGER]),
    templates=_by_id([tracer_midaz_validation.TEMPLATE]),
)
