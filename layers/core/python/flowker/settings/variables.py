"""The only list of the variables that the environment may hold: docs/reference/settings.md shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flowker.settings.texts import (
    LEAST_SECRET,
    MOST_DAYS,
    MOST_HOURS,
    MOST_RUN_SECONDS,
    MOST_STEPS,
    PASSWORD,
    api_keys,
    email,
    flag,
    one_of,
    origins,
    password,
    signing_secrets,
    stage,
    whole,
)

DeploymentMode = Literal["saas", "byoc", "local"]
EngineSetting = Literal["auto", "express", "standard"]


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


_FLAG = "`true` or `false`"
_REFERENCE = "ARN"

VARIABLES = (
    Variable(
        "FLOWKER_API_KEYS",
        "api_keys",
        api_keys,
        "`id=sha256`, with commas between them",
        "The API keys that are accepted, each by its SHA-256 in hexadecimal. The id is what the audit trail names as actor; "
        "it has no `|`.",
    ),
    Variable(
        "FLOWKER_CORS_ORIGINS",
        "cors_origins",
        origins,
        "origins with commas between them, or `*`",
        "The web pages that may call the API.",
    ),
    Variable(
        "FLOWKER_SSRF_ALLOW_PRIVATE",
        "allow_private_destinations",
        flag,
        _FLAG,
        "Whether workflows may call providers on private and loopback addresses.",
    ),
    Variable(
        "FLOWKER_FAULT_INJECTION",
        "fault_injection",
        flag,
        _FLAG,
        "Whether requests may ask to fail, by the header `X-Test-Fault-Injection`; for tests of clients.",
    ),
    Variable(
        "FLOWKER_DEPLOYMENT_MODE",
        "deployment_mode",
        one_of(DeploymentMode),
        "`saas`, `byoc` or `local`",
        "What `/readyz` says about who runs this deployment.",
    ),
    Variable(
        "FLOWKER_STAGE",
        "stage",
        stage,
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
        "FLOWKER_RUN_SCRIPT",
        "run_script",
        str,
        _REFERENCE,
        "The function that runs scripts of flows; its role has no permissions.",
    ),
    Variable(
        "FLOWKER_PUSH_UPDATES",
        "push_updates",
        str,
        _REFERENCE,
        "The function that tells WebSocket clients what happens in executions of flows.",
    ),
    Variable(
        "FLOWKER_RUN_SCHEDULE",
        "run_schedule",
        str,
        _REFERENCE,
        "The function that EventBridge Scheduler calls when a schedule of a flow or workflow is due.",
    ),
    Variable(
        "FLOWKER_SCHEDULER_ROLE",
        "scheduler_role",
        str,
        _REFERENCE,
        "The role that EventBridge Scheduler calls it under; the schedules are in the group `flowker-<stage>`.",
    ),
    Variable(
        "FLOWKER_SOCKET_ENDPOINT",
        "socket_endpoint",
        str,
        "URL",
        "The stage of the WebSocket API, where messages to its clients are posted.",
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
        one_of(EngineSetting),
        "`auto`, `express` or `standard`",
        "Which Step Functions run workflows that are activated from now on: `auto` takes Express where the worst case of the "
        "definition is below five minutes, and Standard for the others.",
    ),
    Variable(
        "FLOWKER_STATE_MACHINE_LOGS",
        "state_machine_logs",
        str,
        _REFERENCE,
        "The log group that state machines tell their failures to, without any of their data; X-Ray traces them, too. Without "
        "it, neither.",
    ),
    Variable(
        "FLOWKER_METRICS",
        "metrics",
        flag,
        _FLAG,
        "Whether measurements are written to standard output, one line of CloudWatch's embedded metric format an invocation.",
    ),
    Variable(
        "FLOWKER_ORIGIN_SECRET",
        "origin_secret",
        str,
        "text",
        "What CloudFront sends as `X-Flowker-Origin`: requests that have it were called from the address that CloudFront says, "
        "all others from the one that they come from.",
    ),
    Variable(
        "FLOWKER_LONGEST_RUN",
        "longest_run",
        whole(MOST_RUN_SECONDS),
        f"whole number from 1 to {MOST_RUN_SECONDS}",
        "How many seconds a run of a flow may take. It holds for versions that are stored from then on.",
    ),
    Variable(
        "FLOWKER_STEP_LIMIT",
        "step_limit",
        whole(MOST_STEPS),
        f"whole number from 1 to {MOST_STEPS}",
        "How many nodes a run of a flow may enter, counted each time; then it fails.",
    ),
    Variable(
        "FLOWKER_RETENTION_DAYS",
        "retention_days",
        whole(MOST_DAYS),
        f"whole number from 1 to {MOST_DAYS}",
        "How many days a run of a flow, its log and its events are kept after the latest moment at which it can end.",
    ),
    Variable(
        "FLOWKER_TOKEN_HOURS",
        "token_hours",
        whole(MOST_HOURS),
        f"whole number from 1 to {MOST_HOURS}",
        "How many hours a token of `/api/v1` is valid.",
    ),
    Variable(
        "FLOWKER_AUTH_SECRET",
        "auth_secret",
        str,
        _REFERENCE,
        "The secret of Secrets Manager with the signing keys of tokens and the first admin's password, as JSON: "
        '`{"keys": {"<id>": "<secret>"}, "order": ["<id>"], "admin_password": "…"}`. The first key in `order`, or in `keys`, '
        "signs; all verify.",
    ),
    Variable(
        "FLOWKER_JWT_KEYS",
        "jwt_keys",
        signing_secrets,
        "`id=secret`, with commas between them",
        f"The signing keys of tokens, where there is no `FLOWKER_AUTH_SECRET`; each has at least {LEAST_SECRET} bytes. The "
        "first one signs, all verify.",
    ),
    Variable(
        "FLOWKER_ADMIN_EMAIL",
        "admin_email",
        email,
        "e-mail address",
        "The first admin, who is made if there has never been one.",
    ),
    Variable(
        "FLOWKER_ADMIN_PASSWORD",
        "admin_password",
        password,
        "{} to {} characters".format(*PASSWORD),
        "The first admin's password, where there is no `FLOWKER_AUTH_SECRET`.",
    ),
)
"""What a deployed function reads; the stack sets what it needs."""
