"""UUIDs as Flowker reads and writes them (Flowker spec a.1)."""

import re
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def canonical_uuid(text: str) -> str | None:
    """Lower case with hyphens, from that form or 32 digits in any letter case; None for anything else."""
    return str(UUID(text)) if _UUID.fullmatch(text) else None
