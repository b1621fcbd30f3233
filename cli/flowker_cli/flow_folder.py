"""All flows of an account as files in a folder, and back.

Beside the definitions, `flows.json` keeps what they do not say: names, descriptions and tags.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowker_cli.arguments import file_text, json_object
from flowker_cli.failure import Failed, Refused
from flowker_cli.lists import by_offset
from flowker_cli.paths import FLOWS, path
from flowker_cli.session import Session, pass_session, session_options

if TYPE_CHECKING:
    from flowker_cli.client import Client

INDEX = "flows.json"
SUFFIXES = (".yaml", ".yml")
DIRECTORY = click.option(
    "--directory", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="FOLDER"
)
COLUMNS = {"FILE": "file", "FLOW": "id", "NAME": "name", "DONE": "done"}
Flow = dict[str, Any]


@click.command("export-all")
@DIRECTORY
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@session_options()
@pass_session
def export_all(session: Session, directory: Path, force: bool) -> None:
    """Write the definitions of all flows to a folder, with an index that `import` reads."""
    found = by_offset(session.client, FLOWS, "flows", {}, None, 0)["flows"]
    flows = [session.client.get(path(FLOWS, each["id"])) for each in found]
    files = {_file_name(each): each for each in flows}
    _make(directory)
    for name, each in files.items():
        _write(directory / name, each["definition"].encode(), force=force)
    index = {
        name: {part: each[part] for part in ("name", "description", "tags")} for name, each in files.items()
    }
    _write(directory / INDEX, (json.dumps(index, indent=2, ensure_ascii=False) + "\n").encode(), force=force)
    shown = [{"file": name, "id": each["id"], "name": each["name"]} for name, each in files.items()]
    session.output.listing(
        {"flows": shown}, "flows", {title: name for title, name in COLUMNS.items() if name != "done"}
    )


@click.command("import")
@DIRECTORY
@click.option("--update", is_flag=True, help="Change flows that have these names instead of adding others.")
@session_options()
@pass_session
def import_folder(session: Session, directory: Path, update: bool) -> None:
    """Create a flow from each definition in a folder. All are checked before the first one is stored."""
    drafts = dict(_drafts(directory))
    if not drafts:
        raise Failed(f"{directory} holds no definitions ({', '.join('*' + each for each in SUFFIXES)})")
    _check(session.client, drafts)
    present = _present(session.client, drafts) if update else {}
    done = []
    for file, draft in drafts.items():
        taken = present.get(draft["name"])
        stored = session.client.put(path(FLOWS, taken), draft) if taken else session.client.post(FLOWS, draft)
        told = "updated" if taken else "created"
        done.append({"file": file, "id": stored["id"], "name": stored["name"], "done": told})
    session.output.listing({"flows": done}, "flows", COLUMNS)


def _file_name(flow: Flow) -> str:
    """Readable, unique, and safe whatever the flow is called."""
    slug = re.sub("[^a-z0-9]+", "-", flow["name"].lower()).strip("-")[:60] or "flow"
    return f"{slug}-{re.sub('[^A-Za-z0-9-]', '', flow['id'])}.yaml"


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"cannot write {directory}: {error.strerror}") from error


def _write(target: Path, content: bytes, *, force: bool) -> None:
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Failed(f"{target} exists: say --force to overwrite it") from error
    except OSError as error:
        raise Failed(f"cannot write {target}: {error.strerror}") from error


def _drafts(directory: Path) -> Iterator[tuple[str, Flow]]:
    try:
        index_file = directory / INDEX
        index = json_object(index_file.read_bytes(), str(index_file)) if index_file.exists() else {}
        for file in sorted(each for each in directory.iterdir() if each.suffix in SUFFIXES):
            with file.open("rb") as content:
                definition = file_text(content)
            known = index.get(file.name) or {}
            if not isinstance(known, dict):
                raise Failed(f"{index_file} is damaged: what it says of {file.name} is no object")
            yield file.name, {**known, "definition": definition}
    except OSError as error:
        raise Failed(f"cannot read {error.filename}: {error.strerror}") from error


def _check(client: "Client", drafts: dict[str, Flow]) -> None:
    """Also completes the names. Raises `Failed` with all that is wrong."""
    wrong = []
    for file, draft in drafts.items():
        try:
            proof = client.post(f"{FLOWS}/validate", {"definition": draft["definition"]})
        except Refused as refused:
            wrong.append(f"{file}: {refused.message}")
        else:
            draft.setdefault("name", proof["name"])
    if wrong:
        raise Failed("\n".join([*wrong, "nothing was stored"]))


def _present(client: "Client", drafts: dict[str, Flow]) -> dict[str, str]:
    """The ids of the flows that there are, by name. Raises `Failed` where a name does not tell which one to change."""
    found = [(each["name"], each["id"]) for each in by_offset(client, FLOWS, "flows", {}, None, 0)["flows"]]
    counts = Counter(name for name, _ in found)
    wrong = [
        f"{file}: {counts[draft['name']]} flows are called {draft['name']!r}"
        for file, draft in drafts.items()
        if counts[draft["name"]] > 1
    ]
    if wrong:
        raise Failed("\n".join([*wrong, "nothing was stored"]))
    return dict(found)
