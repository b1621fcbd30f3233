"""Keys in files of this machine: `KeyFileCipher` encrypts at rest, `signing_keys` are those that tokens are signed with."""

import os
import stat
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flowker.model.account import SigningKeys
from flowker.settings.texts import signing_secrets

_VERSION = b"\x02"
_UNNAMED = b"\x01"
"""The version before keys could be rotated: its values do not name their key, and there was but one."""
_KEY = 32
_NAME = 4
_NONCE = 12
_TAG = 16


class KeyFileCipher:
    """`adapters.items.Cipher` with AES-256-GCM. Sealed: version (1 byte), name of the key (4), nonce (12), ciphertext with tag.

    The file holds one key of 32 bytes after the other: the last one seals, all of them open. So a key is rotated by appending
    one. The file is created in an existing folder if absent. Losing it loses all that was sealed.
    """

    def __init__(self, path: Path) -> None:
        """Raises `ValueError` if others than the owner may use the file, or if it holds no key."""
        if not path.exists():
            _create(path, os.urandom(_KEY))
        content = _read(path)
        if not content or len(content) % _KEY:
            raise ValueError(f"{path} holds {len(content)} bytes instead of keys of {_KEY}")
        keys = [content[start : start + _KEY] for start in range(0, len(content), _KEY)]
        self._keys = {_name(key): AESGCM(key) for key in keys}
        self._first, self._newest = _name(keys[0]), _name(keys[-1])

    def seal(self, plain: bytes, context: str) -> bytes:
        nonce = os.urandom(_NONCE)
        ciphertext = self._keys[self._newest].encrypt(nonce, plain, context.encode())
        return _VERSION + self._newest + nonce + ciphertext

    def open(self, sealed: bytes, context: str) -> bytes:
        name, content_at = self._parts(sealed)
        if len(sealed) < content_at + _NONCE + _TAG or name not in self._keys:
            raise ValueError("not a sealed value, or sealed under a key that is gone")
        nonce, content = sealed[content_at : content_at + _NONCE], sealed[content_at + _NONCE :]
        try:
            return self._keys[name].decrypt(nonce, content, context.encode())
        except InvalidTag as error:
            raise ValueError("sealed for another context, or tampered with") from error

    def stale(self, sealed: bytes) -> bool:
        return self._parts(sealed)[0] != self._newest

    def _parts(self, sealed: bytes) -> tuple[bytes, int]:
        """The name of the key, and where the rest begins."""
        if sealed.startswith(_UNNAMED):
            return self._first, len(_UNNAMED)
        named_at = len(_VERSION)
        if not sealed.startswith(_VERSION):
            raise ValueError("not a sealed value")
        return sealed[named_at : named_at + _NAME], named_at + _NAME


def signing_keys(path: Path) -> SigningKeys:
    """The keys in a file as `FLOWKER_JWT_KEYS` has them: `id=secret`, with commas between them. The file is created with one if
    absent. Raises `ValueError` if others than the owner may use it, or if it holds none."""
    if not path.exists():
        _create(path, f"{token_hex(4)}={token_hex(_KEY)}\n".encode())
    text = _read(path).decode()
    try:
        return SigningKeys(signing_secrets(text))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _name(key: bytes) -> bytes:
    """Tells keys apart, and nothing else about them."""
    return sha256(b"flowker key " + key).digest()[:_NAME]


def _create(path: Path, content: bytes) -> None:
    """Put a new key there at once and whole. If another process was faster, its key stays."""
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:  # mode 0600 from the start
        file.write(content)
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
        return file.read()
