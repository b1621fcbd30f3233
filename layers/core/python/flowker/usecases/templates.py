"""Making workflows from the catalog's templates (Flowker spec a.2 #6, #35–#37, g.4)."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowker.catalog.entries import Parameters, Template
from flowker.catalog.schemas import fields, violations
from flowker.errors import (
    InvalidBody,
    InvalidTemplateParameters,
    TemplateFailed,
    TemplateNotFound,
    Unavailable,
)
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.page import PageQuery
from flowker.model.provider import ProviderConfigurationStatus
from flowker.ports import ProviderConfigurationStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Templates:
    templates: Mapping[str, Template]
    configurations: ProviderConfigurationStore

    def list(self) -> Sequence[Template]:
        """All templates, by id."""
        return list(self.templates.values())

    def get(self, template_id: str) -> Template:
        """Raises `TemplateNotFound`."""
        found = self.templates.get(template_id)
        if found is None:
            raise TemplateNotFound("the catalog has no such template")
        return found

    def detail(self, template_id: str) -> dict[str, str]:
        """The template as the API shows it. Where its schema asks for a provider configuration, `oneOf` lists the active
        ones there are; while they cannot be looked up, the schema is shown without. Raises `TemplateNotFound`."""
        template = self.get(template_id)
        try:
            return {**template.detail(), "paramSchema": exact_json.dumps(self._with_choices(template))}
        except Unavailable as error:
            logger.warning("template %s is shown without choices: %s", template.id, error)
            return template.detail()

    def _with_choices(self, template: Template) -> dict[str, Any]:
        properties = dict(template.schema["properties"])
        for name, provider_id in template.configurations.items():
            properties[name] = {**properties[name], "oneOf": list(self._choices(provider_id))}
        return {**template.schema, "properties": properties}

    def _choices(self, provider_id: str) -> Iterator[dict[str, str]]:
        """The active configurations of a provider, by name."""
        where = {"status": [ProviderConfigurationStatus.ACTIVE.value], "provider_id": [provider_id]}
        query = PageQuery(100, "name", ascending=True, where=where)
        while True:
            page = self.configurations.list(query)
            for configuration in page.items:
                yield {"const": configuration.id, "title": configuration.name}
            if page.next_cursor is None:
                return
            query = replace(query, cursor=page.next_cursor)

    def check(self, template_id: str, params: Json) -> None:
        """Return if the parameters satisfy the template's schema, formats included. `params` is None where none were sent.

        Raises `TemplateNotFound`, `InvalidBody`, `InvalidTemplateParameters`.
        """
        _checked(self.get(template_id), params)

    def workflow(self, request: Mapping[str, Json]) -> dict[str, Any]:
        """The body of the create request that `{templateId, params}` stands for.

        Raises as `check`, and `TemplateFailed`.
        """
        template_id = request.get("templateId")
        if not isinstance(template_id, str) or not template_id:
            raise InvalidBody("templateId must be a string", fields={"templateId": "must be a string"})
        template = self.get(template_id)
        given = {**_defaults(template), **_checked(template, request.get("params"))}
        try:
            made = template.build(given)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            logger.exception("template %s failed", template.id)
            raise TemplateFailed(
                f"template {template.id} could not make a workflow of these params"
            ) from error
        origin = {"templateId": template.id, "templateVersion": template.version}
        return {**made, "metadata": {**made.get("metadata", {}), **origin}}


def _checked(template: Template, params: Json) -> Parameters:
    if not isinstance(params, dict):
        raise InvalidBody("params must be an object", fields={"params": "must be an object"})
    found = violations(template.schema, params, formats=True)
    if found:
        message = f"params violate the schema of template {template.id}"
        raise InvalidTemplateParameters(message, fields=fields(found, "params"))
    return params


def _defaults(template: Template) -> Parameters:
    """What the schema says of parameters that are not given."""
    properties = template.schema["properties"]
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema}
