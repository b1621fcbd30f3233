"""Stages say what they lack, all at once, and nothing is made."""

import re
import subprocess
import sys

import pytest

from infra_cdk.stages import EXAMPLE, SETTINGS, STAGES, SettingsMissing, stage_of
from tests.verbs import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_with_its_settings_can_be_made(name: str) -> None:
    made = stage_of(name, EXAMPLE)
    assert (made.prefix, made.account, made.region) == (f"flowker-{name}", "123456789012", "eu-central-1")


@pytest.mark.parametrize("name", STAGES)
def test_every_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsMissing) as refusal:
        stage_of(name, {})
    expected = {
        "FLOWKER_AWS_ACCOUNT",
        "FLOWKER_API_KEYS",
        *([] if name == "dev" else ["FLOWKER_ALARM_EMAIL"]),
    }
    assert {*re.findall(r"(FLOWKER_\w+) is not set", str(refusal.value))} == expected


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("FLOWKER_AWS_ACCOUNT", "prod"),
        ("FLOWKER_AWS_REGION", "Frankfurt"),
        ("FLOWKER_API_KEYS", "operations=s3cret"),
        ("FLOWKER_CORS_ORIGINS", "console.example"),
        ("FLOWKER_WEB_ACL_ARN", "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/x/y"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(setting: str, value: str) -> None:
    with pytest.raises(SettingsMissing, match=setting) as refusal:
        stage_of("prod", {**EXAMPLE, setting: value})
    assert "s3cret" not in str(refusal.value)


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(SettingsMissing, match="choose one of dev, staging, prod"):
        stage_of("production", EXAMPLE)


def test_roles_of_providers_can_be_named() -> None:
    given = {**EXAMPLE, "FLOWKER_PROVIDER_ROLES": "arn:aws:iam::1:role/a, arn:aws:iam::2:role/b"}
    assert stage_of("dev", given).provider_roles == ("arn:aws:iam::1:role/a", "arn:aws:iam::2:role/b")


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_documented(setting: str) -> None:
    assert f"| `{setting}` |" in OPERATIONS


def test_the_application_ends_with_the_reason_and_without_a_template() -> None:
    pytest.importorskip("aws_cdk", reason="the CDK is not installed: `make synth` installs it")
    done = subprocess.run(
        [sys.executable, "-m", "infra_cdk.app"],
        cwd=ROOT,
        env={"FLOWKER_STAGE": "prod"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "stage prod cannot be made" in done.stderr
    assert "Traceback" not in done.stderr
