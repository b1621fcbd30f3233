"""One list of error codes: each has a status, a meaning and a line in the reference (Flowker spec, section b)."""

import pickle
import re
from collections import Counter
from http import HTTPStatus

import pytest

from docs.generate import REFERENCE, concrete_errors, errors_page
from flowker.errors import AuditEntryUnreadable, FlowkerError, TemplateFailed, UnknownSchema, error_for
from flowker.http.openapi.responses import meaning
from flowker.http.problems import STATUSES, status_of

OURS = {AuditEntryUnreadable, TemplateFailed, UnknownSchema}
"""Failures of our own: they belong to no family, because nobody else can do anything about them."""
SHARED = {"FLK-0302"}
"""Two statuses, as the specification wants it: 405 for a method, 400 for the filter of a dashboard."""
ERRORS = [error for error in concrete_errors() if error is not FlowkerError]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)


@each_error
def test_an_error_belongs_to_one_family_which_gives_its_status(error: type[FlowkerError]) -> None:
    families = [base for base in error.__mro__ if base in STATUSES]
    assert len(families) == (error not in OURS)
    assert 400 <= status_of(error("")) < 600
    assert (status_of(error("")) is HTTPStatus.INTERNAL_SERVER_ERROR) is (error in OURS)


def test_an_error_without_a_family_is_an_unexpected_failure() -> None:
    assert (FlowkerError.code, status_of(FlowkerError(""))) == ("FLK-9999", 500)


@each_error
def test_an_error_has_a_code_of_its_own_or_refines_another_one(error: type[FlowkerError]) -> None:
    """A class without its own code is a special case of the one that it inherits the code from. Only what is our fault may
    be a special case of an unexpected failure."""
    assert error.code in ("UNAUTHORIZED", "FORBIDDEN") or re.fullmatch(r"FL[KR]-\d{4}", error.code)
    owner = next(base for base in error.__mro__ if "code" in vars(base))
    assert owner is not FlowkerError or error in OURS
    assert error_for(error.code) is owner or error.code in SHARED


def test_no_two_errors_claim_the_same_code() -> None:
    claimed = Counter(error.code for error in ERRORS if "code" in vars(error))
    assert [code for code, count in claimed.items() if count > 1 and code not in SHARED] == []


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
