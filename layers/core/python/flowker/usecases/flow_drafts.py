"""What a request says about a flow, and the rules of its fields (FlowRunner spec a.3, g; decisions D-07, D-18)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowker.compiler.flows.check import MOST_DESCRIPTION, MOST_NAME
from flowker.errors import Diagnostic, InvalidFlow
from flowker.model import exact_json

MOST_TAGS, MOST_TAG = 20, 50
MOST_WORD = 100
"""Characters of a category or a status."""
MOST_CUSTOM = 16 * 1024
"""Characters of the JSON of all custom metadata of a flow."""
INVALID = "invalid_value"
FIRST_LABEL = "1.0.0"

_SEMVER = re.compile(r"(v?\d+\.\d+\.)(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class FlowDraft:
    """The members of a request; None for those that it does not have."""

    name: str | None = None
    description: str | None = None
    definition: str | None = None
    tags: Sequence[str] | None = None

    @property
    def empty(self) -> bool:
        return (self.name, self.description, self.definition, self.tags) == (None, None, None, None)

    def problems(self) -> Iterator[Diagnostic]:
        """What is wrong with all but the definition."""
        if self.name is not None and not (self.name.strip() and len(self.name) <= MOST_NAME):
            yield _wrong("name", f"must have 1 to {MOST_NAME} characters")
        if self.description is not None and len(self.description) > MOST_DESCRIPTION:
            yield _wrong("description", f"must not have more than {MOST_DESCRIPTION} characters")
        yield from _tag_problems(self.tags or ())


@dataclass(frozen=True, slots=True)
class MetadataPatch:
    """A change of metadata. None leaves a member as it is; empty tags, texts and None in `custom` clear (spec g)."""

    tags: Sequence[str] | None = None
    category: str | None = None
    status: str | None = None
    custom: Mapping[str, Any] | None = None
    clear: frozenset[str] = frozenset()
    """Members that were null."""

    def applied(
        self, category: str | None, status: str | None, custom: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The three members after the change; an empty text changes nothing. Raises `InvalidFlow`."""
        problems = list(_tag_problems(self.tags or ()))
        for name, word in (("category", self.category), ("status", self.status)):
            if word is not None and len(word) > MOST_WORD:
                problems.append(_wrong(name, f"must not have more than {MOST_WORD} characters"))
        merged = {} if "custom" in self.clear else {**custom, **(self.custom or {})}
        merged = {name: value for name, value in merged.items() if value is not None}
        if len(exact_json.dumps(merged)) > MOST_CUSTOM:
            problems.append(_wrong("custom", f"must not take more than {MOST_CUSTOM} characters in all"))
        refuse(problems)
        return {
            "category": None if "category" in self.clear else self.category or category,
            "status": None if "status" in self.clear else self.status or status,
            "custom": merged,
        }


def unique(tags: Sequence[str]) -> tuple[str, ...]:
    """Each tag once, in the order given."""
    return tuple(dict.fromkeys(tags))


def refuse(problems: Iterable[Diagnostic]) -> None:
    """Raises `InvalidFlow` with all of them, if there is any."""
    found = list(problems)
    if found:
        raise refusal(found)


def refusal(problems: Sequence[Diagnostic]) -> InvalidFlow:
    """The error that tells all of them."""
    first = f"{problems[0].pointer}: {problems[0].message}"
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return InvalidFlow(first + more, diagnostics=problems)


def next_label(before: str | None, number: int) -> str:
    """What a revision is called that does not say so itself: one patch after the previous one, or its number where that is
    not a semantic version."""
    if before is None:
        return FIRST_LABEL
    found = _SEMVER.fullmatch(before)
    return f"{found[1]}{int(found[2]) + 1}" if found else str(number)


def _tag_problems(tags: Sequence[str]) -> Iterator[Diagnostic]:
    if len(unique(tags)) > MOST_TAGS:
        yield _wrong("tags", f"must not be more than {MOST_TAGS}")
    for number, tag in enumerate(tags):
        if not 1 <= len(tag) <= MOST_TAG:
            yield _wrong(f"tags.{number}", f"must have 1 to {MOST_TAG} characters")


def _wrong(name: str, reason: str) -> Diagnostic:
    return Diagnostic(INVALID, reason, name)
