"""What branches and items leave behind, brought together in their order (FlowRunner spec c.4, c.6, d.12)."""

from collections.abc import Mapping, Sequence

from flowker.model.exact_json import Json
from flowker.model.run import FlowStep, Known
from flowker.usecases.flow_worker.context import Values

_NOTHING = object()


def merged(base: Known, ends: Sequence[FlowStep], values: Values) -> tuple[Known, Mapping[str, Json] | None]:
    """What is known after all of them: what each has changed since `base`, the later ones winning. `shared` is None if none
    of them has changed it."""
    results = dict(base.results)
    visits = base.visits
    shared = dict(values.shared(base.shared))
    changed = False
    for end in ends:
        results |= {node: path for node, path in end.known.results.items() if base.results.get(node) != path}
        visits += end.known.visits - base.visits
        if end.known.shared != base.shared:
            changed = True
            _apply(shared, values.shared(base.shared), values.shared(end.known.shared))
    known = base.model_copy(update={"results": results, "visits": visits})
    return known, shared if changed else None


def _apply(target: dict[str, Json], before: Mapping[str, Json], after: Mapping[str, Json]) -> None:
    """Change in `target` what changed from `before` to `after`."""
    for name in before.keys() - after.keys():
        target.pop(name, None)
    for name, value in after.items():
        if before.get(name, _NOTHING) != value:
            target[name] = value
