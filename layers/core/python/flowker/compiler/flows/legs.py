"""How a state machine of a flow begins that may go on with a run which another run of it has begun (decision 22)."""

from collections.abc import Mapping

from flowker.compiler.flows.tasks import State

ENTRY = "execution.entry"


def entry(start: str, heads: Mapping[str, str], states: Mapping[str, State]) -> State:
    """A later leg of a run says in `at` which node it goes on with: one that any number of steps may come before. With
    `seconds` it first waits for so long, as that node did when the leg before ended."""
    waits = {
        states[state["Next"]]["Parameters"]["node"]: name
        for name, state in states.items()
        if state["Type"] == "Wait"
    }
    rules: list[State] = [{"Variable": "$.at.to", "IsPresent": False, "Next": start}]
    for node, head in heads.items():
        this = {"Variable": "$.at.to", "StringEquals": node}
        if node in waits:
            waiting = {"Variable": "$.at.seconds", "IsPresent": True}
            rules.append({"And": [this, waiting], "Next": waits[node]})
        rules.append({**this, "Next": head})
    return {"Type": "Choice", "Choices": rules}
