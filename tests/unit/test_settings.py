"""What is read from the environment, and how bad values are told (docs/reference/settings.md)."""

from dataclasses import fields
from typing import Any

import pytest

from flowker.settings import Settings
from flowker.settings.variables import VARIABLES

ONE, TWO = "ab" * 32, "cd" * 32


def test_nothing_set_means_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env({variable.name: " " for variable in VARIABLES}) == Settings()
    assert Settings.from_env({"PATH": "/bin", "FLOWKER_COLOUR": "red"}) == Settings()


def test_every_field_has_one_variable_but_for_authentication_which_is_never_off_in_a_deployment() -> None:
    read = [variable.field for variable in VARIABLES]
    assert sorted(read) == sorted({each.name for each in fields(Settings)} - {"authenticate"})
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("FLOWKER_API_KEYS", f"one={ONE}", "api_keys", {"one": ONE}),
        ("FLOWKER_API_KEYS", f" one={ONE} , two={TWO},", "api_keys", {"one": ONE, "two": TWO}),
        ("FLOWKER_API_KEYS", f"night batch@ü={ONE.upper()}", "api_keys", {"night batch@ü": ONE}),
        ("FLOWKER_TOKEN_HOURS", "720", "token_hours", 720),
        ("FLOWKER_JWT_KEYS", f"b={ONE}, a={TWO}", "jwt_keys", {"b": ONE.encode(), "a": TWO.encode()}),
        ("FLOWKER_ADMIN_EMAIL", "root@localhost", "admin_email", "root@localhost"),
        ("FLOWKER_ADMIN_PASSWORD", "correct horse", "admin_password", "correct horse"),
        ("FLOWKER_CORS_ORIGINS", "*", "cors_origins", ("*",)),
        (
            "FLOWKER_CORS_ORIGINS",
            "https://a.example, http://localhost:3000,",
            "cors_origins",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("FLOWKER_SSRF_ALLOW_PRIVATE", "true", "allow_private_destinations", True),
        ("FLOWKER_SSRF_ALLOW_PRIVATE", "1", "allow_private_destinations", True),
        ("FLOWKER_SSRF_ALLOW_PRIVATE", "0", "allow_private_destinations", False),
        ("FLOWKER_FAULT_INJECTION", "TRUE", "fault_injection", True),
        ("FLOWKER_FAULT_INJECTION", "False", "fault_injection", False),
        ("FLOWKER_DEPLOYMENT_MODE", "saas", "deployment_mode", "saas"),
        ("FLOWKER_DEPLOYMENT_MODE", "byoc", "deployment_mode", "byoc"),
        ("FLOWKER_STAGE", "prod-2", "stage", "prod-2"),
        ("AWS_REGION", "sa-east-1", "region", "sa-east-1"),
        ("FLOWKER_BUCKET", "payloads", "bucket", "payloads"),
        ("FLOWKER_KMS_KEY", "arn:aws:kms:key", "kms_key", "arn:aws:kms:key"),
        ("FLOWKER_RUN_NODE", "arn:aws:lambda:run", "run_node", "arn:aws:lambda:run"),
        ("FLOWKER_RECORD_EXECUTION", "arn:aws:lambda:record", "record_execution", "arn:aws:lambda:record"),
        ("FLOWKER_STATE_MACHINE_ROLE", "arn:aws:iam:role", "state_machine_role", "arn:aws:iam:role"),
        ("FLOWKER_ENGINE", "express", "engine", "express"),
    ],
)
def test_a_variable_sets_its_field(name: str, text: str, field: str, value: Any) -> None:
    found = Settings.from_env({name: text})
    assert getattr(found, field) == value
    others = [each.name for each in fields(Settings) if each.name != field]
    assert [getattr(found, each) for each in others] == [getattr(Settings(), each) for each in others]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("FLOWKER_API_KEYS", "one", "entry 1 is not id=sha256"),
        ("FLOWKER_API_KEYS", f"one={ONE},two", "entry 2 is not id=sha256"),
        ("FLOWKER_API_KEYS", "one=" + "x" * 64, "entry 1 is not id=sha256"),
        ("FLOWKER_API_KEYS", f"one={ONE}0", "entry 1 is not id=sha256"),
        ("FLOWKER_API_KEYS", f"one=two={ONE}", "entry 1 is not id=sha256"),
        ("FLOWKER_API_KEYS", f"={ONE}", "must not be empty"),
        ("FLOWKER_API_KEYS", f"on|e={ONE}", r"or contain \|: 'on\|e'"),
        ("FLOWKER_API_KEYS", f"one={ONE},one={TWO}", "entry 2 has the id of an earlier one"),
        ("FLOWKER_CORS_ORIGINS", "https://a.example,b.example", "b.example is not an origin"),
        ("FLOWKER_CORS_ORIGINS", "https://a.example/", "https://a.example/ is not an origin"),
        ("FLOWKER_SSRF_ALLOW_PRIVATE", "yes", "must be true or false"),
        ("FLOWKER_FAULT_INJECTION", "on", "must be true or false"),
        ("FLOWKER_DEPLOYMENT_MODE", "SaaS", "must be one of saas, byoc, local"),
        ("FLOWKER_STAGE", "a b", "at most 64 letters"),
        ("FLOWKER_TOKEN_HOURS", "0", "must be a whole number from 1 to 720"),
        ("FLOWKER_TOKEN_HOURS", "721", "must be a whole number from 1 to 720"),
        ("FLOWKER_JWT_KEYS", "one=short", "entry 1 is not id=secret"),
        ("FLOWKER_JWT_KEYS", f"one={ONE},={TWO}", "entry 2 is not id=secret"),
        ("FLOWKER_JWT_KEYS", f"one={ONE},one={TWO}", "entry 2 has the id of an earlier one"),
        ("FLOWKER_ADMIN_EMAIL", "root", "must be an e-mail address"),
        ("FLOWKER_ADMIN_PASSWORD", "1234567", "must have 8 to 128 characters"),
        ("FLOWKER_ENGINE", "Express", "must be one of auto, express, standard"),
    ],
)
def test_a_bad_value_is_told_with_the_name_of_its_variable(name: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .*{reason}"):
        Settings.from_env({name: text})


def test_a_key_that_stands_where_its_hash_belongs_is_not_repeated() -> None:
    for text in ("a-secret-key", "one=a-secret-key", f"one={ONE},a-secret-key"):
        with pytest.raises(ValueError, match="FLOWKER_API_KEYS") as refusal:
            Settings.from_env({"FLOWKER_API_KEYS": text})
        assert "secret" not in str(refusal.value)


def test_the_tables_are_named_after_the_stage() -> None:
    assert Settings.from_env({"FLOWKER_STAGE": "prod"}).table("audit") == "flowker-prod-audit"
