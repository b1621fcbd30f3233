"""Provider configurations as items: one item whose content is sealed, and a name (Flowker spec c.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import Blobs, Cipher, Condition, Delete, Item, Put, Table
from flowker.adapters.stores import listing
from flowker.adapters.stores.leftovers import leaving, write_new
from flowker.adapters.stores.named import UniqueNames, at_version, changed
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.payloads import SealedPayloads
from flowker.adapters.stores.record import Guarded, item, read, write
from flowker.errors import (
    ProviderConfigurationInUse,
    ProviderConfigurationNameTaken,
    ProviderConfigurationNotFound,
)
from flowker.model.audit import AuditEvent
from flowker.model.page import Page, PageQuery
from flowker.model.provider import ProviderConfiguration

KIND = "provider_configuration"
NAMES = UniqueNames(KIND, ProviderConfigurationNameTaken)
SORTS = {"createdAt": "by_created", "updatedAt": "by_updated", "name": "by_name"}


@dataclass(frozen=True, slots=True)
class ItemProviderConfigurationStore:
    """`ports.ProviderConfigurationStore` over a table."""

    table: Table
    blobs: Blobs
    cipher: Cipher

    def add(self, configuration: ProviderConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        new = _item(configuration, configuration.version, self._sealed)
        naming = NAMES.taking(configuration.name, configuration.id)
        unused = item(keys.provider_uses(configuration.id), active=0)
        adding: list[Guarded] = [(Put(keys.DEFINITIONS, each), changed(KIND)) for each in (new, unused)]
        writes = [naming, *adding, *_announcing(configuration, audit)]
        write_new(self.table, keys.provider_configuration(configuration.id), writes)

    def get(self, configuration_id: str) -> ProviderConfiguration:
        found = self.get_many([configuration_id])
        if configuration_id not in found:
            raise ProviderConfigurationNotFound(f"provider configuration {configuration_id} does not exist")
        return found[configuration_id]

    def get_many(self, configuration_ids: Sequence[str]) -> Mapping[str, ProviderConfiguration]:
        wanted = dict.fromkeys(configuration_ids)
        stored = read(self.table, (keys.provider_configuration(each) for each in wanted))
        found = [configuration_of(each, self._sealed) for each in stored if each]
        return {configuration.id: configuration for configuration in found}

    def list(self, query: PageQuery) -> Page[ProviderConfiguration]:
        index = SORTS[listing.sort_field(query, SORTS)]
        stretch = listing.Stretch(keys.DEFINITIONS, index, [KIND])
        found, next_cursor = listing.rows(self.table, [stretch], query, query.where)
        stored = read(self.table, (row.key for row in found))
        passing = [each for each in stored if each and listing.still_passes(each, query.where)]
        return Page([configuration_of(each, self._sealed) for each in passing], next_cursor)

    def replace(
        self,
        before: ProviderConfiguration,
        after: ProviderConfiguration,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """What is stored gets the version after the one of `before`."""
        new = _item(after, before.version + 1, self._sealed)
        naming = NAMES.renaming(before.name, after.name, after.id)
        replacing = Put(keys.DEFINITIONS, new, at_version(before.version))
        write(self.table, [(replacing, changed(KIND)), *naming, *_announcing(after, audit)])

    def delete(self, configuration: ProviderConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        unchanged = at_version(configuration.version)
        deleting: Guarded = Delete(keys.provider_configuration(configuration.id), unchanged), changed(KIND)
        uses = Delete(keys.provider_uses(configuration.id), Condition(at_most={"active": 0}))
        in_use = ProviderConfigurationInUse(
            "an active workflow uses this provider configuration; deactivate it first"
        )
        released = NAMES.releasing(configuration.name, configuration.id)
        left: Guarded = leaving(keys.folder(deleting[0].key)), changed(KIND)
        write(self.table, [deleting, (uses, in_use), released, left, *_announcing(configuration, audit)])

    @property
    def _sealed(self) -> SealedPayloads:
        return SealedPayloads(self.blobs, self.cipher)


def _announcing(configuration: ProviderConfiguration, audit: Sequence[AuditEvent]) -> Sequence[Guarded]:
    return [(each, changed(KIND)) for each in announcing(configuration.id, audit)]


def configuration_of(stored: Item, sealed: SealedPayloads) -> ProviderConfiguration:
    """Read what this store has written."""
    return ProviderConfiguration.model_validate({**stored, **sealed.value(stored)})


def _item(configuration: ProviderConfiguration, version: int, sealed: SealedPayloads) -> Item:
    key = keys.provider_configuration(configuration.id)
    content = {
        "config": configuration.config,
        "description": configuration.description,
        "metadata": configuration.metadata,
    }
    return item(
        key,
        kind=KIND,
        id=configuration.id,
        name=configuration.name,
        provider_id=configuration.provider_id,
        status=configuration.status.value,
        created_at=configuration.created_at,
        updated_at=configuration.updated_at,
        version=version,
        created_sort=keys.sort_text(configuration.created_at, configuration.id),
        updated_sort=keys.sort_text(configuration.updated_at, configuration.id),
        name_sort=keys.sort_text(configuration.name, configuration.id),
        **sealed.attributes(key, content),
    )
