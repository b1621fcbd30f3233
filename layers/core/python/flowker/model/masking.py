"""Secrets are written once and read as asterisks; asterisks that come back keep what is stored (Flowker spec k).

Two lists of names: what is `sensitive` in the configuration of a connection, personal data included, and what is a
`credential`, which is all that is hidden of a workflow, because the rest of its nodes is business of its author.
"""

import re
from collections.abc import Callable, Mapping
from itertools import chain, repeat
from urllib.parse import unquote_plus

from flowker.errors import InvalidBody
from flowker.model.exact_json import Json

MASK = "********"

# --- names --------------------------------------------------------------------------------------------------

_CREDENTIALS = """password, new password, old password, password salt, passwd, passphrase, token, access
    token, refresh token, auth token, verify token, secret, client secret, authorization, credential,
    api key, access key, private key, bearer, jwt, cookie, connection string, database url"""

_PERSONAL = """session id, client id, card number, social security, account number, routing number,
    iban, swift, expiry, expiration, exp date, exp month, exp year, date of birth, tax id, national id,
    sort code, security question, security answer, mother maiden name, mothers maiden name, mfa code,
    totp, biometric, fingerprint, certificate, email, phone, address, street, postal code, key, auth,
    pin, otp, cvv, cvc, ssn, pan, bic, bsb, dob, tin, zip, city"""


def _any_of(phrases: str) -> re.Pattern[str]:
    """Whole words in a row, or written as one, with or without a plural s."""
    spellings = "|".join(" ?".join(phrase.split()) for phrase in phrases.split(","))
    return re.compile(rf"\b(?:{spellings})s?\b")


_CREDENTIAL = _any_of(_CREDENTIALS)
_SENSITIVE = _any_of(f"{_CREDENTIALS}, {_PERSONAL}")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def sensitive(key: str) -> bool:
    """Whether a field of this name is hidden in the configuration of a connection, and such a header anywhere."""
    return _SENSITIVE.search(_words(key)) is not None


def credential(key: str) -> bool:
    """Whether a field of this name is hidden in a node of a workflow."""
    return _CREDENTIAL.search(_words(key)) is not None


def _words(key: str) -> str:
    """`apiKey`, `API_KEY` and `X-Api-Key` all contain the words `api key`; `monkey` does not contain `key`."""
    return " ".join(_WORD.findall(key)).lower()


# --- URLs ---------------------------------------------------------------------------------------------------

# The look-behind keeps the search linear: a scheme is tried only where one can begin.
_USERINFO = re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^/?#\s]*@", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&;#])([^?&;#=\s]+)=([^?&;#\s]*)")


def mask_url(url: str) -> str:
    """A URL that is recorded: without userinfo, and with the values of sensitive query parameters masked."""
    return _mask_parameters(_USERINFO.sub(r"\1", url))


def _mask_text(text: str) -> str:
    """A text under an innocent name: secrets inside URLs are masked in place, so that `restore` knows them again."""
    return _mask_parameters(_USERINFO.sub(rf"\1{MASK}@", text)) if "://" in text else text


def _mask_parameters(url: str) -> str:
    return _PARAMETER.sub(_mask_parameter, url)


def _mask_parameter(found: re.Match[str]) -> str:
    before, name, value = found.groups()
    return f"{before}{name}={MASK if value and sensitive(unquote_plus(name)) else value}"


# --- values -------------------------------------------------------------------------------------------------

_Rule = Callable[[str], bool]
"""Which names are hidden in this part of a document."""


def mask(value: Json) -> Json:
    """The configuration of a connection as it may be shown: what a sensitive name holds, except null, is `MASK`."""
    return _masked(value, sensitive)


def mask_node_data(data: Json) -> Json:
    """The data of a workflow's node as it may be shown: credentials, headers and authentication are masked."""
    return _masked(data, credential)


def restore(new: Json, old: Json, field: str = "config") -> Json:
    """Undo `mask` in what a client sends back: `MASK` in a hidden place becomes what `old` has in the same place.

    List items are matched by position. Raises `InvalidBody`, naming the place below `field`, if any, when `old` has
    nothing there.
    """
    return _restored(new, old, sensitive, (field,) if field else ())


def restore_node_data(new: Json, old: Json, field: str = "data") -> Json:
    """Undo `mask_node_data`, see `restore`. The caller matches nodes by id; a new node has no `old`: None."""
    return _restored(new, old, credential, (field,))


def _masked(value: Json, hides: _Rule) -> Json:
    if isinstance(value, Mapping):
        return {
            key: MASK if _hidden(key, item, hides) else _masked(item, _inside(key, hides))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, hides) for item in value]
    return _mask_text(value) if isinstance(value, str) else value


def _hidden(key: str, item: Json, hides: _Rule) -> bool:
    if item is None:
        return False
    return hides(key) or (key.lower() in _AUTH_BLOCKS and not isinstance(item, Mapping | list))


_AUTH_BLOCKS = frozenset({"auth", "authentication"})


def _inside(key: str, hides: _Rule) -> _Rule:
    """The rule for what a visible name holds: authentication and headers are kept closer than their surroundings."""
    if key.lower() in _AUTH_BLOCKS:
        return _sensitive_in_auth
    return sensitive if key.lower() == "headers" and hides is credential else hides


def _sensitive_in_auth(key: str) -> bool:
    """`value` is one spelling of an API key (Flowker spec h)."""
    return key == "value" or sensitive(key)


def _restored(new: Json, old: Json, hides: _Rule, path: tuple[str, ...], hidden: bool = False) -> Json:
    """`hidden`: the place, or one around it, has a hidden name."""
    if new == MASK and hidden:
        if old is None:
            raise _nothing_to_keep(path)
        return old
    if isinstance(new, Mapping):
        known = old if isinstance(old, Mapping) else {}
        return {
            key: _restored(
                item, known.get(key), _inside(key, hides), (*path, key), hidden or _hidden(key, item, hides)
            )
            for key, item in new.items()
        }
    if isinstance(new, list):
        stored = chain(old if isinstance(old, list) else [], repeat(None))
        pairs = enumerate(zip(new, stored, strict=False))
        return [_restored(item, was, hides, (*path, str(index)), hidden) for index, (item, was) in pairs]
    return _restored_text(new, old, path) if isinstance(new, str) and not hidden else new


def _restored_text(new: str, old: Json, path: tuple[str, ...]) -> str:
    if isinstance(old, str) and new == _mask_text(old):
        return old
    if _has_masked_part(new):
        raise _nothing_to_keep(path)
    return new


def _has_masked_part(text: str) -> bool:
    return "://" in text and (
        any(found[0].endswith(f"/{MASK}@") for found in _USERINFO.finditer(text))
        or any(value == MASK and sensitive(unquote_plus(name)) for _, name, value in _PARAMETER.findall(text))
    )


def _nothing_to_keep(path: tuple[str, ...]) -> InvalidBody:
    field = ".".join(path)
    return InvalidBody(
        f"{field} is {MASK}, but there is no stored value to keep",
        fields={field: f"{MASK} keeps a stored value, and there is none here"},
    )
