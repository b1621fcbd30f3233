"""Executor configurations: operations over a base URL of their own, and their life (Flowker spec a.5, c.2, k).

    unconfigured --configure--> configured --tested--> tested --activate--> active <--enable-- disabled
                                                              active --disable--> disabled

A patch configures too, and the activation of a workflow that refers to a configured or tested one activates it.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from flowker.errors import ExecutorConfigurationTransitionNotAllowed
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.exact_json import Json
from flowker.model.executor_configuration import ExecutorConfiguration
from flowker.model.executor_configuration import ExecutorConfigurationStatus as Status
from flowker.model.instant import instant
from flowker.model.page import Page, PageQuery
from flowker.ports import Clock, ExecutorConfigurationStore, Ids
from flowker.usecases.executor_documents import connected, described, is_connected

_ALLOWED: Final[Mapping[str, Set[Status]]] = {
    "changed": {Status.UNCONFIGURED, Status.CONFIGURED},
    "deleted": {Status.UNCONFIGURED, Status.CONFIGURED, Status.DISABLED},
    "configured": {Status.UNCONFIGURED},
    "tested": {Status.CONFIGURED},
    "activated": {Status.TESTED},
    "disabled": {Status.ACTIVE},
    "enabled": {Status.DISABLED},
}
"""What may be done to an executor configuration, by its status."""


@dataclass(frozen=True, slots=True)
class ExecutorConfigurations:
    """Bodies are what was sent, of any type; null is absent. All but `create` and `list` raise
    `ExecutorConfigurationNotFound`; all changes but `create` raise `ExecutorConfigurationTransitionNotAllowed` and, when
    they lose a race, `ChangedConcurrently`."""

    store: ExecutorConfigurationStore
    clock: Clock
    ids: Ids

    def create(self, body: Mapping[str, Json]) -> ExecutorConfiguration:
        """Store a configured one, or an unconfigured one if nothing is said about what it calls.

        Raises what `executor_documents` raises, and `ExecutorConfigurationNameTaken`.
        """
        now = instant(self.clock.now())
        content = (
            connected(body) | {"status": Status.CONFIGURED}
            if is_connected(body)
            else described(body) | {"status": Status.UNCONFIGURED}
        )
        configuration = ExecutorConfiguration(id=self.ids.new(), created_at=now, updated_at=now, **content)
        self.store.add(configuration, [self._event(EventType.EXECUTOR_CONFIG_CREATED, configuration)])
        return configuration

    def get(self, configuration_id: str) -> ExecutorConfiguration:
        return self.store.get(configuration_id)

    def list(self, query: PageQuery) -> Page[ExecutorConfiguration]:
        """Sorted by createdAt, updatedAt or name; `where` may hold status."""
        return self.store.list(query)

    def patch(self, configuration_id: str, body: Mapping[str, Json]) -> ExecutorConfiguration:
        """Replace everything but the metadata, which are merged; a masked value keeps the stored one. It is configured then.

        Raises what `executor_documents` raises, and `ExecutorConfigurationNameTaken`.
        """
        return self._write(self._before(configuration_id, "changed"), body)

    def configure(self, configuration_id: str, body: Mapping[str, Json]) -> ExecutorConfiguration:
        """unconfigured → configured: as a patch, but what is not sent stays."""
        before = self._before(configuration_id, "configured")
        known = {"name": before.name, "description": before.description}
        return self._write(before, known | {name: value for name, value in body.items() if value is not None})

    def delete(self, configuration_id: str) -> None:
        configuration = self._before(configuration_id, "deleted")
        self.store.delete(configuration, [self._event(EventType.EXECUTOR_CONFIG_DELETED, configuration)])

    def to_test(self, configuration_id: str) -> ExecutorConfiguration:
        """One that may be tested."""
        return self._before(configuration_id, "tested")

    def tested(self, before: ExecutorConfiguration, **metadata: Json) -> ExecutorConfiguration:
        """configured → tested: `before` was tested, and nothing failed. `metadata` are added to the audit event."""
        now = instant(self.clock.now())
        changes = {"status": Status.TESTED, "last_tested_at": now}
        return self._replace(before, changes, EventType.EXECUTOR_CONFIG_TESTED, **metadata)

    def activate(self, configuration_id: str) -> ExecutorConfiguration:
        """tested → active."""
        return self._turn(configuration_id, "activated", Status.ACTIVE)

    def disable(self, configuration_id: str) -> ExecutorConfiguration:
        """active → disabled: nodes that refer to it fail from now on."""
        return self._turn(configuration_id, "disabled", Status.DISABLED)

    def enable(self, configuration_id: str) -> ExecutorConfiguration:
        """disabled → active."""
        return self._turn(configuration_id, "enabled", Status.ACTIVE)

    def _before(self, configuration_id: str, verb: str) -> ExecutorConfiguration:
        found = self.store.get(configuration_id)
        if found.status not in _ALLOWED[verb]:
            raise ExecutorConfigurationTransitionNotAllowed(
                f"an executor configuration that is {found.status} cannot be {verb}"
            )
        return found

    def _turn(self, configuration_id: str, verb: str, status: Status) -> ExecutorConfiguration:
        return self._replace(self._before(configuration_id, verb), {"status": status})

    def _write(self, before: ExecutorConfiguration, body: Mapping[str, Json]) -> ExecutorConfiguration:
        changes = connected(body, before)
        merged = {**before.metadata, **changes["metadata"]}
        return self._replace(before, changes | {"metadata": merged, "status": Status.CONFIGURED})

    def _replace(
        self,
        before: ExecutorConfiguration,
        changes: Mapping[str, Any],
        kind: EventType = EventType.EXECUTOR_CONFIG_UPDATED,
        **metadata: Json,
    ) -> ExecutorConfiguration:
        moved = {"version": before.version + 1, "updated_at": instant(self.clock.now())}
        after = before.model_copy(update={**changes, **moved})
        self.store.replace(before, after, [self._event(kind, after, **metadata)])
        return after

    def _event(self, kind: EventType, configuration: ExecutorConfiguration, **metadata: Json) -> AuditEvent:
        return executor_event(kind, configuration, self.clock, self.ids, **metadata)


def executor_event(
    kind: EventType, configuration: ExecutorConfiguration, clock: Clock, ids: Ids, **metadata: Json
) -> AuditEvent:
    """What happened to an executor configuration."""
    about = {"executor_config.name": configuration.name, "status": configuration.status.value}
    return happened(kind, configuration.id, id=ids.new(), at=clock.now(), metadata={**about, **metadata})
