"""One node of a flow's YAML: what is wrong with it, and its `data` in the graph (FlowRunner spec c.1, c.8)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flowker.compiler.flows.document import Findings, Path, Tree
from flowker.compiler.flows.routing import END
from flowker.compiler.policy import FUNCTION_SECONDS, SLACK_SECONDS
from flowker.expressions.scripts import placeholders
from flowker.model.durations import LONGEST, seconds
from flowker.nodes.flow.base import FlowNodeType

KEYS = frozenset({"type", "params", "next", "retry", "batch", "hooks", "timeout", "description"})
STRATEGIES = ("serial", "async", "parallel", "worker_pool")
IMPLIED = {
    "batch": "serial",
    "async_batch": "async",
    "parallel_batch": "parallel",
    "worker_pool": "worker_pool",
}
"""Types that are a batch without saying so, and the strategy that holds unless the flow spells one out (spec d.12)."""
BACKOFFS = ("fixed", "exponential")
ON_ITEM_ERROR = ("fail", "collect")
HOOKS = ("prep", "exec", "post")
POOL = 10
"""Workers of a pool that does not say how many."""
MOST_RETRIES = 1000
MOST_TIMEOUT = FUNCTION_SECONDS - SLACK_SECONDS
"""Seconds that one attempt may take at most."""
MOST_NEXT = 100
"""Entries of one `next`."""
MOST_SCRIPT = 64 * 1024
"""Characters of a script (spec e.3)."""

Types = Mapping[str, FlowNodeType]
Script = tuple[Path, str, str]
"""Where a script stands, its code, and its mode."""


def read_node(tree: Tree, path: Path, types: Types, findings: Findings) -> Mapping[str, Any]:
    """The node's `data` (see `nodes.flow.base`), as far as it is right. What is wrong goes into `findings`."""
    name, kind = _type(tree, path, types, findings)
    warn_unknown(tree, path, KEYS, findings)
    data = {
        "type": name,
        "params": _params(tree, path, kind, findings),
        "next": _next(tree, path, findings),
        "retry": _retry(tree, path, findings),
        "batch": _batch(tree, path, kind, findings),
        "hooks": _hooks(tree, path, findings),
        "timeout": duration(tree, path, "timeout", findings, positive=True, most=MOST_TIMEOUT),
    }
    return {key: value for key, value in data.items() if value is not None}


def scripts(data: Mapping[str, Any], path: Path, kind: FlowNodeType) -> list[Script]:
    """The scripts and expressions of a node that are written out."""
    own = [
        ((*path, "params", *below.split(".")), code, mode)
        for below, code, mode in kind.scripts(data["params"])
    ]
    hooks = data.get("hooks") or {}
    return own + [((*path, "hooks", name), code, "body") for name, code in hooks.items()]


def texts(data: Mapping[str, Any], path: Path, kind: FlowNodeType) -> list[tuple[Path, str]]:
    """The texts of a node in which `${}` means something, keys of maps too."""
    params = {name: value for name, value in data["params"].items() if name not in kind.raw}
    items = (data.get("batch") or {}).get("items")
    found = placeholders.texts({"params": params, "batch": {"items": items}})
    return [((*path, *below.split(".")), text) for below, text in found]


def warn_unknown(tree: Tree, path: Path, known: Collection[str], findings: Findings) -> None:
    """Keys that mean nothing are ignored, but not silently (decision D-12)."""
    for name in tree.entries:
        if name not in known and "${" not in name:
            findings.warning("unknown_key", (*path, name), "means nothing here and is ignored")


def duration(
    tree: Tree, path: Path, name: str, findings: Findings, *, positive: bool = False, most: int = LONGEST
) -> int | float | None:
    """A duration in seconds, whole ones as integers; None if there is none."""
    given = tree.get(name)
    if given is None:
        return None
    reason = "must be a duration such as 250ms, 1.5s or 1h30m"
    if isinstance(given.value, str):
        try:
            found = seconds(given.value)
            if found <= most and (found > 0 or not positive):
                return int(found) if found.is_integer() else found
            reason = f"must be more than 0 and at most {most} seconds"
        except ValueError as error:
            reason = str(error)
    findings.problem("invalid_duration", (*path, name), reason)
    return None


def _type(tree: Tree, path: Path, types: Types, findings: Findings) -> tuple[str, FlowNodeType | None]:
    given = tree.get("type")
    node = path[-1]
    if given is None or not given.text:
        findings.problem("unknown_node_type", (*path, "type"), f'node "{node}" has no type')
        return "", None
    kind = types.get(given.text)
    if kind is None:
        findings.problem(
            "unknown_node_type", (*path, "type"), f'node "{node}": there is no type {given.text}'
        )
    return given.text, kind


def _params(tree: Tree, path: Path, kind: FlowNodeType | None, findings: Findings) -> Mapping[str, Any]:
    given, path = tree.get("params"), (*path, "params")
    if given is not None and not given.is_map:
        findings.problem("invalid_param", path, "must be a map")
        return {}
    params: Mapping[str, Any] = {} if given is None else given.value
    if kind is None:
        return params
    for code, below, reason in kind.check(params):
        findings.problem(code, (*path, *below.split(".")), f"{below} {reason}")
    if given is not None and not tree.get("hooks"):  # which can read any param as `context`
        also = {"items"} if tree.get("batch") else set()
        warn_unknown(given, path, kind.known | also, findings)
    return params


def _next(tree: Tree, path: Path, findings: Findings) -> Mapping[str, str]:
    """Targets as they were written, so that `yes` is a name like any other. Whether they exist is checked later."""
    given, path = tree.get("next"), (*path, "next")
    if given is None:
        return {}
    if not given.is_map:
        findings.problem("invalid_next", path, "must be a map of actions to node ids")
        return {}
    if len(given.entries) > MOST_NEXT:
        findings.problem("limit_exceeded", path, f"has more than {MOST_NEXT} entries")
    found = {}
    for action, target in given.entries.items():
        if not 1 <= len(action) <= 100:
            findings.problem("invalid_next", path, "the name of an action has 1 to 100 characters")
        elif not target.text:
            findings.problem(
                "unknown_target", (*path, action), f'action "{action}" must lead to one node or {END}'
            )
        else:
            found[action] = target.text
    return found


def _retry(tree: Tree, path: Path, findings: Findings) -> Mapping[str, Any] | None:
    given, path = _map(tree, path, "retry", "invalid_retry", findings), (*path, "retry")
    if given is None:
        return None
    warn_unknown(given, path, ("max_retries", "wait", "backoff", "max_wait"), findings)
    found: dict[str, Any] = {
        "max_retries": _count(given, path, "max_retries", 0, MOST_RETRIES, "invalid_retry", findings) or 0,
        "wait": duration(given, path, "wait", findings) or 0,
        "backoff": _choice(given, path, "backoff", BACKOFFS, "invalid_retry", findings),
    }
    longest = duration(given, path, "max_wait", findings)
    return found if longest is None else {**found, "max_wait": longest}


def _batch(tree: Tree, path: Path, kind: FlowNodeType | None, findings: Findings) -> Mapping[str, Any] | None:
    implied = None if kind is None else IMPLIED.get(kind.name)
    given, path = _map(tree, path, "batch", "invalid_batch", findings), (*path, "batch")
    if given is None:
        given = Tree({}, 0, 0) if implied else None
    if given is None:
        return None
    warn_unknown(given, path, ("strategy", "max_parallel", "items", "on_item_error"), findings)
    strategy = _choice(given, path, "strategy", STRATEGIES, "invalid_batch", findings, implied)
    at_once = _count(given, path, "max_parallel", 1, 1_000_000, "invalid_batch", findings)
    found: dict[str, Any] = {
        "strategy": strategy,
        "max_parallel": at_once or (POOL if strategy == "worker_pool" else None),
        "items": _items(given, path, findings),
        "on_item_error": _choice(given, path, "on_item_error", ON_ITEM_ERROR, "invalid_batch", findings),
    }
    return {name: value for name, value in found.items() if value is not None}


def _items(tree: Tree, path: Path, findings: Findings) -> Any:
    given = tree.get("items")
    if given is None:
        return None
    if isinstance(given.value, list) or (isinstance(given.value, str) and "${" in given.value):
        return given.value
    findings.problem("invalid_batch", (*path, "items"), "must be a list or an expression for one")
    return None


def _hooks(tree: Tree, path: Path, findings: Findings) -> Mapping[str, str] | None:
    given, path = _map(tree, path, "hooks", "invalid_hooks", findings), (*path, "hooks")
    if given is None:
        return None
    warn_unknown(given, path, HOOKS, findings)
    found = {}
    for name in HOOKS:
        hook = given.get(name)
        if hook is not None and not isinstance(hook.value, str):
            findings.problem("invalid_hooks", (*path, name), "must be the text of a script")
        elif hook is not None:
            found[name] = hook.value
    return found or None


def _map(tree: Tree, path: Path, name: str, code: str, findings: Findings) -> Tree | None:
    given = tree.get(name)
    if given is not None and not given.is_map:
        findings.problem(code, (*path, name), "must be a map")
        return None
    return given


def _count(
    tree: Tree, path: Path, name: str, least: int, most: int, code: str, findings: Findings
) -> int | None:
    given = tree.get(name)
    if given is None:
        return None
    value = given.value
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    findings.problem(code, (*path, name), f"must be an integer from {least} to {most}")
    return None


def _choice(
    tree: Tree,
    path: Path,
    name: str,
    choices: Sequence[str],
    code: str,
    findings: Findings,
    otherwise: str | None = None,
) -> str:
    """One of the choices; if there is none, `otherwise`, or the first."""
    given = tree.get(name)
    if given is None:
        return otherwise or choices[0]
    if given.value in choices:
        return str(given.value)
    findings.problem(code, (*path, name), f"must be one of {', '.join(choices)}")
    return choices[0]
