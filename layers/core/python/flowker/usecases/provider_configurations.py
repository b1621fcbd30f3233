"""Provider configurations: named connections to external services (Flowker spec a.6, c.3, k)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import fields, violations
from flowker.errors import (
    BadRequest,
    InvalidBody,
    ProviderConfigMissing,
    ProviderConfigurationDescriptionTooLong,
    ProviderConfigurationNameMissing,
    ProviderConfigurationNameTooLong,
    ProviderConfigurationTransitionNotAllowed,
    ProviderConfigViolatesSchema,
    ProviderIdMissing,
    UnknownProvider,
)
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.exact_json import Json
from flowker.model.instant import instant
from flowker.model.masking import mask, restore
from flowker.model.page import Page, PageQuery
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.ports import Clock, Ids, ProviderConfigurationStore

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500

_TYPES: Mapping[str, tuple[type, str]] = {
    "name": (str, "must be a string"),
    "description": (str, "must be a string"),
    "providerId": (str, "must be a string"),
    "config": (dict, "must be an object"),
    "metadata": (dict, "must be an object"),
}


@dataclass(frozen=True, slots=True)
class ProviderConfigurations:
    store: ProviderConfigurationStore
    clock: Clock
    ids: Ids

    def create(
        self,
        *,
        name: Json = None,
        provider_id: Json = None,
        config: Json = None,
        description: Json = None,
        metadata: Json = None,
    ) -> ProviderConfiguration:
        """Store an active configuration. Arguments are what the body holds, of any type; None is absent.

        Raises, in the order of the checks, `InvalidBody`, `ProviderIdMissing`, `UnknownProvider`,
        `ProviderConfigViolatesSchema`, the errors of `_check_rules`, `ProviderConfigurationNameTaken`.
        """
        sent = _typed(
            {
                "name": name,
                "description": description,
                "providerId": provider_id,
                "config": config,
                "metadata": metadata,
            }
        )
        accepted = {"name": "", "providerId": "", "config": {}} | sent
        accepted["config"] = restore(accepted["config"], {})
        _check_provider(accepted["providerId"])
        _check_schema(accepted["providerId"], accepted["config"])
        _check_rules(accepted)
        now = instant(self.clock.now())
        configuration = ProviderConfiguration(
            id=self.ids.new(),
            name=accepted["name"],
            description=accepted.get("description") or None,
            provider_id=accepted["providerId"],
            config=accepted["config"],
            metadata=accepted.get("metadata", {}),
            status=ProviderConfigurationStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
        created = self._event(
            EventType.PROVIDER_CONFIG_CREATED,
            configuration,
            **{"provider_config.provider_id": configuration.provider_id},
        )
        self.store.add(configuration, [created])
        return configuration

    def get(self, configuration_id: str) -> ProviderConfiguration:
        """Raises `ProviderConfigurationNotFound`."""
        return self.store.get(configuration_id)

    def list(self, query: PageQuery) -> Page[ProviderConfiguration]:
        """Sorted by createdAt, updatedAt or name; `where` may hold status and provider_id."""
        return self.store.list(query)

    def patch(self, configuration_id: str, changes: Mapping[str, Json]) -> ProviderConfiguration:
        """Change name, description or config, or add metadata; what is not sent, or null, stays.

        `config` is replaced as a whole, but a masked value keeps the stored one. An empty description clears it.
        Raises `ProviderConfigurationNotFound`, `InvalidBody`, `ProviderConfigViolatesSchema`, the errors of
        `_check_rules`, `ProviderConfigurationNameTaken`, `ChangedConcurrently`.
        """
        before = self.store.get(configuration_id)
        sent = _typed({key: value for key, value in changes.items() if key != "providerId"})
        if "config" in sent:
            sent["config"] = restore(sent["config"], before.config)
            _check_provider(before.provider_id)
            _check_schema(before.provider_id, sent["config"])
        _check_rules(sent)
        update: dict[str, Any] = {key: sent[key] for key in ("name", "config") if key in sent}
        if "description" in sent:
            update["description"] = sent["description"] or None
        if "metadata" in sent:
            update["metadata"] = {**before.metadata, **sent["metadata"]}
        return self._replace(before, update)

    def delete(self, configuration_id: str) -> None:
        """Raises `ProviderConfigurationNotFound`, `ChangedConcurrently`, and `ProviderConfigurationInUse` while an
        active workflow refers to it."""
        configuration = self.store.get(configuration_id)
        deleted = self._event(
            EventType.PROVIDER_CONFIG_DELETED, configuration, **{"provider_config.id": configuration.id}
        )
        self.store.delete(configuration, [deleted])

    def disable(self, configuration_id: str) -> ProviderConfiguration:
        """Raises `ProviderConfigurationNotFound`, `ProviderConfigurationTransitionNotAllowed`,
        `ChangedConcurrently`."""
        return self._turn(configuration_id, ProviderConfigurationStatus.DISABLED)

    def enable(self, configuration_id: str) -> ProviderConfiguration:
        """Raises as `disable` does."""
        return self._turn(configuration_id, ProviderConfigurationStatus.ACTIVE)

    def _turn(self, configuration_id: str, status: ProviderConfigurationStatus) -> ProviderConfiguration:
        before = self.store.get(configuration_id)
        if before.status is status:
            raise ProviderConfigurationTransitionNotAllowed(f"the provider configuration is already {status}")
        return self._replace(before, {"status": status}, status=status.value)

    def _replace(
        self, before: ProviderConfiguration, update: Mapping[str, Any], **metadata: Json
    ) -> ProviderConfiguration:
        moved = {"version": before.version + 1, "updated_at": instant(self.clock.now())}
        after = before.model_copy(update={**update, **moved})
        event = self._event(EventType.PROVIDER_CONFIG_UPDATED, after, **metadata)
        self.store.replace(before, after, [event])
        return after

    def _event(self, kind: EventType, configuration: ProviderConfiguration, **metadata: Json) -> AuditEvent:
        return happened(
            kind,
            configuration.id,
            id=self.ids.new(),
            at=self.clock.now(),
            metadata={"provider_config.name": configuration.name, **metadata},
        )


def document(configuration: ProviderConfiguration) -> dict[str, Json]:
    """A provider configuration as the API shows it: secrets masked, absent fields omitted."""
    shown = {
        "id": configuration.id,
        "name": configuration.name,
        "description": configuration.description,
        "providerId": configuration.provider_id,
        "config": mask(configuration.config),
        "status": configuration.status.value,
        "metadata": dict(configuration.metadata) or None,
        "createdAt": configuration.created_at,
        "updatedAt": configuration.updated_at,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _typed(body: Mapping[str, Json]) -> dict[str, Any]:
    """The known fields that are there. Raises `InvalidBody` naming all of the wrong type."""
    sent = {key: body[key] for key in _TYPES if body.get(key) is not None}
    wrong = {key: _TYPES[key][1] for key, value in sent.items() if not isinstance(value, _TYPES[key][0])}
    if wrong:
        raise InvalidBody("the body has fields of the wrong type", fields=wrong)
    return sent


def _check_provider(provider_id: str) -> None:
    if not provider_id.strip():
        raise ProviderIdMissing("providerId is required", fields={"providerId": "is required"})
    if provider_id not in CATALOG.providers:
        raise UnknownProvider(
            "the catalog has no such provider", fields={"providerId": "is not in the catalog"}
        )


def _check_schema(provider_id: str, config: Mapping[str, Json]) -> None:
    """An empty config is missing, not wrong, see `_check_rules`. Formats are not asserted (Flowker spec a.7)."""
    found = violations(CATALOG.providers[provider_id].schema, config, formats=False) if config else []
    if found:
        raise ProviderConfigViolatesSchema(
            f"config violates the schema of provider {provider_id}", fields=fields(found, "config")
        )


def _check_rules(sent: Mapping[str, Any]) -> None:
    """Raises `ProviderConfigurationNameMissing`, `ProviderConfigurationNameTooLong`, `ProviderConfigMissing`,
    `ProviderConfigurationDescriptionTooLong`. Lengths count characters."""
    if "name" in sent and not sent["name"].strip():
        raise _rule(ProviderConfigurationNameMissing, "name", "is required")
    if len(sent.get("name", "")) > NAME_LENGTH:
        raise _rule(ProviderConfigurationNameTooLong, "name", f"must have at most {NAME_LENGTH} characters")
    if "config" in sent and not sent["config"]:
        raise _rule(ProviderConfigMissing, "config", "must not be empty")
    if len(sent.get("description", "")) > DESCRIPTION_LENGTH:
        raise _rule(
            ProviderConfigurationDescriptionTooLong,
            "description",
            f"must have at most {DESCRIPTION_LENGTH} characters",
        )


def _rule(error: type[BadRequest], field: str, message: str) -> BadRequest:
    return error(f"{field} {message}", fields={field: message})
