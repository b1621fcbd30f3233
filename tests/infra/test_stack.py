"""The template says what the code says: tables, functions, routes, the stream's filter, alarms and their runbook."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.dynamodb.schema import create_table_request
from flowker.adapters.items import Key
from flowker.compiler.policy import EXECUTION_SECONDS
from flowker.http.routes import FALLBACK, ROUTES
from flowker.model.run import RUN_PREFIX
from flowker.settings import Settings
from flowker.settings.variables import VARIABLES
from infra_cdk.permissions import BARE, PERMISSIONS
from infra_cdk.stages import Stage
from tests.infra.policies import Template
from tests.verbs import ROOT

pytestmark = pytest.mark.timeout(300)  # the first test waits for the synthesis
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def by_name(indexes: list[dict[str, Any]]) -> dict[str, Any]:
    return {index["IndexName"]: {**index, "IndexName": None} for index in indexes}


# --- data ------------------------------------------------------------------------------------------------------------


def table_named(template: Template, table: str) -> dict[str, Any]:
    physical = f"{template.stage.prefix}-{table}"
    tables = template.of_type("AWS::DynamoDB::GlobalTable").values()
    return next(each for each in tables if each["TableName"] == physical)


@pytest.mark.parametrize("table", keys.TABLES)
def test_a_table_is_what_the_stores_were_tested_on(template: Template, table: str) -> None:
    made, tested = table_named(template, table), create_table_request(table, "physical")
    assert made["KeySchema"] == tested["KeySchema"]
    assert made["BillingMode"] == tested["BillingMode"]
    assert by_name(made["GlobalSecondaryIndexes"]) == by_name(tested["GlobalSecondaryIndexes"])
    attributes = {each["AttributeName"]: each["AttributeType"] for each in made["AttributeDefinitions"]}
    assert attributes == {
        each["AttributeName"]: each["AttributeType"] for each in tested["AttributeDefinitions"]
    }
    stream = tested.get("StreamSpecification", {}).get("StreamViewType")
    assert made.get("StreamSpecification", {}).get("StreamViewType") == stream


@pytest.mark.parametrize("table", keys.TABLES)
def test_a_table_can_be_restored_and_not_be_deleted(template: Template, table: str) -> None:
    (replica,) = table_named(template, table)["Replicas"]
    assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert replica["DeletionProtectionEnabled"] is True
    assert replica["SSESpecification"]["KMSMasterKeyId"].startswith("<AWS::KMS::Key ")


def test_the_tables_of_the_stores_are_all(template: Template) -> None:
    assert len(template.of_type("AWS::DynamoDB::GlobalTable")) == len(keys.TABLES)
    expiring = [table for table in keys.TABLES if "TimeToLiveSpecification" in table_named(template, table)]
    assert expiring == [keys.EXECUTIONS]


def test_data_outlive_the_stack(template: Template) -> None:
    lasting = ("AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket", "AWS::KMS::Key")
    for name, resource in template.resources.items():
        if resource["Type"] in lasting:
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain"), name


def test_payloads_are_versioned_encrypted_and_private(template: Template) -> None:
    (bucket,) = template.of_type("AWS::S3::Bucket").values()
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_payloads_of_runs_expire_after_the_runs_and_all_others_stay(template: Template) -> None:
    (bucket,) = template.of_type("AWS::S3::Bucket").values()
    expiring = [each for each in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in each]
    (rule,) = expiring
    run, workflow_execution = keys.execution(f"{RUN_PREFIX}{uuid4()}"), keys.execution(str(uuid4()))
    assert keys.folder(run).startswith(rule["Prefix"])
    for kept in (workflow_execution, keys.entry("account-1", "k"), keys.revision("ab"), keys.workflow("1")):
        assert not keys.folder(kept).startswith(rule["Prefix"])
    longest = timedelta(days=Settings().retention_days, seconds=Settings().longest_run)
    assert timedelta(days=rule["ExpirationInDays"]) >= longest + timedelta(
        days=2
    )  # as late as DynamoDB may be


def test_every_log_is_encrypted_and_ends(template: Template) -> None:
    for group in template.of_type("AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"].startswith("<AWS::KMS::Key ")
        assert group["RetentionInDays"] == template.stage.log_days


# --- functions -------------------------------------------------------------------------------------------------------


def test_a_folder_is_a_function(template: Template) -> None:
    assert sorted(template.functions) == sorted(PERMISSIONS) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_made_for_its_runtime(template: Template, function: str) -> None:
    made = template.functions[function]
    assert (made["Runtime"], made["Architectures"]) == ("python3.13", ["arm64"])
    assert made["Handler"] == "handler.lambda_handler"
    assert len(made["Layers"]) == 2
    assert made.get("ReservedConcurrentExecutions") == template.stage.reserved.get(function)
    assert made["LoggingConfig"]["LogFormat"] == "JSON"
    assert made["LoggingConfig"]["ApplicationLogLevel"] == template.stage.log_level
    assert made.get("TracingConfig") == (None if function == BARE else {"Mode": "Active"})


def test_what_users_have_written_runs_where_nothing_is_permitted(template: Template) -> None:
    assert {permit.action for permit in template.permits(BARE)} == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_functions_are_given_the_time_that_their_callers_wait(template: Template) -> None:
    serving = {*(route.function for route in ROUTES), FALLBACK}
    assert {name: template.functions[name]["Timeout"] for name in serving} == dict.fromkeys(serving, 29)
    assert template.functions["run_node"]["Timeout"] > EXECUTION_SECONDS
    assert template.functions["reconcile"]["Timeout"] < 60


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_can_read_its_settings(template: Template, function: str) -> None:
    if function == BARE:
        assert "Environment" not in template.functions[function]
        return
    variables = template.functions[function]["Environment"]["Variables"]
    assert {*variables} <= {variable.name for variable in VARIABLES}
    settings = Settings.from_env(variables)
    assert (settings.stage, settings.deployment_mode) == (template.stage.name, "byoc")
    assert settings.table(keys.AUDIT) == f"{template.stage.prefix}-audit"


def test_keys_are_given_only_to_functions_that_check_them(template: Template) -> None:
    knowing = {
        name
        for name, made in template.functions.items()
        if "FLOWKER_API_KEYS" in made.get("Environment", {}).get("Variables", {})
    }
    assert knowing == {*(route.function for route in ROUTES), FALLBACK} - {"health", "api_docs"}


# --- ways in ---------------------------------------------------------------------------------------------------------


def http_api(template: Template) -> str:
    apis = template.of_type("AWS::ApiGatewayV2::Api").items()
    return next(name for name, each in apis if each["ProtocolType"] == "HTTP")


def test_a_path_is_a_route_to_its_function(template: Template) -> None:
    integrations = template.of_type("AWS::ApiGatewayV2::Integration")
    served = {
        route["RouteKey"]: integrations[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
        for route in template.of_type("AWS::ApiGatewayV2::Route").values()
        if route["ApiId"] == http_api(template)
    }
    told = {f"ANY {route.path}": route.function for route in ROUTES} | {"$default": FALLBACK}
    prefix = f"{template.stage.prefix}-"
    assert {key: uri.rsplit(":", 1)[1].removeprefix(prefix) for key, uri in served.items()} == told


def test_the_api_may_call_every_function_that_it_has_routes_to(template: Template) -> None:
    granted = {
        permission["FunctionName"]
        for permission in template.of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
    }
    integrations = template.of_type("AWS::ApiGatewayV2::Integration").values()
    routed = {each["IntegrationUri"] for each in integrations if each["ApiId"] == http_api(template)}
    assert granted == routed


def test_requests_are_logged_and_throttled(template: Template) -> None:
    stages = template.of_type("AWS::ApiGatewayV2::Stage").values()
    (stage,) = (each for each in stages if each["ApiId"] == http_api(template))
    assert json.loads(stage["AccessLogSettings"]["Format"])["requestId"] == "$context.requestId"
    settings = stage["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == template.stage.requests_per_second
    assert settings["ThrottlingBurstLimit"] == template.stage.burst


def consumers(template: Template) -> dict[str, dict[str, Any]]:
    """Event source mappings by the name of their function."""
    found = template.of_type("AWS::Lambda::EventSourceMapping").values()
    return {each["FunctionName"].rsplit(f"{template.stage.prefix}-", 1)[1]: each for each in found}


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        ("append_audit", keys.outbox("owner", "2026-03-01T10:00:00.000Z", "notice")),
        ("push_updates", keys.event("e", 7)),
    ],
)
def test_the_stream_delivers_to_each_what_is_for_it_and_nothing_else(
    template: Template, function: str, wanted: Key
) -> None:
    (one,) = consumers(template)[function]["FilterCriteria"]["Filters"]
    pattern = json.loads(one["Pattern"])
    assert pattern["eventName"] == ["INSERT"]
    conditions = pattern["dynamodb"]["Keys"]

    def passes(key: Key) -> bool:
        parts = {"pk": key.pk, "sk": key.sk}
        return all(parts[name].startswith(each["S"][0]["prefix"]) for name, each in conditions.items())

    every = {
        keys.outbox("owner", "2026-03-01T10:00:00.000Z", "notice"),
        keys.event("e", 7),
        keys.execution("e"),
        keys.execution_input("e"),
        keys.step("e", "EVENT"),
        keys.idempotency("k"),
    }
    assert {key for key in every if passes(key)} == {wanted}


@pytest.mark.parametrize("function", ["append_audit", "push_updates"])
def test_what_a_consumer_cannot_handle_is_cut_out_tried_again_and_put_aside(
    template: Template, function: str
) -> None:
    mapping = consumers(template)[function]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumRetryAttempts"] == 5
    queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert "dead" in queue
    assert {"sqs:SendMessage"} == {
        permit.action for permit in template.permits(function) if permit.resource == queue
    }


def test_what_nobody_waits_for_is_tried_again_and_then_put_aside(template: Template) -> None:
    """Runs that have to be pushed; the schedule repeats itself."""
    configs = {
        template.function_named(each["FunctionName"]): each
        for each in template.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    assert {*configs} == {"push_updates", "reconcile", "run_schedule"}
    pushed = configs["push_updates"]
    assert pushed["MaximumRetryAttempts"] == 2
    assert (
        pushed["DestinationConfig"]["OnFailure"]["Destination"]
        == consumers(template)["push_updates"]["DestinationConfig"]["OnFailure"]["Destination"]
    )
    assert configs["reconcile"]["MaximumRetryAttempts"] == 0


def test_ends_that_nobody_could_report_are_reported(template: Template) -> None:
    (rule,) = template.of_type("AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail-type"] == ["Step Functions Execution Status Change"]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    (target,) = rule["Targets"]
    assert target["Arn"].endswith("record_execution")
    assert "DeadLetterConfig" in target


def test_reconcile_runs_every_minute(template: Template) -> None:
    (schedule,) = template.of_type("AWS::Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["Arn"].endswith("reconcile")


def test_schedules_of_flows_may_call_their_function_and_no_other(template: Template) -> None:
    (group,) = template.of_type("AWS::Scheduler::ScheduleGroup").values()
    assert group["Name"] == template.stage.prefix
    role = template.scheduler_role.split(" ")[1].removesuffix(".Arn>")
    (statement,) = template.statements(role)
    variables = template.functions["run_node"]["Environment"]["Variables"]
    assert statement["Action"] == ["lambda:InvokeFunction"]
    assert statement["Resource"] == [variables["FLOWKER_RUN_SCHEDULE"]]
    assert variables["FLOWKER_RUN_SCHEDULE"].endswith(":run_schedule") or variables[
        "FLOWKER_RUN_SCHEDULE"
    ].endswith("-run_schedule")


def test_sockets_are_served_whatever_they_do(template: Template) -> None:
    (socket_api,) = (
        name
        for name, each in template.of_type("AWS::ApiGatewayV2::Api").items()
        if each["ProtocolType"] == "WEBSOCKET"
    )
    routes = [
        each for each in template.of_type("AWS::ApiGatewayV2::Route").values() if each["ApiId"] == socket_api
    ]
    assert sorted(each["RouteKey"] for each in routes) == ["$connect", "$default", "$disconnect"]
    integrations = template.of_type("AWS::ApiGatewayV2::Integration")
    for route in routes:
        called = integrations[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
        assert called.endswith(f":function:{template.stage.prefix}-websocket/invocations")
    (answer,) = template.of_type("AWS::ApiGatewayV2::RouteResponse").values()
    assert (answer["ApiId"], answer["RouteResponseKey"]) == (socket_api, "$default")
    (made,) = (
        each for each in template.of_type("AWS::ApiGatewayV2::Stage").values() if each["ApiId"] == socket_api
    )
    endpoint = f"https://{socket_api}.execute-api.{template.stage.region}.amazonaws.com/{made['StageName']}"
    for name in ("push_updates", "reconcile", "auth", "accounts"):
        assert template.functions[name]["Environment"]["Variables"]["FLOWKER_SOCKET_ENDPOINT"] == endpoint


def test_the_signing_keys_are_made_with_the_stage(template: Template) -> None:
    made = template.of_type("AWS::SecretsManager::Secret")
    (auth,) = (each for each in made.values() if "SecretString" in each)
    document = json.loads(auth["SecretString"])
    assert document["order"] == [*document["keys"]]
    assert {*document} == {"keys", "order", "admin_password"}
    texts = [*document["keys"].values(), document["admin_password"]]
    assert all(text.startswith("{{resolve:secretsmanager:") for text in texts)
    assert len({*texts}) == len(texts)
    lengths = {
        each["Name"].split("/")[1]: each["GenerateSecretString"]["PasswordLength"]
        for each in made.values()
        if each is not auth
    }
    assert lengths == {"origin": 48, "first-key": 64, "first-admin": 24}
    for each in made.values():
        assert each["KmsKeyId"].startswith("<AWS::KMS::Key ")


# --- what is watched -------------------------------------------------------------------------------------------------


def test_every_alarm_has_a_line_in_the_runbook_and_every_line_an_alarm(
    template: Template, stage: Stage
) -> None:
    alarms = {
        re.sub(
            r"^(errors|throttles|table-throttles|dead-letters)-.*",
            r"\1-…",
            name.removeprefix(f"{stage.prefix}-"),
        )
        for name in (alarm["AlarmName"] for alarm in template.of_type("AWS::CloudWatch::Alarm").values())
    }
    runbook = OPERATIONS.split("## Alarms", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\| `([^`]+)` \|", runbook, re.MULTILINE)
    assert sorted(lines) == sorted(alarms)


def test_somebody_is_told_about_alarms(template: Template, stage: Stage) -> None:
    for alarm in template.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"], alarm["AlarmName"]
    (subscription,) = template.of_type("AWS::SNS::Subscription").values()
    assert subscription["Endpoint"] == stage.alarm_email


def test_the_dashboard_shows_every_function_and_table(template: Template) -> None:
    (board,) = template.of_type("AWS::CloudWatch::Dashboard").values()
    shown = json.dumps(board["DashboardBody"])
    for name in [*FUNCTIONS, *keys.TABLES]:
        assert f"{template.stage.prefix}-{name}" in shown


# --- judges ----------------------------------------------------------------------------------------------------------


def test_cdk_nag_finds_nothing_that_is_not_explained(synthesised: Path) -> None:
    report = synthesised / "validation-report.json"
    found = json.loads(report.read_text())["pluginReports"] if report.exists() else []
    assert [violation["ruleName"] for plugin in found for violation in plugin["violations"]] == []


def test_cfn_lint_finds_nothing(synthesised: Path, stage: Stage) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    template = synthesised / f"{stage.prefix}.template.json"
    done = subprocess.run([lint, template], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_sam_finds_nothing(synthesised: Path, stage: Stage) -> None:
    sam = ROOT / "build" / "sam-cli" / "bin" / "sam"
    if not sam.exists():
        pytest.skip("SAM is not installed: `make sam` installs it")
    template = synthesised / f"{stage.prefix}.template.json"
    command = [str(sam), "validate", "--lint", "--region", stage.region, "--template-file", str(template)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SAM_CLI_TELEMETRY": "0"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout
