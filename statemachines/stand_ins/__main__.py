"""`python -m statemachines.stand_ins EXAMPLE`: serve what the example calls until Ctrl-C.

What a user needs to go on is printed and written into the current folder, with the hosts replaced: the flow, or the provider
configurations of the workflow. Exit code 1 if this machine lacks what the stand-ins need, 2 if there is no such example.
"""

import argparse
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from statemachines.stand_ins import MissingSoftware

HERE = Path(__file__).parent


def examples() -> dict[str, Path]:
    """The folders of the examples that have stand-ins, by the name of the example."""
    named = {path.name.removeprefix("flow-"): path for path in sorted(HERE.parent.iterdir())}
    return {name: path for name, path in named.items() if (HERE / f"{_module(name)}.py").exists()}


def _module(example: str) -> str:
    return example.replace("-", "_")


def prepared(example: str, folder: Path, replacements: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The name and the text of each file that a user goes on with."""
    sources = {f"{example}.yaml": folder / "flow.yaml"}
    if not (folder / "flow.yaml").exists():
        sources = {path.name: path for path in sorted((folder / "providers").glob("*.json"))}
    for name, source in sources.items():
        text = source.read_text()
        for old, new in replacements.items():
            text = text if old.startswith("${secrets.") else text.replace(old, new)
        yield name, text


def told(example: str, files: list[str], replacements: Mapping[str, str]) -> Iterator[str]:
    """The lines that a user reads."""
    yield f"{example}: the stand-ins are there until Ctrl-C"
    for old, new in replacements.items():
        if old.startswith("${secrets."):
            key = old.removeprefix("${secrets.").removesuffix("}")
            yield f"  flowker secret create --key {key} --value {shlex.quote(new)}"
        else:
            yield f"  {old} is {new}"
    yield f"  written: {', '.join(files)}"


def main(arguments: list[str]) -> int:
    """Returns once SIGINT or SIGTERM has come. Raises `SystemExit` with code 2 if there is no such example."""
    known = examples()
    parser = argparse.ArgumentParser("python -m statemachines.stand_ins")
    parser.add_argument("example", choices=known)
    example = parser.parse_args(arguments).example
    ended = threading.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: ended.set())
    try:
        with import_module(f"statemachines.stand_ins.{_module(example)}").serving() as replacements:
            files = dict(prepared(example, known[example], replacements))
            _write(files)
            print(*told(example, list(files), replacements), sep="\n", flush=True)
            ended.wait()
    except MissingSoftware as missing:
        print(missing, file=sys.stderr)
        return 1
    except ModuleNotFoundError as missing:
        fetch = "make test ARGS=tests/e2e/test_examples.py"
        print(
            f"{example} needs the package {missing.name}, which `{fetch}` installs and tries", file=sys.stderr
        )
        return 1
    return 0


def _write(files: Mapping[str, str]) -> None:
    """Into the current folder. Raises `SystemExit` with the reason why not, and code 1."""
    for name, text in files.items():
        try:
            Path(name).write_text(text)
        except OSError as error:
            sys.exit(f"cannot write {name}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
