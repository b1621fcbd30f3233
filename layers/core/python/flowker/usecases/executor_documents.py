"""What users send as an executor configuration, checked, and how one is shown (Flowker spec a.5, b, k).

The types of all fields come first; then every rule has a code of its own, and the first that is broken gives the code of
the answer, which names all of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from flowker.errors import InvalidBody, error_for
from flowker.model.exact_json import Json
from flowker.model.executor_configuration import ExecutorConfiguration, ExecutorEndpoint
from flowker.model.masking import mask, restore

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500
URL_LENGTH = 500
ENDPOINT_NAME_LENGTH = 50
PATH_LENGTH = 200
DEFAULT_TIMEOUT = 30
LONGEST_TIMEOUT = 300
"""Seconds."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
AUTHENTICATIONS = ("none", "api_key", "bearer", "basic", "oidc_client_credentials", "oidc_user")
CONNECTION = ("baseUrl", "endpoints", "authentication")
"""The fields that say what is called, and how."""

_Body = Mapping[str, Any]
_Finding = tuple[str, str, str]
"""A code, a field, and what is wrong with it."""
_TYPES: Mapping[str, tuple[type, str]] = {
    "name": (str, "must be a string"),
    "description": (str, "must be a string"),
    "baseUrl": (str, "must be a string"),
    "endpoints": (list, "must be an array"),
    "authentication": (dict, "must be an object"),
    "metadata": (dict, "must be an object"),
}
_ENDPOINT_TYPES: Mapping[str, tuple[type, str]] = {
    "name": (str, "must be a string"),
    "path": (str, "must be a string"),
    "method": (str, "must be a string"),
    "timeout": (int, "must be an integer"),
}
_AUTHENTICATION_TYPES: Mapping[str, tuple[type, str]] = {"config": (dict, "must be an object")}


def is_connected(body: _Body) -> bool:
    """Whether the body says anything about what is called."""
    return any(body.get(name) is not None for name in CONNECTION)


def described(body: _Body) -> dict[str, Any]:
    """The fields of the model that name and describe it, whatever else is sent. Raises `InvalidBody`, FLK-0260, 0261,
    0267."""
    sent = {name: body.get(name) for name in ("name", "description", "metadata")}
    _refuse(_wrong_types(sent))
    _refuse([*_name(sent), *_description(sent)])
    return _description_fields(sent)


def connected(body: _Body, before: ExecutorConfiguration | None = None) -> dict[str, Any]:
    """The fields of the model from a whole body; what is masked in it keeps the value of `before`. Raises `InvalidBody`,
    FLK-0260 to 0273."""
    sent: dict[str, Any] = {name: body.get(name) for name in _TYPES}
    _refuse(_wrong_types(sent))
    old = _secret_places(before.base_url, before.authentication) if before else {}
    sent |= restore(_secret_places(sent["baseUrl"], sent["authentication"]), old, "")
    rules = (_name, _base_url, _no_endpoints, _no_authentication, _description, _authentication, _endpoints)
    _refuse(finding for rule in rules for finding in rule(sent))
    authentication = {name: sent["authentication"].get(name) for name in ("type", "config")}
    return {
        **_description_fields(sent),
        "base_url": sent["baseUrl"].removesuffix("/"),
        "endpoints": tuple(_endpoint(each) for each in sent["endpoints"]),
        "authentication": {name: value for name, value in authentication.items() if value is not None},
    }


def document(configuration: ExecutorConfiguration) -> dict[str, Json]:
    """An executor configuration as the API shows it: secrets masked, absent fields omitted."""
    hidden = mask(_secret_places(configuration.base_url, configuration.authentication))
    shown = {
        "id": configuration.id,
        "name": configuration.name,
        "description": configuration.description,
        "baseUrl": hidden["baseUrl"],
        "endpoints": [endpoint.model_dump() for endpoint in configuration.endpoints],
        "authentication": hidden["authentication"],
        "status": configuration.status.value,
        "metadata": dict(configuration.metadata) or None,
        "createdAt": configuration.created_at,
        "updatedAt": configuration.updated_at,
        "lastTestedAt": configuration.last_tested_at,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _secret_places(base_url: Json, authentication: Json) -> dict[str, Json]:
    return {"baseUrl": base_url, "authentication": authentication}


def _description_fields(sent: _Body) -> dict[str, Any]:
    return {
        "name": sent["name"],
        "description": sent["description"] or None,
        "metadata": sent["metadata"] or {},
    }


def _endpoint(sent: _Body) -> ExecutorEndpoint:
    timeout = sent.get("timeout")
    return ExecutorEndpoint(
        name=sent["name"],
        path=sent["path"],
        method=sent["method"].upper(),
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
    )


def _refuse(findings: Iterable[_Finding]) -> None:
    """Raises the error of the first finding."""
    found = list(findings)
    if found:
        fields: dict[str, str] = {}
        for _, name, problem in found:
            fields.setdefault(name, problem)
        code, name, problem = found[0]
        raise error_for(code)(f"{name} {problem}", fields=fields)


# --- types ------------------------------------------------------------------------------------------------------


def _wrong_types(sent: _Body) -> Iterator[_Finding]:
    yield from _wrongly_typed(sent, _TYPES)
    endpoints, authentication = sent.get("endpoints"), sent.get("authentication")
    if isinstance(endpoints, list):
        for number, endpoint in enumerate(endpoints):
            if isinstance(endpoint, dict):
                yield from _wrongly_typed(endpoint, _ENDPOINT_TYPES, f"endpoints[{number}].")
            else:
                yield InvalidBody.code, f"endpoints[{number}]", "must be an object"
    if isinstance(authentication, dict):
        yield from _wrongly_typed(authentication, _AUTHENTICATION_TYPES, "authentication.")


def _wrongly_typed(sent: _Body, types: Mapping[str, tuple[type, str]], at: str = "") -> Iterator[_Finding]:
    for name, (kind, message) in types.items():
        value = sent.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            yield InvalidBody.code, f"{at}{name}", message


# --- rules, by code -----------------------------------------------------------------------------------------------


def _name(sent: _Body) -> Iterator[_Finding]:
    if _blank(sent["name"]):
        yield "FLK-0260", "name", "is required"
    elif len(sent["name"]) > NAME_LENGTH:
        yield "FLK-0261", "name", f"must have at most {NAME_LENGTH} characters"


def _base_url(sent: _Body) -> Iterator[_Finding]:
    url = sent["baseUrl"]
    if _blank(url):
        yield "FLK-0262", "baseUrl", "is required"
    elif not _is_base_url(url):
        yield "FLK-0263", "baseUrl", "must be an absolute http or https URL without credentials"
    elif len(url) > URL_LENGTH:
        yield "FLK-0264", "baseUrl", f"must have at most {URL_LENGTH} characters"


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that make no sense
        return False
    return known and "@" not in parts.netloc and text.isprintable() and " " not in text


def _no_endpoints(sent: _Body) -> Iterator[_Finding]:
    if not sent["endpoints"]:
        yield "FLK-0265", "endpoints", "must have at least one endpoint"


def _no_authentication(sent: _Body) -> Iterator[_Finding]:
    if sent["authentication"] is None:
        yield "FLK-0266", "authentication", "is required"


def _description(sent: _Body) -> Iterator[_Finding]:
    if len(sent["description"] or "") > DESCRIPTION_LENGTH:
        yield "FLK-0267", "description", f"must have at most {DESCRIPTION_LENGTH} characters"


def _authentication(sent: _Body) -> Iterator[_Finding]:
    if sent["authentication"] is None:
        return
    kind = sent["authentication"].get("type")
    if _blank(kind):
        yield "FLK-0268", "authentication.type", "is required"
    elif kind not in AUTHENTICATIONS:
        yield "FLK-0269", "authentication.type", f"must be one of {', '.join(AUTHENTICATIONS)}"


def _endpoints(sent: _Body) -> Iterator[_Finding]:
    names: set[str] = set()
    for number, endpoint in enumerate(sent["endpoints"] or []):
        at = f"endpoints[{number}]"
        yield from _endpoint_texts(endpoint, at)
        yield from _endpoint_call(endpoint, at)
        name = endpoint.get("name")
        if name in names:
            yield InvalidBody.code, f"{at}.name", "is used by another endpoint"
        names |= {name} - {None}


def _endpoint_texts(endpoint: _Body, at: str) -> Iterator[_Finding]:
    limits = (("name", "FLK-0270", ENDPOINT_NAME_LENGTH), ("path", "FLK-0271", PATH_LENGTH))
    for name, code, length in limits:
        if _blank(endpoint.get(name)):
            yield code, f"{at}.{name}", "is required"
        elif len(endpoint[name]) > length:
            yield InvalidBody.code, f"{at}.{name}", f"must have at most {length} characters"


def _endpoint_call(endpoint: _Body, at: str) -> Iterator[_Finding]:
    method, timeout = endpoint.get("method"), endpoint.get("timeout")
    if _blank(method):
        yield "FLK-0272", f"{at}.method", "is required"
    elif str(method).upper() not in METHODS:
        yield "FLK-0273", f"{at}.method", f"must be one of {', '.join(METHODS)}"
    if timeout is not None and not 1 <= timeout <= LONGEST_TIMEOUT:
        yield InvalidBody.code, f"{at}.timeout", f"must be from 1 to {LONGEST_TIMEOUT}"


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
