"""The template says what the code says: tables, functions, routes, the stream's filter, alarms and their runbook."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowker.adapters import keys
from flowker.adapters.dynamodb.schema import create_table_request
from flowker.compiler.policy import EXECUTION_SECONDS
from flowker.http.routes import FALLBACK, ROUTES
from flowker.settings import VARIABLES, Settings
from infra_cdk.permissions import PERMISSIONS
from infra_cdk.stages import Stage
from tests.infra.policies import Template
from tests.verbs import ROOT

pytestmark = pytest.mark.timeout(300)  # the first test waits for the synthesis
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "layers" / "core" / "python").rglob("*.py"))


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
    prefixes = {rule["Prefix"] for rule in bucket["LifecycleConfiguration"]["Rules"] if "Prefix" in rule}
    assert prefixes == {keys.blob(keys.execution(""), "").split("/")[0] + "/"}


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


def test_functions_are_given_the_time_that_their_callers_wait(template: Template) -> None:
    serving = {*(route.function for route in ROUTES), FALLBACK}
    assert {name: template.functions[name]["Timeout"] for name in serving} == dict.fromkeys(serving, 29)
    assert template.functions["run_node"]["Timeout"] > EXECUTION_SECONDS
    assert template.functions["reconcile"]["Timeout"] < 60


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_can_read_its_settings(template: Template, function: str) -> None:
    variables = template.functions[function]["Environment"]["Variables"]
    assert {*variables} <= {variable.name for variable in VARIABLES}
    settings = Settings.from_env(variables)
    assert (settings.stage, settings.deployment_mode) == (template.stage.name, "byoc")
    assert settings.table(keys.AUDIT) == f"{template.stage.prefix}-audit"


def test_keys_are_given_only_to_functions_that_check_them(template: Template) -> None:
    knowing = {
        name
        for name, made in template.functions.items()
        if "FLOWKER_API_KEYS" in made["Environment"]["Variables"]
    }
    assert knowing == {*(route.function for route in ROUTES), FALLBACK} - {"health", "api_docs"}


# --- ways in ---------------------------------------------------------------------------------------------------------


def test_a_path_is_a_route_to_its_function(template: Template) -> None:
    integrations = template.of_type("AWS::ApiGatewayV2::Integration")
    served = {
        route["RouteKey"]: integrations[route["Target"].removeprefix("integrations/")]["IntegrationUri"]
        for route in template.of_type("AWS::ApiGatewayV2::Route").values()
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
    routed = {each["IntegrationUri"] for each in template.of_type("AWS::ApiGatewayV2::Integration").values()}
    assert granted == routed


def test_requests_are_logged_and_throttled(template: Template) -> None:
    (stage,) = template.of_type("AWS::ApiGatewayV2::Stage").values()
    assert json.loads(stage["AccessLogSettings"]["Format"])["requestId"] == "$context.requestId"
    settings = stage["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == template.stage.requests_per_second
    assert settings["ThrottlingBurstLimit"] == template.stage.burst


def test_the_stream_delivers_announcements_and_nothing_else(template: Template) -> None:
    (mapping,) = template.of_type("AWS::Lambda::EventSourceMapping").values()
    (one,) = mapping["FilterCriteria"]["Filters"]
    pattern = json.loads(one["Pattern"])
    assert pattern["eventName"] == ["INSERT"]
    ((condition,),) = pattern["dynamodb"]["Keys"]["pk"].values()
    every = [
        keys.outbox("owner", "2026-03-01T10:00:00.000Z", "notice"),
        keys.execution("e"),
        keys.idempotency("k"),
    ]
    assert [key.pk.startswith(condition["prefix"]) for key in every] == [True, False, False]


def test_what_the_consumer_cannot_handle_is_halved_tried_again_and_put_aside(template: Template) -> None:
    (mapping,) = template.of_type("AWS::Lambda::EventSourceMapping").values()
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 5
    assert "dead" in mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert mapping["FunctionName"] == template.functions["append_audit"]["FunctionName"] or mapping[
        "FunctionName"
    ].endswith("append_audit")


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


def test_cloudfront_passes_everything_on_and_keeps_nothing(template: Template) -> None:
    (distribution,) = template.of_type("AWS::CloudFront::Distribution").values()
    behaviour = distribution["DistributionConfig"]["DefaultCacheBehavior"]
    assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS's own: CachingDisabled
    assert behaviour["ViewerProtocolPolicy"] == "https-only"
    assert len(behaviour["AllowedMethods"]) == 7


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


def test_metrics_from_logs_look_for_what_is_logged(template: Template) -> None:
    filters = template.of_type("AWS::Logs::MetricFilter").values()
    messages = {re.findall(r'\$\.message = "([^"]+)"', each["FilterPattern"])[0] for each in filters}
    assert messages
    for message in messages:
        assert f'"{message}"' in SOURCES


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
