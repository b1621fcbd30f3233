"""`KmsCipher`: envelope encryption with a key that never leaves KMS."""

import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flowker.adapters.aws_errors import code, translated_refusals

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_VERSION = b"\x01"
_LENGTH = 2
_NONCE = 12
_TAG = 16
_KEY_CONTEXT = {"app": "flowker"}
_OPENED_KEYS = 256
"""Data keys kept in memory: each process seals with its own, so this many processes' values open without KMS."""
_FORGED_KEY = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsCipher:
    """`adapters.items.Cipher` with AES-256-GCM under a data key of KMS.

    Sealed: version (1 byte), length of the encrypted data key (2, big endian), encrypted data key, nonce (12),
    ciphertext with tag. The data key is bound to this application, the content to the caller's context. Both methods
    raise `StoreUnavailable` when KMS refuses for load.
    """

    def __init__(self, client: "KMSClient", key_id: str) -> None:
        self._client = client
        self._key_id = key_id
        self._lock = Lock()
        self._own: tuple[bytes, AESGCM] | None = None
        self._opened: OrderedDict[bytes, AESGCM] = OrderedDict()

    def seal(self, plain: bytes, context: str) -> bytes:
        encrypted_key, key = self._own_key()
        nonce = os.urandom(_NONCE)
        head = _VERSION + len(encrypted_key).to_bytes(_LENGTH, "big") + encrypted_key + nonce
        return head + key.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        encrypted_key, nonce, content = _parts(sealed)
        try:
            return self._opened_key(encrypted_key).decrypt(nonce, content, context.encode())
        except InvalidTag as error:
            raise ValueError("sealed for another context, or tampered with") from error

    def stale(self, sealed: bytes) -> bool:
        """Never: KMS rotates its key beneath the data keys and still opens all of them."""
        return False

    def _own_key(self) -> tuple[bytes, AESGCM]:
        """This process's data key, encrypted and ready for use. 96-bit random nonces are safe for 2^32 seals."""
        with self._lock:
            if self._own is None:
                with translated_refusals():
                    answer = self._client.generate_data_key(
                        KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=_KEY_CONTEXT
                    )
                self._own = answer["CiphertextBlob"], AESGCM(answer["Plaintext"])
                self._remember(*self._own)
            return self._own

    def _opened_key(self, encrypted_key: bytes) -> AESGCM:
        with self._lock:
            key = self._opened.get(encrypted_key)
            if key is None:
                key = self._decrypt_key(encrypted_key)
            self._remember(encrypted_key, key)
            return key

    def _decrypt_key(self, encrypted_key: bytes) -> AESGCM:
        try:
            with translated_refusals():
                answer = self._client.decrypt(
                    CiphertextBlob=encrypted_key, KeyId=self._key_id, EncryptionContext=_KEY_CONTEXT
                )
        except ClientError as error:
            if code(error) not in _FORGED_KEY:
                raise
            raise ValueError("sealed under another key, or tampered with") from error
        return AESGCM(answer["Plaintext"])

    def _remember(self, encrypted_key: bytes, key: AESGCM) -> None:
        """Keep the most recently used keys; the lock is held."""
        self._opened[encrypted_key] = key
        self._opened.move_to_end(encrypted_key)
        if len(self._opened) > _OPENED_KEYS:
            self._opened.popitem(last=False)


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Encrypted data key, nonce, ciphertext with tag."""
    head = len(_VERSION) + _LENGTH
    nonce_at = head + int.from_bytes(sealed[len(_VERSION) : head], "big")
    content_at = nonce_at + _NONCE
    if not sealed.startswith(_VERSION) or nonce_at == head or len(sealed) < content_at + _TAG:
        raise ValueError("not a sealed value")
    return sealed[head:nonce_at], sealed[nonce_at:content_at], sealed[content_at:]
