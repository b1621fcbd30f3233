"""`KeyFileCipher`: encryption at rest with a key in a file of this machine."""

import os
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY = 32
_NONCE = 12
_TAG = 16


class KeyFileCipher:
    """`adapters.items.Cipher` with AES-256-GCM. Sealed: version (1 byte), nonce (12), ciphertext with tag.

    The key file is created in an existing folder if absent. Losing it loses all that was sealed.
    """

    def __init__(self, path: Path) -> None:
        """Raises `ValueError` if others than the owner may use the file, or if it holds no key."""
        if not path.exists():
            _create(path)
        self._key = AESGCM(_read(path))

    def seal(self, plain: bytes, context: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._key.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        content_at = len(_VERSION) + _NONCE
        if not sealed.startswith(_VERSION) or len(sealed) < content_at + _TAG:
            raise ValueError("not a sealed value")
        nonce, content = sealed[len(_VERSION) : content_at], sealed[content_at:]
        try:
            return self._key.decrypt(nonce, content, context.encode())
        except InvalidTag as error:
            raise ValueError("sealed for another context, or tampered with") from error


def _create(path: Path) -> None:
    """Put a new key there at once and whole. If another process was faster, its key stays."""
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:  # mode 0600 from the start
        file.write(os.urandom(_KEY))
        file.flush()
        os.fsync(file.fileno())
        try:
            path.hardlink_to(file.name)
        except FileExistsError:
            return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(
                f"{path} has mode {mode:04o}, so others may use the key; make it 0600: chmod 600 {path}"
            )
        key = file.read()
    if len(key) != _KEY:
        raise ValueError(f"{path} holds {len(key)} bytes instead of a key of {_KEY}")
    return key
