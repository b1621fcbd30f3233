"""The circuit breaker over the real store (Flowker spec d.8): five transient failures, 30 seconds, one trial."""

import pytest

from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.errors import CIRCUIT_OPEN
from flowker.model.breaker import OPEN_MS, THRESHOLD
from flowker.nodes.base import CallFailure, Failure
from flowker.ports import NodeInputs
from flowker.usecases.circuit import LEASE_MS, Circuit
from tests.fakes import ManualClock, MemoryBlobs, MemoryTable, PlainCipher
from tests.integration.samples import configuration, execution

DOWN = CallFailure("http request failed with status 503", transient=True, status_code=503)
REFUSED = CallFailure("http request failed with status 400", status_code=400)
NEVER_SENT = CallFailure("failed to create auth provider: key is required")


class World:
    """One provider that any number of workers call."""

    def __init__(self) -> None:
        table = MemoryTable()
        self.clock = ManualClock()
        self.store = ItemNodeRunStore(table, MemoryBlobs(), PlainCipher())
        self.circuit = Circuit(self.store, self.clock)
        self.provider = configuration()
        self._execution = execution()
        ItemExecutionStore(table, MemoryBlobs()).add(self._execution, {}, None)

    def loaded(self) -> NodeInputs:
        """What a worker knows when it begins."""
        inputs = self.store.load(self._execution.id, [], None)
        return NodeInputs(inputs.history, self.provider, self.store.breaker(self.provider.id))

    def call(self, failure: Failure | None = None, inputs: NodeInputs | None = None) -> str:
        """How one call went: called, or rejected without a call."""
        called = False
        try:
            with self.circuit.guarding(inputs or self.loaded()):
                called = True
                if failure is not None:
                    raise failure
        except CallFailure as error:
            return "rejected" if error.code == CIRCUIT_OPEN and not called else "called"
        return "called"

    def break_it(self) -> None:
        for _ in range(THRESHOLD):
            assert self.call(DOWN) == "called"


@pytest.fixture
def world() -> World:
    return World()


def test_the_fifth_transient_failure_in_a_row_opens_the_circuit(world: World) -> None:
    world.break_it()
    assert world.call() == "rejected"


def test_success_starts_the_count_again(world: World) -> None:
    for _ in range(THRESHOLD - 1):
        world.call(DOWN)
    world.call()
    for _ in range(THRESHOLD - 1):
        world.call(DOWN)
    assert world.call() == "called"


def test_a_refusal_proves_that_the_provider_is_there(world: World) -> None:
    for _ in range(3 * THRESHOLD):
        assert world.call(REFUSED) == "called"
    for _ in range(THRESHOLD - 1):
        world.call(DOWN)
    world.call(REFUSED)
    world.call(DOWN)
    assert world.call() == "called"


def test_what_never_reached_the_provider_does_not_count(world: World) -> None:
    for _ in range(THRESHOLD - 1):
        world.call(DOWN)
    assert world.call(NEVER_SENT) == "called"
    world.call(DOWN)
    assert world.call() == "rejected"


def test_healthy_calls_write_nothing(world: World) -> None:
    world.call()
    world.call(REFUSED)
    assert world.store.breaker(world.provider.id).version == 0


def test_open_lasts_30_seconds(world: World) -> None:
    world.break_it()
    world.clock.advance(OPEN_MS / 1000 - 0.001)
    assert world.call() == "rejected"
    world.clock.advance(0.001)
    assert world.call() == "called"


def test_a_successful_trial_closes_the_circuit(world: World) -> None:
    world.break_it()
    world.clock.advance(30)
    assert world.call() == "called"
    for _ in range(THRESHOLD - 1):
        assert world.call(DOWN) == "called"
    assert world.call() == "called"


def test_a_failed_trial_opens_it_for_another_30_seconds(world: World) -> None:
    world.break_it()
    world.clock.advance(30)
    assert world.call(DOWN) == "called"
    world.clock.advance(29)
    assert world.call() == "rejected"
    world.clock.advance(1)
    assert world.call() == "called"


def test_of_two_workers_at_once_one_has_the_trial(world: World) -> None:
    world.break_it()
    world.clock.advance(30)
    first, second = world.loaded(), world.loaded()
    with world.circuit.guarding(first):
        assert (
            world.call(inputs=second) == "rejected"
        )  # it read the state before the first one took the lease
        assert world.call() == "rejected"
    assert world.call() == "called"


def test_a_trial_whose_worker_died_is_given_to_another_one(world: World) -> None:
    world.break_it()
    world.clock.advance(30)
    lost = world.circuit.guarding(world.loaded())
    lost.__enter__()
    world.clock.advance(LEASE_MS / 1000 - 0.001)
    assert world.call() == "rejected"
    world.clock.advance(0.001)
    assert world.call() == "called"


def test_a_trial_that_never_reached_the_provider_is_handed_back(world: World) -> None:
    world.break_it()
    world.clock.advance(30)
    assert world.call(NEVER_SENT) == "called"
    assert world.call(DOWN) == "called"
    assert world.call() == "rejected"


def test_failures_of_workers_that_began_together_all_count(world: World) -> None:
    together = [world.loaded() for _ in range(THRESHOLD)]
    for inputs in together:
        assert world.call(DOWN, inputs) == "called"
    assert world.call() == "rejected"


def test_a_late_success_does_not_close_what_others_opened(world: World) -> None:
    early = world.loaded()
    world.break_it()
    assert world.call(inputs=early) == "called"
    assert world.call() == "rejected"


def test_each_provider_configuration_has_a_circuit_of_its_own(world: World) -> None:
    world.break_it()
    world.provider = configuration()
    assert world.call() == "called"


def test_without_a_provider_there_is_nothing_to_guard(world: World) -> None:
    inputs = world.loaded()
    with pytest.raises(Failure), world.circuit.guarding(NodeInputs(inputs.history, None, inputs.breaker)):
        raise Failure("provider config not found")
