"""The environment as one frozen object, and the only list of the variables in it: docs/reference/settings.md shows it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, get_args

DeploymentMode = Literal["saas", "byoc", "local"]
EngineSetting = Literal["auto", "express", "standard"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between homes and stages. On AWS the stack sets the variables; a local home builds the object."""

    stage: str = "dev"
    deployment_mode: DeploymentMode = "local"
    api_keys: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each accepted API key, lower-case hexadecimal, by key id. The id is what audit records name."""
    authenticate: bool = True
    allow_private_destinations: bool = False
    """Lifts the rule that providers must not resolve to private addresses."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the API; `*` for all."""
    fault_injection: bool = False
    """Whether requests may ask to fail, so that clients can be tested."""
    region: str = "eu-central-1"
    bucket: str = ""
    kms_key: str = ""
    run_node: str = ""
    """Reference of the function that state machines call for a node; `record_execution` likewise."""
    record_execution: str = ""
    state_machine_role: str = ""
    engine: EngineSetting = "auto"
    """Which Step Functions run workflows: by their definitions, or always the same."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for an id of a key that the audit trail could not name."""
        for name in self.api_keys:
            _check_key_id(name)

    def table(self, logical: str) -> str:
        """The physical name of a table."""
        return f"flowker-{self.stage}-{logical}"

    @staticmethod
    def from_env(env: Mapping[str, str]) -> "Settings":
        """Read `VARIABLES`; an empty one counts as absent. Raises `ValueError`, which names the variable."""
        given: dict[str, Any] = {}
        for variable in VARIABLES:
            text = env.get(variable.name, "").strip()
            if text:
                try:
                    given[variable.field] = variable.read(text)
                except ValueError as problem:
                    raise ValueError(f"{variable.name}: {problem}") from None
        return Settings(**given)


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable: the field that it sets, how its text is read, what may stand there, and what it means.

    `read` raises `ValueError`. The default is the field's.
    """

    name: str
    field: str
    read: Callable[[str], Any]
    form: str
    meaning: str


def _stage(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text):
        raise ValueError("must be at most 64 letters, digits or any of _ . -")
    return text


def _one_of(kind: object) -> Callable[[str], str]:
    words = get_args(kind)

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return read


def _flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "0", "false"):
        raise ValueError("must be true or false")
    return text.lower() in ("1", "true")


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """What stands between commas, counted from 1; empty entries are no entries."""
    entries = (entry.strip() for entry in text.split(","))
    return ((number, entry) for number, entry in enumerate(entries, start=1) if entry)


def _api_keys(text: str) -> Mapping[str, str]:
    """Messages repeat no entry: somebody may have put a key there instead of its hash."""
    keys: dict[str, str] = {}
    for number, entry in _entries(text):
        name, _, digest = entry.partition("=")
        if not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise ValueError(f"entry {number} is not id=sha256, with 64 hexadecimal digits")
        _check_key_id(name)
        if name in keys:
            raise ValueError(f"entry {number} has the id of an earlier one")
        keys[name] = digest.lower()
    return keys


def _check_key_id(name: str) -> None:
    if not name or "|" in name:
        raise ValueError(f"the id of an API key must not be empty or contain |: {name!r}")


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(entry for _, entry in _entries(text))
    for origin in origins:
        if not re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/?#\s]+", origin):
            raise ValueError(f"{origin} is not an origin, such as https://console.example, or *")
    return origins


_FLAG = "`true` or `false`"
_REFERENCE = "ARN"

VARIABLES = (
    Variable(
        "FLOWKER_API_KEYS",
        "api_keys",
        _api_keys,
        "`id=sha256`, with commas between them",
        "The API keys that are accepted, each by its SHA-256 in hexadecimal. The id is what the audit trail names as actor; "
        "it has no `|`.",
    ),
    Variable(
        "FLOWKER_CORS_ORIGINS",
        "cors_origins",
        _origins,
        "origins with commas between them, or `*`",
        "The web pages that may call the API.",
    ),
    Variable(
        "FLOWKER_SSRF_ALLOW_PRIVATE",
        "allow_private_destinations",
        _flag,
        _FLAG,
        "Whether workflows may call providers on private and loopback addresses.",
    ),
    Variable(
        "FLOWKER_FAULT_INJECTION",
        "fault_injection",
        _flag,
        _FLAG,
        "Whether requests may ask to fail, by the header `X-Test-Fault-Injection`; for tests of clients.",
    ),
    Variable(
        "FLOWKER_DEPLOYMENT_MODE",
        "deployment_mode",
        _one_of(DeploymentMode),
        "`saas`, `byoc` or `local`",
        "What `/readyz` says about who runs this deployment.",
    ),
    Variable(
        "FLOWKER_STAGE",
        "stage",
        _stage,
        "letters, digits, `_`, `.`, `-`",
        "The deployment; its tables are called `flowker-<stage>-…`.",
    ),
    Variable("AWS_REGION", "region", str, "region", "Where the AWS services are; Lambda sets it."),
    Variable("FLOWKER_BUCKET", "bucket", str, "name", "The bucket of payloads that do not fit into an item."),
    Variable("FLOWKER_KMS_KEY", "kms_key", str, _REFERENCE, "The key that encrypts what is secret."),
    Variable(
        "FLOWKER_RUN_NODE", "run_node", str, _REFERENCE, "The function that state machines call for a node."
    ),
    Variable(
        "FLOWKER_RECORD_EXECUTION",
        "record_execution",
        str,
        _REFERENCE,
        "The function that state machines call at the end of an execution.",
    ),
    Variable(
        "FLOWKER_STATE_MACHINE_ROLE",
        "state_machine_role",
        str,
        _REFERENCE,
        "The role that state machines run under.",
    ),
    Variable(
        "FLOWKER_ENGINE",
        "engine",
        _one_of(EngineSetting),
        "`auto`, `express` or `standard`",
        "Which Step Functions run workflows that are activated from now on: `auto` takes Express where the worst case of the "
        "definition is below five minutes, and Standard for the others.",
    ),
)
"""What a deployed function reads; the stack sets what it needs."""


def product_version() -> str:
    """The version of this build; `0.0.0` where the package is not installed but only on the path, as in a layer."""
    try:
        return version("flowker")
    except PackageNotFoundError:
        return "0.0.0"
