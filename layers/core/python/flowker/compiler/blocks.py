"""How units are laid out in time: one after the other, or side by side.

A region is arranged by three rules, applied recursively (architecture §4):
1. Units that nothing connects are independent. Groups that can all run become a `Parallel`; groups that exclude each
   other (the branches of a conditional) just follow one another, since at most one of them is entered.
2. A unit that is before or after every other unit of the region splits it into what runs before and after.
3. What neither rule splits is not series-parallel: it runs in topological order, each unit guarded by its edges.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowker.compiler.topology import Knowledge, exclusive
from flowker.compiler.units import Unit, Units
from flowker.model.graph import Edge


@dataclass(frozen=True)
class Parallel:
    """Branches that run at the same time, each entered only where its guard holds."""

    branches: tuple["Blocks", ...]
    level: int
    """How many parallel blocks it is in: a nested one may begin with the same unit as the one around it."""

    @property
    def units(self) -> list[Unit]:
        return [unit for branch in self.branches for block in branch for unit in members(block)]

    @property
    def head(self) -> str:
        """The first unit's head, which names the block together with its level."""
        return self.units[0].head

    @property
    def name(self) -> str:
        """The block's state: `<head>.parallel`, with the level where it is nested."""
        return f"{self.head}.parallel{self.level or ''}"


Block = Unit | Parallel
Blocks = tuple[Block, ...]


def members(block: Block) -> list[Unit]:
    """The units in a block."""
    return block.units if isinstance(block, Parallel) else [block]


def entering(inside: Sequence[Unit], units: Units) -> list[Edge]:
    """The edges that can make these units live: those into them from outside."""
    nodes = {node for unit in inside for node in unit.members}
    return [edge for unit in inside for edge in units.topology.into[unit.head] if edge.source not in nodes]


def arrange(units: Units) -> Blocks:
    """The blocks of the whole graph."""
    return _arrange(units.order, units, 0)


def _arrange(region: Sequence[Unit], units: Units, level: int) -> Blocks:
    parts = _components(region, units)
    if len(parts) > 1:
        return _side_by_side(parts, units, level)
    pivots = [unit for unit in region if _comparable_to_all(unit, region, units)]
    if not pivots:
        return tuple(region)
    blocks: list[Block] = []
    rest = list(region)
    for pivot in pivots:
        before = [unit for unit in rest if unit.head in units.before[pivot.head]]
        blocks += _arrange(before, units, level) if before else ()
        blocks.append(pivot)
        rest = [unit for unit in rest if unit is not pivot and unit not in before]
    blocks += _arrange(rest, units, level) if rest else ()
    return tuple(blocks)


def _comparable_to_all(unit: Unit, region: Iterable[Unit], units: Units) -> bool:
    return all(
        other is unit or other.head in units.before[unit.head] or unit.head in units.before[other.head]
        for other in region
    )


def _components(region: Sequence[Unit], units: Units) -> list[list[Unit]]:
    """Split into groups that no edge connects, each in topological order."""
    group_of = {unit.head: {unit.head} for unit in region}
    for unit in region:
        for edge in unit.leaving:
            target = units.head_of[edge.target]
            if target in group_of and group_of[target] is not group_of[unit.head]:
                merged = group_of[target] | group_of[unit.head]
                group_of.update(dict.fromkeys(merged, merged))
    groups: dict[int, list[Unit]] = {}
    for unit in region:
        groups.setdefault(id(group_of[unit.head]), []).append(unit)
    return list(groups.values())


def _side_by_side(parts: Sequence[list[Unit]], units: Units, level: int) -> Blocks:
    lanes: list[tuple[list[Knowledge], list[list[Unit]]]] = []
    for part in parts:
        known = units.topology.known_at(entering(part, units))
        for conditions, excluding in lanes:
            if all(exclusive(known, other) for other in conditions):
                conditions.append(known)
                excluding.append(part)
                break
        else:
            lanes.append(([known], [part]))
    if len(lanes) == 1:
        return _in_turn(lanes[0][1], units, level)
    return (Parallel(tuple(_in_turn(lane, units, level + 1) for _, lane in lanes), level),)


def _in_turn(parts: Sequence[list[Unit]], units: Units, level: int) -> Blocks:
    return tuple(block for part in parts for block in _arrange(part, units, level))
