"""What the work of an execution uses, the only place these numbers are kept.

DynamoDB's requests and units are counted by `python -m benchmarks.units`, as DynamoDB charges for the very items that are
written, and a test counts them again. Payloads are small, below a kilobyte. What cannot be counted without an account is
assumed, on the safe side of the processor time that the same benchmark shows.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from decimal import Decimal

DATE = "2026-11-22"


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work: requests to DynamoDB, its write and read units, and what the change feed adds to each later, for what
    was announced, as long as it comes in full batches."""

    requests: Decimal
    writes: Decimal
    reads: Decimal
    chained_requests: Decimal
    chained_writes: Decimal
    chained_reads: Decimal

    @staticmethod
    def of(*numbers: str | float) -> "Work":
        return Work(*(Decimal(str(number)) for number in numbers))

    def __add__(self, other: "Work") -> "Work":
        return Work(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Work") -> "Work":
        return Work(*(one - less for one, less in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> "Work":
        return Work(*(one * times for one in astuple(self)))


WORK: Mapping[str, Work] = {
    "start": Work.of(2, 12, 1, 0.05, 6.3, 0.05),
    "call": Work.of(2, 6, 5, 0.1, 10.1, 0.1),
    "act": Work.of(2, 4, 3, 0, 0, 0),
    "first": Work.of(0, 6, 0, 0, 2.6, 0),
    "further": Work.of(0, 2, 0, 0, 0, 0),
    "last": Work.of(0, 8, 0, 0.05, 6.4, 0.05),
    "end": Work.of(3, 10, 2, 0.05, 6.5, 0.05),
    "noted": Work.of(1, 1, 0, 0, 0, 0),
}
"""`start`: a webhook is accepted. `call`, `act`: a task with a provider call and one without. More than that: `first` task of
an execution, `further` steps in a task, `last` task if it knows that it is the last; otherwise `end` ends the execution.
`noted`: that Express has taken it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """Milliseconds, megabytes and bytes."""

    call: int = 200
    """What a provider takes to answer. The function waits for it, and is paid for waiting."""
    own: int = 6
    """Processor time of an invocation."""
    request: int = 8
    """A request to DynamoDB or Step Functions and back."""
    state: int = 25
    """From one state of an Express machine to the next, with the invocation that may be in between."""
    memory: int = 1024
    """Of every function on the way; `infra_cdk/functions.py` sets it."""
    log: int = 330
    """What Lambda itself logs of an invocation. Flowker logs nothing of what goes well."""
    access_log: int = 300
    """What API Gateway logs of a request."""


ASSUMED = Assumed()
