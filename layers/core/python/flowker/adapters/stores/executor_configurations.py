"""Executor configurations as items: one item whose content is sealed, and a name (Flowker spec c.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import Blobs, Cipher, Delete, Item, Put, Table, Update
from flowker.adapters.stores import listing
from flowker.adapters.stores.leftovers import leaving, write_new
from flowker.adapters.stores.named import UniqueNames, at_version, changed
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.payloads import SealedPayloads
from flowker.adapters.stores.record import Guarded, item, read, write
from flowker.errors import ExecutorConfigurationNameTaken, ExecutorConfigurationNotFound
from flowker.model.audit import AuditEvent
from flowker.model.executor_configuration import ExecutorConfiguration, ExecutorConfigurationStatus
from flowker.model.instant import Instant
from flowker.model.page import Page, PageQuery

KIND = "executor_configuration"
NAMES = UniqueNames(KIND, ExecutorConfigurationNameTaken)
SORTS = {"createdAt": "by_created", "updatedAt": "by_updated", "name": "by_name"}
SEALED = {"base_url", "endpoints", "authentication", "description", "metadata"}


@dataclass(frozen=True, slots=True)
class ItemExecutorConfigurationStore:
    """`ports.ExecutorConfigurationStore` over a table."""

    table: Table
    blobs: Blobs
    cipher: Cipher

    def add(self, configuration: ExecutorConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        new = _item(configuration, configuration.version, self._sealed)
        naming = NAMES.taking(configuration.name, configuration.id)
        adding: Guarded = Put(keys.DEFINITIONS, new), changed(KIND)
        writes = [naming, adding, *_announcing(configuration, audit)]
        write_new(self.table, keys.executor_configuration(configuration.id), writes)

    def get(self, configuration_id: str) -> ExecutorConfiguration:
        found = self.get_many([configuration_id])
        if configuration_id not in found:
            raise ExecutorConfigurationNotFound(f"executor configuration {configuration_id} does not exist")
        return found[configuration_id]

    def get_many(self, configuration_ids: Sequence[str]) -> Mapping[str, ExecutorConfiguration]:
        wanted = dict.fromkeys(configuration_ids)
        stored = read(self.table, (keys.executor_configuration(each) for each in wanted))
        found = [executor_configuration_of(each, self._sealed) for each in stored if each]
        return {configuration.id: configuration for configuration in found}

    def list(self, query: PageQuery) -> Page[ExecutorConfiguration]:
        index = SORTS[listing.sort_field(query, SORTS)]
        stretch = listing.Stretch(keys.DEFINITIONS, index, [KIND])
        found, next_cursor = listing.rows(self.table, [stretch], query, query.where)
        stored = read(self.table, (row.key for row in found))
        passing = [each for each in stored if each and listing.still_passes(each, query.where)]
        return Page([executor_configuration_of(each, self._sealed) for each in passing], next_cursor)

    def replace(
        self,
        before: ExecutorConfiguration,
        after: ExecutorConfiguration,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """What is stored gets the version after the one of `before`."""
        new = _item(after, before.version + 1, self._sealed)
        naming = NAMES.renaming(before.name, after.name, after.id)
        replacing: Guarded = Put(keys.DEFINITIONS, new, at_version(before.version)), changed(KIND)
        write(self.table, [replacing, *naming, *_announcing(after, audit)])

    def delete(self, configuration: ExecutorConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        unchanged = at_version(configuration.version)
        deleting: Guarded = Delete(keys.executor_configuration(configuration.id), unchanged), changed(KIND)
        released = NAMES.releasing(configuration.name, configuration.id)
        left: Guarded = leaving(keys.folder(deleting[0].key)), changed(KIND)
        write(self.table, [deleting, released, left, *_announcing(configuration, audit)])

    @property
    def _sealed(self) -> SealedPayloads:
        return SealedPayloads(self.blobs, self.cipher)


def promoting(configuration: ExecutorConfiguration, at: Instant) -> Guarded:
    """The write that makes it active, if it is still what was read."""
    activated = {
        "status": ExecutorConfigurationStatus.ACTIVE.value,
        "updated_at": at,
        "updated_sort": keys.sort_text(at, configuration.id),
    }
    key = keys.executor_configuration(configuration.id)
    return Update(key, activated, {"version": 1}, when=at_version(configuration.version)), changed(KIND)


def executor_configuration_of(stored: Item, sealed: SealedPayloads) -> ExecutorConfiguration:
    """Read what this store has written."""
    return ExecutorConfiguration.model_validate({**stored, **sealed.value(stored)})


def _announcing(configuration: ExecutorConfiguration, audit: Sequence[AuditEvent]) -> Sequence[Guarded]:
    return [(each, changed(KIND)) for each in announcing(configuration.id, audit)]


def _item(configuration: ExecutorConfiguration, version: int, sealed: SealedPayloads) -> Item:
    key = keys.executor_configuration(configuration.id)
    return item(
        key,
        kind=KIND,
        id=configuration.id,
        name=configuration.name,
        status=configuration.status.value,
        created_at=configuration.created_at,
        updated_at=configuration.updated_at,
        last_tested_at=configuration.last_tested_at,
        version=version,
        created_sort=keys.sort_text(configuration.created_at, configuration.id),
        updated_sort=keys.sort_text(configuration.updated_at, configuration.id),
        name_sort=keys.sort_text(configuration.name, configuration.id),
        **sealed.attributes(key, configuration.model_dump(include=SEALED)),
    )
