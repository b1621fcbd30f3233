"""Runs of flows reach mail servers, and their secrets stay with them (FlowRunner spec c.3, d.9, f)."""

from typing import Any

from statemachines.stand_ins.mail import PASSWORD, USER, smtp_server
from statemachines.stand_ins.ports import free_port
from tests.flow_bench import FlowBench, Ran
from tests.flow_samples import flow


def run(port: int, password: str = PASSWORD) -> Ran:
    bench = FlowBench(allow_private_destinations=True)
    bench.secret("MAIL", password)
    params: dict[str, Any] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "username": USER,
        "password": "${secrets.MAIL}",
        "to": "${input.to}",
        "subject": "Order ${input.id}",
        "body": "On its way",
    }
    definition = flow(
        {
            "send": {"type": "email.send", "params": params, "next": {"default": "told", "error": "alarm"}},
            "told": {"type": "transform", "params": {"script": "return {sent: input.to};"}},
            "alarm": {"type": "transform", "params": {"script": "return {alarm: error.message};"}},
        }
    )
    return bench.run(definition, {"to": "ann@example.org", "id": 7})


def test_a_run_sends_a_message() -> None:
    with smtp_server() as received:
        assert run(received.port).result == {"sent": ["ann@example.org"]}
        assert received.messages[0]["subject"] == "Order 7"


def test_a_run_takes_the_error_route_when_nobody_listens() -> None:
    assert run(free_port()).result == {"alarm": "mail failed: Connection refused"}


def test_a_run_takes_the_error_route_with_bad_credentials() -> None:
    with smtp_server() as received:
        ran = run(received.port, "wr0ng-word")
    assert ran.result == {"alarm": "mail refused: the credentials, with status 535"}
    assert "wr0ng-word" not in repr(ran.events)
