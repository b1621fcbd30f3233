"""The environment as one frozen object; the only place that knows the names of environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

DeploymentMode = Literal["saas", "byoc", "local"]


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
    region: str = "eu-central-1"
    bucket: str = ""
    kms_key: str = ""
    run_node: str = ""
    """Reference of the function that state machines call for a node; `record_execution` likewise."""
    record_execution: str = ""
    state_machine_role: str = ""

    def table(self, logical: str) -> str:
        """The physical name of a table."""
        return f"flowker-{self.stage}-{logical}"

    @staticmethod
    def from_env(env: Mapping[str, str]) -> "Settings":
        """Read the variables of a deployed function. `FLOWKER_API_KEYS` is `id=sha256,id=sha256`."""
        keys = dict(pair.split("=", 1) for pair in env.get("FLOWKER_API_KEYS", "").split(",") if "=" in pair)
        mode = env.get("FLOWKER_DEPLOYMENT_MODE", "byoc")
        return Settings(
            stage=env.get("FLOWKER_STAGE", "dev"),
            deployment_mode="saas" if mode == "saas" else "local" if mode == "local" else "byoc",
            api_keys=keys,
            allow_private_destinations=env.get("FLOWKER_SSRF_ALLOW_PRIVATE", "").lower() in ("1", "true"),
            region=env.get("AWS_REGION", "eu-central-1"),
            bucket=env.get("FLOWKER_BUCKET", ""),
            kms_key=env.get("FLOWKER_KMS_KEY", ""),
            run_node=env.get("FLOWKER_RUN_NODE", ""),
            record_execution=env.get("FLOWKER_RECORD_EXECUTION", ""),
            state_machine_role=env.get("FLOWKER_STATE_MACHINE_ROLE", ""),
        )


def product_version() -> str:
    """The version of this build; `0.0.0` where the package is not installed but only on the path, as in a layer."""
    try:
        return version("flowker")
    except PackageNotFoundError:
        return "0.0.0"
