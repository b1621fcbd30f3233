"""The folder that one machine keeps its data in: one process at a time, one profile for ever."""

import fcntl
import os
from pathlib import Path
from typing import Literal

Profile = Literal["local", "moto"]


class UnusableDataDir(Exception):
    """The message is one line for the person at the terminal."""


class DataDir:
    """Create it with `open`; it stays locked until `close`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @staticmethod
    def open(path: Path, profile: Profile) -> "DataDir":
        """Create or reuse the folder. Raises `UnusableDataDir` if it is not writable, in use, or of another profile."""
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UnusableDataDir(f"cannot write to the data dir {path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise UnusableDataDir(f"the data dir {path} is in use by another process") from None
        marker = path / "profile"
        if marker.exists() and marker.read_text().strip() != profile:
            os.close(lock)
            other = marker.read_text().strip()
            raise UnusableDataDir(f"the data dir {path} belongs to the profile {other}, not {profile}")
        marker.write_text(f"{profile}\n")
        return DataDir(path, lock)

    def close(self) -> None:
        """Give up the lock."""
        os.close(self._lock)
