"""Texts in the character set that somebody else says they are in."""

import codecs

_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
"""Codecs of Python that nobody writes texts in. Punycode takes minutes for a megabyte."""


def codec(charset: str) -> str:
    """Python's name of a character set. Raises `LookupError`."""
    try:
        name = codecs.lookup(charset).name
    except ValueError:
        raise LookupError(charset) from None
    if name.replace("_", "-") in _NO_CHARSETS:
        raise LookupError(charset)
    return name


def decoded(content: bytes, charset: str | None) -> str:
    """In UTF-8 unless the character set is known. What is not text becomes replacement characters."""
    try:
        return content.decode(codec(charset or "utf-8"), "replace")
    except (LookupError, ValueError):
        return content.decode(errors="replace")
