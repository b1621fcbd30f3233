"""What a payment validation may cost on AWS is a promise: counted on emulated services, not timed."""

from benchmarks.audit import consumer_costs
from benchmarks.hot_path import costs


def test_a_payment_validation_stays_within_its_budget() -> None:
    for cost in costs():
        assert cost.requests <= 7, cost
        assert cost.invocations == 1, cost
        assert cost.transitions == 1, cost


def test_chaining_what_they_announce_costs_less_the_more_there_are() -> None:
    """Beside the hot path: nobody waits for the consumer of the change feed."""
    (one, requests, items), (many, shared_requests, shared_items) = consumer_costs()
    assert (one, requests) == (1, 2)
    assert items <= 13
    assert shared_requests / many <= 0.4
    assert shared_items / many <= 8
