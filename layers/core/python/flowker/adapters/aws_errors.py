"""Which errors of AWS mean "try again": refusals for load or conflict, failures inside AWS, and a broken network."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from flowker.errors import StoreUnavailable

_TRANSIENT_CODES = frozenset(
    {
        "DependencyTimeoutException",
        "InternalError",
        "InternalServerError",
        "KMSInternalException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_TRANSIENT_FAILURES = (HTTPClientError, BotoConnectionError, IncompleteReadError, ChecksumError)
_TRANSIENT_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})


def code(error: ClientError) -> str:
    """The error code as AWS spells it."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_transient(error: ClientError | BotoCoreError) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, BotoCoreError):
        return isinstance(error, _TRANSIENT_FAILURES)
    if code(error) == "TransactionCanceledException":
        reasons = error.response.get("CancellationReasons", [])
        return any(reason.get("Code") in _TRANSIENT_REASONS for reason in reasons)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code(error) in _TRANSIENT_CODES or status >= 500


def unavailable() -> StoreUnavailable:
    return StoreUnavailable("The store is overloaded or cannot be reached. Try again.")


@contextmanager
def translated_refusals() -> Iterator[None]:
    """Raises `StoreUnavailable` in place of a transient error; the client inside has done its retries."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if not is_transient(error):
            raise
        raise unavailable() from error
