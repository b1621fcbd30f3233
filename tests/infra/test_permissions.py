"""Roles grant what the functions' real AWS calls need, and no more (see recording.py and flows.py)."""

from collections.abc import Mapping

import pytest

from infra_cdk.permissions import PERMISSIONS
from tests.infra.policies import BATCH, SINGLE, Template
from tests.infra.recording import Use

pytestmark = pytest.mark.timeout(300)  # the first test waits for the synthesis
FUNCTIONS = sorted(PERMISSIONS)
EXTRA: Mapping[str, str] = {
    "logs:CreateLogStream": "the runtime writes what is logged",
    "logs:PutLogEvents": "the runtime writes what is logged",
    "s3:ListBucket": "asked by S3 itself: without it a missing object is a refusal, not a missing object",
    "dynamodb:DescribeStream": "Lambda reads the stream for the function",
    "dynamodb:GetRecords": "Lambda reads the stream for the function",
    "dynamodb:GetShardIterator": "Lambda reads the stream for the function",
    "dynamodb:ListStreams": "Lambda reads the stream for the function",
    "sqs:SendMessage": "Lambda puts aside what the function could not handle",
    "xray:PutTraceSegments": "Lambda traces the function",
    "xray:PutTelemetryRecords": "Lambda traces the function",
}
"""Granted although no function asks for it by itself."""
RACES = {("reconcile", "OUTBOX#*")}
"""Which notices are left is looked up only where the stream's consumer has been quicker meanwhile."""
RARE: Mapping[tuple[str, str], str] = {
    (
        "push_updates",
        "lambda:InvokeFunction",
    ): "it calls itself when it has more to tell than ten seconds are enough for",
    ("reconcile", "lambda:InvokeFunction"): "as push_updates, where it does that one's work",
}
"""Granted for what takes too long to be played here, by function and action."""
MOST_CHARACTERS = 10_240
"""Of the policies in a role, without white space."""


def asked(action: str) -> set[str]:
    """How many keys a store reads at a time decides between two actions that give the same."""
    return {BATCH, SINGLE} if action in (BATCH, SINGLE) else {action}


def needed(template: Template, uses: set[Use], function: str) -> list[tuple[str, str, Use]]:
    """Action, ARN and call, for each that the function made."""
    return [(use.action, template.arn(use), use) for use in sorted(uses) if use.function == function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_grants_what_the_function_needs(template: Template, uses: set[Use], function: str) -> None:
    permits = template.permits(function)
    refused = {
        (action, use.resource, use.partition, use.context)
        for action, resource, use in needed(template, uses, function)
        if not any(permit.covers(action, resource, use) for permit in permits)
    }
    assert not refused, f"infra_cdk/permissions.py, {function}: missing"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_grants_nothing_else(template: Template, uses: set[Use], function: str) -> None:
    made = needed(template, uses, function)
    idle = {
        permit
        for permit in template.permits(function)
        if permit.action not in EXTRA
        and (function, permit.action) not in RARE
        and not (permit.action in asked(SINGLE) and (function, permit.partition) in RACES)
        and not any(
            permit.covers(permit.action, resource, use)
            for action, resource, use in made
            if permit.action in asked(action)
        )
    }
    assert not idle, f"infra_cdk/permissions.py, {function}: not needed, or no flow in flows.py needs it yet"


def test_every_function_was_seen_at_work(uses: set[Use]) -> None:
    quiet = {name for name, grants in PERMISSIONS.items() if not grants}
    assert {use.function for use in uses} == {*FUNCTIONS} - quiet


def test_what_is_granted_without_being_asked_for_is_granted(template: Template) -> None:
    """The list of exceptions has nothing that is not there any more."""
    granted = {permit.action for function in FUNCTIONS for permit in template.permits(function)}
    assert granted >= {*EXTRA}


def test_no_function_can_change_or_delete_what_is_in_the_audit_trail(template: Template) -> None:
    for function in FUNCTIONS:
        for permit in template.permits(function):
            if permit.resource.startswith(template.arn(Use(function, "", "table/audit"))):
                assert permit.action not in ("dynamodb:UpdateItem", "dynamodb:DeleteItem"), function


def test_no_role_grants_whole_services(template: Template) -> None:
    for function in FUNCTIONS:
        assert not [permit for permit in template.permits(function) if "*" in permit.action]


def test_each_function_has_a_role_of_its_own(template: Template) -> None:
    roles = [template.role_of(function) for function in FUNCTIONS]
    assert len({*roles}) == len(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_policies_fit_into_a_role(template: Template, function: str) -> None:
    statements = list(template.statements(template.role_of(function)))
    assert len("".join(str(statements).split())) < MOST_CHARACTERS


def test_state_machines_may_call_their_two_functions_write_logs_and_be_traced(template: Template) -> None:
    role = template.machine_role.split(" ")[1].removesuffix(".Arn>")
    allowed = {
        (action.split(":")[0], resource)
        for statement in template.statements(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    variables = template.functions["workflows"]["Environment"]["Variables"]
    called = {variables["FLOWKER_RUN_NODE"], variables["FLOWKER_RECORD_EXECUTION"]}
    assert allowed == {*(("lambda", arn) for arn in called), ("logs", "*"), ("xray", "*")}
