"""Which flows are asked for (FlowRunner spec a.3, g)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flowker.model.flow import FlowHead
from flowker.model.instant import Instant, moment


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """All conditions must hold; None is none. Texts are looked for whatever the letter case; of the tags, one is enough. Times
    are included, and compared by whole seconds, as they are shown."""

    name_contains: str | None = None
    description_contains: str | None = None
    tags: Sequence[str] | None = None
    category: str | None = None
    status: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None

    def holds(self, flow: FlowHead) -> bool:
        return (
            _contains(flow.name, self.name_contains)
            and _contains(flow.description, self.description_contains)
            and (not self.tags or any(tag in flow.tags for tag in self.tags))
            and self.category in (None, flow.category)
            and self.status in (None, flow.status)
            and _between(flow.created_at, self.created_after, self.created_before)
            and _between(flow.updated_at, self.updated_after, self.updated_before)
        )


def _contains(text: str, part: str | None) -> bool:
    return part is None or part.casefold() in text.casefold()


def _between(at: Instant, after: datetime | None, before: datetime | None) -> bool:
    point = moment(at).replace(microsecond=0)
    return (after is None or point >= after) and (before is None or point <= before)
