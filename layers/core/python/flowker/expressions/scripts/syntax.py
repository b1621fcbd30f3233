"""What does not parse, found before anything runs (FlowRunner spec c.8: `script_syntax`)."""

from collections.abc import Iterable, Sequence
from typing import Any

from flowker.expressions.scripts import paths
from flowker.expressions.scripts.evaluation import Engine

_TOGETHER = 200
"""Scripts that one request asks about."""


def check_syntax(engine: Engine, items: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """What is wrong with scripts, given as (path, code, mode): (path, message) of each that does not parse. Nothing runs, and
    the engine is only asked if there is more than member paths."""
    asked = [item for item in items if item[2] == "body" or paths.parse(item[1]) is None]
    problems: list[tuple[str, str]] = []
    for start in range(0, len(asked), _TOGETHER):
        some = asked[start : start + _TOGETHER]
        answer = engine({"check": [{"code": code, "mode": mode} for _, code, mode in some]})
        problems += [_told(some, problem) for problem in answer["problems"]]
    return problems


def _told(items: Sequence[tuple[str, str, str]], problem: dict[str, Any]) -> tuple[str, str]:
    place = f" (line {problem['line']}, column {problem['column']})" if "line" in problem else ""
    return items[problem["item"]][0], f"{problem['message']}{place}"
