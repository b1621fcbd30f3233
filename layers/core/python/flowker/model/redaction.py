"""Values of secrets do not leave a run: what is written down has `***` in their place (FlowRunner spec f).

A value is found as it stands, percent-encoded in the ways that URLs and forms are written, as a part of JSON text, and in
base64, wherever in a longer text it was encoded: `Basic dXNlcjpodW50ZXIy` holds a password. Not found are values shorter than
four characters, single lines of a value with many, values that were changed (cut, hashed, in other case, encoded twice or
over several lines) and numbers: a secret `12345` is not looked for in the number 12345.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from flowker.model.exact_json import Json

REDACTED = "***"
SHORTEST = 4
"""Shorter values would hide half of every text."""

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_UNESCAPED = ("", "/", "!'()*", "*", "/:", "!~*'()/", "/?:@!$&'()*+,;=", ":@!$&'()*+,;=/")
"""What encoders leave as it is, besides letters, digits and `-._~`: none of it, `encodeURIComponent`, forms, paths, queries."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a value may look. `before` and `after` say how many characters of base64 on either side hold bits of it too."""

    text: str
    before: int = 0
    after: int = 0


class Redactor:
    """Hides these values; without any it hands everything back as it is."""

    def __init__(self, values: Iterable[str]) -> None:
        self._forms = sorted(
            {form for value in values for shown in (value, value.strip()) for form in _forms(shown)},
            key=lambda form: (-len(form.text), form.text),
        )

    def text(self, text: str) -> str:
        """The text, with each stretch of it that shows a value replaced by `***`."""
        hidden = sorted(self._found(text))
        if not hidden:
            return text
        kept: list[str] = []
        position = 0
        for start, end in hidden:
            if start > position or not kept:
                kept.append(text[position:start])
            position = max(position, end)
        return REDACTED.join([*kept, text[position:]])

    def beginning(self, text: str) -> str:
        """The same for a text whose end was cut off: an end that may be the beginning of a value is hidden as well."""
        shown = self.text(text)
        most = max((_begun(shown, form.text) for form in self._forms), default=0)
        return shown[: len(shown) - most] + REDACTED if most else shown

    def json(self, value: Json) -> Json:
        """The structure with all its texts redacted, names of members included; of two that become the same, one remains."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(key): self.json(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return value

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a value shows; places may overlap."""
        for form in self._forms:
            start = text.find(form.text)
            while start >= 0:
                end = start + len(form.text)
                yield (
                    start - _base64_before(text, start, form.before),
                    end + _base64_after(text, end, form.after),
                )
                start = text.find(form.text, start + 1)


def _begun(text: str, form: str) -> int:
    """How many characters at the end of the text are the beginning of the form; too few to tell are none."""
    start = text.find(form[:SHORTEST], max(0, len(text) - len(form) + 1))
    while start >= 0 and not form.startswith(text[start:]):
        start = text.find(form[:SHORTEST], start + 1)
    return len(text) - start if start >= 0 else 0


def _base64_before(text: str, start: int, most: int) -> int:
    return 1 if most and start > 0 and text[start - 1] in _BASE64 else 0


def _base64_after(text: str, end: int, most: int) -> int:
    return 1 if most and end < len(text) and text[end] in _BASE64 else 0


def _forms(value: str) -> Iterator[_Form]:
    if len(value) < SHORTEST or not value.strip("*"):
        return
    content = value.encode(errors="surrogatepass")
    yield _Form(value)
    for plain in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        yield _Form(plain[1:-1])
        yield _Form(plain[1:-1].replace("/", "\\/"))
    for safe in _UNESCAPED:
        for encoded in (quote(content, safe=safe), quote_plus(content, safe=safe)):
            yield from (_Form(encoded), _Form(_lower_hex(encoded)))
    for offset in range(3):
        yield from _base64_forms(content, offset)


def _lower_hex(encoded: str) -> str:
    first, *others = encoded.split("%")
    return "".join([first, *(f"%{part[:2].lower()}{part[2:]}" for part in others)])


def _base64_forms(content: bytes, offset: int) -> Iterator[_Form]:
    """The characters that hold nothing but bits of the value, if so many bytes of something else come before it."""
    padded = base64.b64encode(bytes(offset) + content).decode().rstrip("=")
    first = offset * 8 // 6 + (1 if offset else 0)
    last = (offset + len(content)) * 8 // 6
    text = padded[first:last]
    for form in {text, text.replace("+", "-").replace("/", "_")}:
        yield _Form(form, before=min(offset, 1), after=min(len(padded) - last, 1))
