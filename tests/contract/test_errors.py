"""One list of error codes: each has a status, a meaning and a line in the reference (Flowker spec, section b)."""

import pickle
import re
from collections import Counter
from http import HTTPStatus

import pytest

from docs.generate import REFERENCE, concrete_errors, errors_page, meaning
from flowker.errors import FlowkerError, error_for
from flowker.http.problems import STATUSES, status_of

ERRORS = [error for error in concrete_errors() if error is not FlowkerError]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)


@each_error
def test_an_error_belongs_to_one_family_which_gives_its_status(error: type[FlowkerError]) -> None:
    families = [base for base in error.__mro__ if base in STATUSES]
    assert len(families) == 1
    assert 400 <= status_of(error("")) < 600
    assert status_of(error("")) is not HTTPStatus.INTERNAL_SERVER_ERROR


def test_an_error_without_a_family_is_an_unexpected_failure() -> None:
    assert (FlowkerError.code, status_of(FlowkerError(""))) == ("FLK-9999", 500)


@each_error
def test_an_error_has_a_code_of_its_own_or_refines_another_one(error: type[FlowkerError]) -> None:
    """A class without its own code is a special case of the one that it inherits the code from."""
    assert error.code == "UNAUTHORIZED" or re.fullmatch(r"FLK-\d{4}", error.code)
    owner = next(base for base in error.__mro__ if "code" in vars(base))
    assert owner is not FlowkerError
    assert error_for(error.code) is owner


def test_no_two_errors_claim_the_same_code() -> None:
    claimed = Counter(error.code for error in ERRORS if "code" in vars(error))
    assert [code for code, count in claimed.items() if count > 1] == []


@each_error
def test_an_error_says_what_it_means(error: type[FlowkerError]) -> None:
    assert meaning(error).endswith(".")


@each_error
def test_an_error_travels_between_processes_whole(error: type[FlowkerError]) -> None:
    sent = error("a message", fields={"name": "wrong"})
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is error
    assert (received.message, received.fields) == ("a message", {"name": "wrong"})


def test_the_reference_lists_every_error_as_it_is() -> None:
    page = (REFERENCE / "errors.md").read_text()
    assert page == errors_page(), "run `make docs`"
    assert [error.__name__ for error in ERRORS if f"| `{error.__name__}` |" not in page] == []
