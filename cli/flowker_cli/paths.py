"""Paths of the API."""

from urllib.parse import quote

from flowker_cli.failure import Failed

LOGIN = "/api/v1/auth/login"
FLOWS = "/api/v1/flows"
EXECUTIONS = "/api/v1/executions"
ACCOUNTS = "/api/v1/accounts"
WORKFLOWS = "/v1/workflows"
PROVIDER_CONFIGURATIONS = "/v1/provider-configurations"
PAGE = 100
"""The most that lists give at a time."""


def path(collection: str, *names: str) -> str:
    """The path of something in a collection. Raises `Failed`."""
    for name in names:
        if name in ("", ".", ".."):
            raise Failed(f"{name!r} names nothing")
    return "/".join([collection, *(quote(name, safe="") for name in names)])
