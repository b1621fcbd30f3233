"""The environment as one frozen object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flowker.settings.texts import check_key_id
from flowker.settings.variables import VARIABLES, DeploymentMode, EngineSetting


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
    run_script: str = ""
    """Reference of the function that runs scripts of flows."""
    push_updates: str = ""
    """Reference of the function that tells sockets what happens in runs."""
    run_schedule: str = ""
    """Reference of the function that starts a flow or a workflow when its schedule is due."""
    scheduler_role: str = ""
    """What EventBridge Scheduler calls it as."""
    socket_endpoint: str = ""
    """Where messages to sockets are posted: the stage of the WebSocket API."""
    engine: EngineSetting = "auto"
    """Which Step Functions run workflows: by their definitions, or always the same."""
    state_machine_logs: str = ""
    """The log group that state machines tell their failures to. Empty for none, and for no traces either."""
    metrics: bool = False
    """Whether measurements are written to standard output, in CloudWatch's embedded metric format."""
    origin_secret: str = ""
    """What our own CloudFront sends with every request, so that its word on the caller's address can be taken."""
    longest_run: int = 86_400
    """Seconds that a run of a flow may take; those of workflows may take five minutes."""
    step_limit: int = 1000
    """How many nodes a run of a flow may enter: a loop that never ends fails there."""
    retention_days: int = 30
    """How long a run of a flow is kept after the latest moment at which it can end."""
    token_hours: int = 24
    """How long a token of the second face is valid."""
    auth_secret: str = ""
    """Reference of the secret that holds the signing keys of tokens and the first admin's password."""
    jwt_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Signing keys of tokens by key id, where they are not in a secret: the first one signs, all verify."""
    admin_email: str = ""
    admin_password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises `ValueError` for an id of a key that the audit trail could not name."""
        for name in self.api_keys:
            check_key_id(name)

    @property
    def namespace(self) -> str:
        """Of this deployment's metrics, and what the names of its state machines begin with."""
        return f"flowker-{self.stage}"

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


def product_version() -> str:
    """The version of this build; `0.0.0` where the package is not installed but only on the path, as in a layer."""
    try:
        return version("flowker")
    except PackageNotFoundError:
        return "0.0.0"
