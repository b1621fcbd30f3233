"""The secret that tokens are signed with is read seldom, and soon when a key is missing (FlowRunner spec b)."""

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from flowker.adapters.auth_secret import LEAST_LIFE, LIFE, AuthSecret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ONE, TWO = "1" * 32, "2" * 32


class Manager:
    """Secrets Manager, of which one operation is used."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reads = 0
        self.seconds = 0.0

    def get_secret_value(self, **asked: Any) -> dict[str, str]:
        assert asked == {"SecretId": "arn:secret"}
        self.reads += 1
        return {"SecretString": self.text}

    def secret(self) -> AuthSecret:
        return AuthSecret(cast("SecretsManagerClient", self), "arn:secret", lambda: self.seconds)


def document(**content: Any) -> str:
    return json.dumps({"keys": {"one": ONE}, **content})


def test_the_first_key_signs_unless_an_order_is_given() -> None:
    keys = {"one": ONE, "two": TWO}
    assert Manager(document(keys=keys)).secret().signing().newest == ("one", ONE.encode())
    ordered = Manager(document(keys=keys, order=["gone", "two"])).secret().signing()
    assert (ordered.newest, [*ordered.secrets]) == (("two", TWO.encode()), ["two", "one"])


def test_it_is_read_once_in_some_minutes() -> None:
    manager = Manager(document())
    secret = manager.secret()
    secret.signing()
    manager.text = document(keys={"two": TWO})
    manager.seconds = LIFE - 1
    assert secret.signing().newest[0] == "one"
    manager.seconds = LIFE
    assert secret.signing().newest[0] == "two"
    assert manager.reads == 2


def test_a_key_that_another_process_uses_already_is_looked_up_but_not_each_time() -> None:
    manager = Manager(document())
    secret = manager.secret()
    secret.signing()
    manager.text = document(keys={"two": TWO, "one": ONE})
    assert "two" not in secret.signing("two").secrets
    manager.seconds = LEAST_LIFE
    assert "two" in secret.signing("two").secrets
    for _ in range(9):
        secret.signing("never")
    assert manager.reads == 2


def test_the_password_of_the_first_admin_is_in_it() -> None:
    assert Manager(document(admin_password="correct horse")).secret().admin_password() == "correct horse"
    assert Manager(document()).secret().admin_password() == ""


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"keys": []}', '{"keys": {}}', '{"keys": {"one": 1}}', '{"keys": {"one": "short"}}'],
)
def test_a_secret_that_is_of_no_use_is_told_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"secret|key") as refusal:
        Manager(text).secret().signing()
    assert "short" not in str(refusal.value)
