"""The entries `<kind>_result` of `shared`, which older flows read (FlowRunner spec c.4)."""

from collections.abc import Mapping

from flowker.model import exact_json
from flowker.model.exact_json import Json

MOST_REMEMBERED = 64 * 1024
"""Bytes of JSON. `shared` is handed to every script and written whole, so what is larger is only in `results`."""


def remembered(kind: str, result: Json) -> Mapping[str, Json]:
    """The entry; null for a result that is too large, so that no older one is taken for it."""
    small = len(exact_json.dumps(result)) <= MOST_REMEMBERED
    return {f"{kind}_result": result if small else None}
