"""The secret of Secrets Manager that tokens are signed with, and that holds the first admin's password."""

import json
import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from flowker.adapters.aws_errors import translated_refusals
from flowker.model.account import SigningKeys

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

LIFE = 300.0
"""Seconds until it is read again, so that a rotation is noticed."""
LEAST_LIFE = 10.0
"""Seconds until it is read again for a key that is not in it: another process may sign with a newer one already. Strangers
name keys that never were, so not each time."""


class AuthSecret:
    """Read on first use. `clock` counts seconds."""

    def __init__(
        self, client: "SecretsManagerClient", reference: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._reference = reference
        self._clock = clock
        self._lock = Lock()
        self._document: dict[str, Any] = {}
        self._read_at: float | None = None

    def signing(self, wanted: str | None = None) -> SigningKeys:
        """`ports.accounts.Signing`. Raises `StoreUnavailable`, and `ValueError` if the secret is none that Flowker can use."""
        keys = _keys(self._current(LIFE))
        if wanted is None or wanted in keys.secrets:
            return keys
        return _keys(self._current(LEAST_LIFE))

    def admin_password(self) -> str:
        """Empty if there is none."""
        return str(self._current(LIFE).get("admin_password", ""))

    def _current(self, life: float) -> dict[str, Any]:
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at >= life:
                self._document = self._read()
                self._read_at = now
            return self._document

    def _read(self) -> dict[str, Any]:
        with translated_refusals():
            text = self._client.get_secret_value(SecretId=self._reference)["SecretString"]
        try:
            document = json.loads(text)
        except ValueError:
            raise ValueError("the secret is not JSON") from None
        if not isinstance(document, dict):
            raise ValueError("the secret is not a JSON object")
        return document


def _keys(document: dict[str, Any]) -> SigningKeys:
    secrets, order = document.get("keys"), document.get("order", [])
    if not isinstance(secrets, dict) or not all(isinstance(each, str) for each in secrets.values()):
        raise ValueError("the secret has no signing keys")
    names = dict.fromkeys([*(name for name in order if name in secrets), *secrets])
    return SigningKeys({name: secrets[name].encode() for name in names})
