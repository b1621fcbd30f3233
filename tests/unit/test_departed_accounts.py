"""An account that is deleted is gone a while later with all that it ever stored (FlowRunner spec a.3 #18)."""

import pytest

from flowker import wiring
from flowker.errors import RunNotFound
from flowker.events import reconcile
from flowker.model.account import Account, Principal, Role
from flowker.wiring.accounts import account_store, accounts
from flowker.wiring.runs import run_store, runs
from tests.fakes import MemoryBlobs
from tests.flow_bench import ACCOUNT, FlowBench
from tests.flow_samples import flow

LONG = 100_000
MINUTE = 60
AT = "2026-03-01T10:00:00.000Z"
ANN = Principal(
    account_id=ACCOUNT, email="ann@bank.example", role=Role.USER, token_id="t", expires_at=2_000_000_000
)


def test_nothing_is_left_of_a_deleted_account_once_its_workers_have_stopped() -> None:
    bench = FlowBench()
    bench.use()
    account_store().add(
        Account(
            id=ACCOUNT,
            name="Ann",
            email=ANN.email,
            role=Role.USER,
            password="x",
            created_at=AT,
            updated_at=AT,
        )
    )
    make = {
        "type": "transform",
        "params": {"script": f"return 'x'.repeat({LONG});"},
        "next": {"default": "keep"},
    }
    keep = {"type": "store", "params": {"operation": "set", "key": "k", "value": "${input}"}}
    definition = f"{flow({'make': make, 'keep': keep})}# {'x' * LONG}\n"
    ran = bench.run(definition, {"large": "x" * LONG})
    assert ran.status == "completed"
    blobs = wiring.home().blobs
    assert isinstance(blobs, MemoryBlobs)
    folders = {key.split("/")[1] for key in blobs.below("")}
    assert folders == {"FLOW", "EXECUTION", "STORE"}
    waiting = runs().start(
        ACCOUNT, bench.create(flow({"wait": {"type": "delay", "params": {"duration": "1h"}}})), {}
    )

    accounts().delete(ANN, ACCOUNT)
    assert runs().get(ACCOUNT, waiting.execution.id).execution.outcome is not None
    bench.clock.sleep(5 * MINUTE)
    assert (
        reconcile.handle({}, None)["cleared"] == 0
    )  # a worker may still be busy with the run that was cancelled
    assert runs().get(ACCOUNT, waiting.execution.id).execution.id == waiting.execution.id
    bench.clock.sleep(15 * MINUTE)
    assert [reconcile.handle({}, None)["cleared"] for _ in range(3)] == [0, 1, 0]
    for run in (ran.view.execution, waiting.execution):
        with pytest.raises(RunNotFound):
            runs().get(ACCOUNT, run.id)
    assert run_store().of_account(ACCOUNT, {}, 10, 0) == ([], 0)
    assert account_store().departed("9", 10) == []
    assert blobs.below("") == []
