"""Where the nodes of a flow lead, seen as a whole: targets, the start, and what can be reached (FlowRunner spec c.2, c.8)."""

from collections.abc import Mapping

from flowker.compiler.flows.document import Findings
from flowker.compiler.flows.routing import END

Nodes = Mapping[str, Mapping[str, str]]
"""The `next` of each node."""


def check_structure(nodes: Nodes, start: str | None, findings: Findings) -> str | None:
    """The node that the flow starts with, None if that cannot be told. `start` is what the flow says itself."""
    _check_targets(nodes, findings)
    found = _start(nodes, start, findings)
    if found is None:
        return None
    reached = reachable(nodes, found)
    for node in nodes:
        if node not in reached:
            findings.problem(
                "unreachable_node", ("nodes", node), f'node "{node}" cannot be reached from "{found}"'
            )
    return found


def reachable(nodes: Nodes, start: str) -> set[str]:
    """The nodes that some way from the start leads to, the start included."""
    reached, waiting = {start}, [start]
    while waiting:
        for target in nodes[waiting.pop()].values():
            if target in nodes and target not in reached:
                reached.add(target)
                waiting.append(target)
    return reached


def _check_targets(nodes: Nodes, findings: Findings) -> None:
    for node, ways in nodes.items():
        for action, target in ways.items():
            if target != END and target not in nodes:
                reason = f'node "{node}", action "{action}": there is no node "{target}"'
                findings.problem("unknown_target", ("nodes", node, "next", action), reason)


def _start(nodes: Nodes, start: str | None, findings: Findings) -> str | None:
    if start is not None:
        if start in nodes:
            return start
        findings.problem("unknown_target", ("start",), f'there is no node "{start}" to start with')
        return None
    targets = {target for ways in nodes.values() for target in ways.values()}
    candidates = [node for node in nodes if node not in targets]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        reason = "every node is the target of another one, so there is no start node; name it with start:"
        findings.problem("no_start_node", ("nodes",), reason)
    else:
        named = ", ".join(f'"{node}"' for node in candidates[:10])
        more = f" and {len(candidates) - 10} more" if len(candidates) > 10 else ""
        findings.problem(
            "multiple_start_nodes", ("nodes",), f"no node leads to {named}{more}: only one can be the start"
        )
    return None
