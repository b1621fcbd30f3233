"""The stages and all that differs between them: fixed choices here, what belongs to an account from the environment.

Nothing else in this folder reads the environment. docs/operations.md explains the settings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flowker.settings import Settings

DEFAULT_REGION = "eu-central-1"

_ACCOUNT, _REGION = "FLOWKER_AWS_ACCOUNT", "FLOWKER_AWS_REGION"
_API_KEYS, _ALARM_EMAIL = "FLOWKER_API_KEYS", "FLOWKER_ALARM_EMAIL"
_ADMIN = "FLOWKER_ADMIN_EMAIL"
_CORS, _WEB_ACL, _ROLES = "FLOWKER_CORS_ORIGINS", "FLOWKER_WEB_ACL_ARN", "FLOWKER_PROVIDER_ROLES"

SETTINGS: Mapping[str, str] = {
    _ACCOUNT: "the number of the AWS account, so that a stage cannot land in another one by mistake; required",
    _REGION: f"the region; {DEFAULT_REGION} if absent",
    _API_KEYS: "`id=sha256` of each API key, with commas between them; required",
    _ALARM_EMAIL: "who is told about alarms; required but in dev",
    _ADMIN: "the first admin of `/api/v1`, whose password is made and kept in a secret; nobody if absent",
    _CORS: "web pages that may call the API, with commas between them; none if absent",
    _WEB_ACL: "ARN of a web ACL of WAF for CloudFront, which is made in us-east-1; none if absent",
    _ROLES: "ARNs or patterns of the roles that provider configurations may use, with commas between them; "
    "roles called flowker-provider-… if absent",
}
"""What is read from the environment; docs/operations.md shows it."""

EXAMPLE: Mapping[str, str] = {
    _ACCOUNT: "123456789012",
    _API_KEYS: f"example={'0' * 64}",
    _ALARM_EMAIL: "operations@example.com",
    _ADMIN: "admin@example.com",
}
"""Enough to look at what would be made: `make synth` takes these where the environment says nothing."""


class SettingsMissing(Exception):
    """A stage cannot be made; the message names every setting that is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A deployment; several can share an account."""

    name: str
    durable: bool
    """Data outlive the stack: tables and bucket are kept, and protected against deletion."""
    edge: bool
    """Whether CloudFront stands in front of the API."""
    fault_injection: bool
    """Whether requests may ask to fail, so that clients can be tested."""
    log_level: str
    """`DEBUG` also tells what goes well, which costs as much again as everything else that is logged."""
    log_days: int
    requests_per_second: int
    burst: int
    """What the API accepts in all before it answers 429."""
    reserved: Mapping[str, int] = field(default_factory=dict)
    """Concurrency by function: kept for it, and its limit. An account must have 100 left that are reserved for none."""

    account: str = ""
    region: str = DEFAULT_REGION
    api_keys: str = ""
    alarm_email: str = ""
    admin_email: str = ""
    cors_origins: str = ""
    web_acl: str = ""
    provider_roles: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """What the names of everything begin with."""
        return f"flowker-{self.name}"


_CHOICES = (
    Stage(
        name="dev",
        durable=False,
        edge=False,
        fault_injection=True,
        log_level="DEBUG",
        log_days=7,
        requests_per_second=100,
        burst=200,
    ),
    Stage(
        name="staging",
        durable=True,
        edge=True,
        fault_injection=False,
        log_level="INFO",
        log_days=30,
        requests_per_second=500,
        burst=1000,
        reserved={"webhooks": 50, "run_node": 100, "run_script": 50},
    ),
    Stage(
        name="prod",
        durable=True,
        edge=True,
        fault_injection=False,
        log_level="INFO",
        log_days=365,
        requests_per_second=2000,
        burst=4000,
        reserved={"webhooks": 200, "run_node": 400, "run_script": 200},
    ),
)
STAGES: Mapping[str, Stage] = {stage.name: stage for stage in _CHOICES}


def stage_of(name: str, env: Mapping[str, str]) -> Stage:
    """A stage with the settings of its account. Raises `SettingsMissing`."""
    if name not in STAGES:
        raise SettingsMissing(f"there is no stage {name!r}; choose one of {', '.join(STAGES)}")
    chosen = STAGES[name]
    given = {setting: env.get(setting, "").strip() for setting in SETTINGS}
    problems = [*_absent(chosen, given), *_wrong(given)]
    if problems:
        raise SettingsMissing(
            "\n".join([f"stage {name} cannot be made:", *(f"  {line}" for line in problems)])
        )
    roles = tuple(filter(None, (role.strip() for role in given[_ROLES].split(","))))
    return Stage(
        **{name: getattr(chosen, name) for name in _FIXED},
        account=given[_ACCOUNT],
        region=given[_REGION] or DEFAULT_REGION,
        api_keys=given[_API_KEYS],
        alarm_email=given[_ALARM_EMAIL],
        admin_email=given[_ADMIN],
        cors_origins=given[_CORS],
        web_acl=given[_WEB_ACL],
        provider_roles=roles or ("arn:aws:iam::*:role/flowker-provider-*",),
    )


_FIXED = (
    "name", "durable", "edge", "fault_injection", "log_level", "log_days", "requests_per_second", "burst", "reserved",
)  # fmt: skip


def _absent(stage: Stage, given: Mapping[str, str]) -> list[str]:
    required = [_ACCOUNT, _API_KEYS, *([_ALARM_EMAIL] if stage.name != "dev" else [])]
    return [f"{name} is not set: {SETTINGS[name]}" for name in required if not given[name]]


def _wrong(given: Mapping[str, str]) -> list[str]:
    problems = []
    if given[_ACCOUNT] and not re.fullmatch(r"\d{12}", given[_ACCOUNT]):
        problems.append(f"{_ACCOUNT} is not a number of 12 digits")
    if given[_REGION] and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", given[_REGION]):
        problems.append(f"{_REGION} is not the name of a region")
    if given[_WEB_ACL] and not re.fullmatch(
        r"arn:aws:wafv2:us-east-1:\d{12}:global/webacl/.+", given[_WEB_ACL]
    ):
        problems.append(f"{_WEB_ACL} is not the ARN of a web ACL of us-east-1")
    try:  # the functions would refuse to start with what they cannot read
        Settings.from_env({name: given[name] for name in (_API_KEYS, _CORS, _ADMIN)})
    except ValueError as problem:
        problems.append(str(problem))
    return problems
