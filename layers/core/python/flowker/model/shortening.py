"""The beginning of a JSON value that is too long for where it goes; what remains has the same shape."""

from flowker.model import exact_json
from flowker.model.exact_json import Json

_SMALLEST = 8
"""Characters that are worth a part of a value."""


def shortened(value: Json, most: int) -> Json:
    """The value, or its beginning, as at most so many characters of `exact_json.dumps`. Texts are cut, arrays end early, and
    of objects the longest members are shortened or left out."""
    if _size(value) <= most:
        return value
    if isinstance(value, str):
        return _cut(value, most)
    if isinstance(value, list):
        return _first(value, most)
    if isinstance(value, dict):
        return _members(value, most)
    return None  # a number of absurd length


def _size(value: Json) -> int:
    return len(exact_json.dumps(value))


def _cut(text: str, most: int) -> str:
    """As many characters as fit; those that are not ASCII take several places."""
    kept = text[: max(most - 2, 0)]
    while _size(kept) > most and kept:
        kept = kept[: min(len(kept) - 1, len(kept) * most // _size(kept))]
    return kept


def _first(items: list[Json], most: int) -> list[Json]:
    kept: list[Json] = []
    left = most - 2
    for each in items:
        size = _size(each) + 1
        if size > left:
            return [*kept, shortened(each, left - 1)] if left > _SMALLEST else kept
        kept.append(each)
        left -= size
    return kept


def _members(members: dict[str, Json], most: int) -> dict[str, Json]:
    """Short members first; what they leave is for the long ones, in equal parts."""
    kept: dict[str, Json] = {}
    left = most - 2
    by_size = sorted(members, key=lambda name: _size(members[name]))
    for position, name in enumerate(by_size):
        room = left // (len(by_size) - position) - _size(name) - 2
        if room >= _SMALLEST:
            kept[name] = shortened(members[name], room)
            left -= _size(kept[name]) + _size(name) + 2
    return {name: kept[name] for name in members if name in kept}
