"""What a payment validation may cost on AWS is a promise: counted on emulated services, not timed."""

from benchmarks.hot_path import costs


def test_a_payment_validation_stays_within_its_budget() -> None:
    for cost in costs():
        assert cost.requests <= 8, cost
        assert cost.invocations == 2, cost
        assert cost.transitions <= 4, cost
