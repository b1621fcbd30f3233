"""What is kept between commands, in `$XDG_CONFIG_HOME/flowker`: preferences, and credentials that nobody else may read.

Credentials belong to the server that gave them out, so that none is ever sent to another one.
"""

import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flowker_cli.failure import Failed

Kept = dict[str, str]


def folder(environment: Mapping[str, str]) -> Path:
    """Where things are kept; it need not exist."""
    base = environment.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "flowker"


class Preferences:
    """`server` and `output`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.json"

    def read(self) -> Kept:
        found = _read(self.path, private=False)
        return {name: value for name, value in found.items() if isinstance(value, str)}

    def write(self, kept: Kept) -> None:
        _write(self.path, kept)


class Credentials:
    """`token`, with its `expires_at` and `account_id`, and `api_key` of each server."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "credentials.json"

    def read(self, server: str) -> Kept:
        found = _read(self.path, private=True).get(server, {})
        return dict(found) if isinstance(found, dict) else {}

    def write(self, server: str, kept: Kept) -> None:
        """Replace what is kept for a server; nothing is kept of an empty one."""
        everything = _read(self.path, private=True)
        everything.pop(server, None)
        _write(self.path, everything | ({server: kept} if kept else {}))


def _read(path: Path, *, private: bool) -> dict[str, object]:
    try:
        with path.open(encoding="utf-8") as file:
            if private and os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Failed(f"others may read {path}: run chmod 600 {path}")
            found = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failed(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise Failed(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise Failed(f"{path} is damaged: it holds no object")
    return found


def _write(path: Path, content: Mapping[str, object]) -> None:
    """Replace the file at once: a reader sees the old or the new one, and no one else sees either."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _replacing(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with mode 0600
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
