"""What commands print on stdout: documents and lists, as a table for people or as JSON for programs.

JSON is what the API answered, so its fields are those of the API's reference.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import click

from flowker_cli.text import harmless, json_text, width

Json = Any


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Output:
    """Prints in one of the formats."""

    format: Format

    def document(self, document: Mapping[str, Json], *, only: Sequence[str] = ()) -> None:
        """One thing. A table has a row for each member, or for those that are named."""
        if self.format is Format.JSON:
            return print_json(document)
        names = [name for name in only if name in document] if only else list(document)
        longest = max((width(name) for name in names), default=0)
        for name in names:
            click.echo(f"{_padded(name, longest)}  {cell(document[name])}")
        return None

    def listing(self, document: Mapping[str, Json], name: str, columns: Mapping[str, str]) -> None:
        """The things in a member of a document. A table has these columns: what each shows, by its heading."""
        if self.format is Format.JSON:
            return print_json(document)
        rows = [[cell(each.get(member)) for member in columns.values()] for each in document[name]]
        for line in table(list(columns), rows):
            click.echo(line)
        return None

    def message(self, document: Mapping[str, Json]) -> None:
        """What has been done."""
        if self.format is Format.JSON:
            return print_json(document)
        return click.echo(cell(document["message"]))

    def line(self, document: Mapping[str, Json], text: str) -> None:
        """One of many, as it comes."""
        click.echo(json_text(document, compact=True) if self.format is Format.JSON else harmless(text))


def print_json(value: Json) -> None:
    click.echo(json_text(value))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lines of a table whose columns are aligned."""
    everything = [headings, *rows]
    widths = [max(width(row[column]) for row in everything) for column in range(len(headings))]
    for row in everything:
        yield "  ".join(_padded(*each) for each in zip(row, widths, strict=True)).rstrip()


def cell(value: Json) -> str:
    """A value on one line."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return harmless(", ".join(value))
    return json_text(value, compact=True)


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
