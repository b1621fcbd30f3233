"""JSON of any size beside an item: in its attribute `body` up to 64 KiB, else as a blob that `body_blob` names.

A blob is written before the item that names it and never changed: its key holds the digest of what it stores, so a
repeated or lost write harms nothing.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from flowker.adapters import keys
from flowker.adapters.items import Blobs, Cipher, Item, Key, Scalar
from flowker.errors import InvalidBody
from flowker.model import exact_json
from flowker.model.exact_json import Json

MOST_SEALED = 5_000_000
"""Of a definition in an answer, which has room for 6 MB. A request brings in less, but metadata are merged and masked
values kept, so it could grow with each one."""
INLINE = 64 * 1024
"""The longest text in an attribute: several fit into an item (400 KB), and a page of them into a read (16 MB)."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """Payloads as plain JSON text."""

    blobs: Blobs

    def attributes(
        self, owner: Key, value: Json, inline: int = INLINE, first: Callable[[], object] = lambda: None
    ) -> Mapping[str, Scalar]:
        """Store the value for the item `owner` and return the attributes to put into it. `first` is done before a blob is
        stored, and may raise."""
        text = exact_json.dumps(value)
        if len(text) <= inline:
            return {"body": text}
        first()
        return {"body_blob": _upload(self.blobs, owner, text.encode())}

    def value(self, item: Item) -> Json:
        """What `attributes` stored. Raises `KeyError` if the blob is gone."""
        if "body" in item:
            return exact_json.loads(str(item["body"]))
        return exact_json.loads(self.blobs.get(str(item["body_blob"])))


@dataclass(frozen=True, slots=True)
class SealedPayloads:
    """Payloads encrypted as a whole, bound to the partition key of their item."""

    blobs: Blobs
    cipher: Cipher

    def attributes(self, owner: Key, value: Json) -> Mapping[str, Scalar]:
        """Seal and store the value for the item `owner` and return the attributes to put into it. `size` is what it takes
        in an answer. Raises `InvalidBody` if that is too much."""
        text = exact_json.dumps(value)
        size = exact_json.embedded_length(text)
        if size > MOST_SEALED:
            raise InvalidBody("with what was stored before, it is too large")
        sealed = self.cipher.seal(text.encode(), owner.pk)
        if len(sealed) * 4 <= INLINE * 3:  # as Base64 it is a third longer
            return {"size": size, "body": b64encode(sealed).decode()}
        return {"size": size, "body_blob": _upload(self.blobs, owner, sealed)}

    def value(self, item: Item) -> Json:
        """What `attributes` stored. Raises `ValueError` if it was sealed for another item or tampered with, and
        `KeyError` if the blob is gone."""
        inline = item.get("body")
        sealed = b64decode(str(inline)) if inline else self.blobs.get(str(item["body_blob"]))
        return exact_json.loads(self.cipher.open(sealed, str(item["pk"])))


def _upload(blobs: Blobs, owner: Key, content: bytes) -> str:
    name = keys.blob(owner, sha256(content).hexdigest())
    blobs.put(name, content)
    return name
