"""What is hidden on reading, and what comes back when the mask is sent."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.errors import InvalidBody
from flowker.model.masking import (
    MASK,
    credential,
    mask,
    mask_node_data,
    mask_url,
    restore,
    restore_node_data,
    sensitive,
)

SENSITIVE = """
    password newPassword oldpassword passwordSalt passwords token secret Authorization credentials apikey
    api_key apiKey APIKey X-API-Key access_token refreshToken accesstoken bearer bearer_token session_id
    cookie Set-Cookie private_key client_id clientID client_secret passwd passphrase card_number
    socialSecurity account_number iban routing_number swift_code expiryDate expiration date_of_birth taxId
    national_id sort_code security_question securityAnswer mother_maiden_name mfa_code totp email biometric
    fingerprint certificate connection_string database_url phone_number address street postalCode key auth
    auth_type pin OTP cvv cvc ssn pan bic bsb dob tin jwt zip city access_key_id secret_access_key
    verify_token tokenURL
"""

INNOCENT = """
    base_url organization_id ledger_id username region bucket timeout_ms headers monkey keyboard author
    pinned company zipper capacity spanner destination issuer_url scopes id client number ключ
"""


@pytest.mark.parametrize("key", SENSITIVE.split())
def test_a_name_is_sensitive(key: str) -> None:
    assert sensitive(key)


@pytest.mark.parametrize("key", ["", *INNOCENT.split()])
def test_a_name_is_innocent(key: str) -> None:
    assert not sensitive(key)


@pytest.mark.parametrize("key", ["verify_token", "api_key", "clientSecret", "password", "private_key", "jwt"])
def test_a_credential_is_sensitive_too(key: str) -> None:
    assert credential(key)
    assert sensitive(key)


@pytest.mark.parametrize("key", ["email", "phone", "address", "city", "key", "client_id", "expiry", "pin"])
def test_business_data_is_no_credential(key: str) -> None:
    assert not credential(key)


@pytest.mark.parametrize("value", ["s", "", 0, Decimal("1.5"), True, False, {}, {"a": "b"}, [], ["a"]])
def test_whatever_a_sensitive_name_holds_is_masked(value: Any) -> None:
    assert mask({"api_key": value}) == {"api_key": MASK}


def test_null_is_shown_because_it_hides_nothing() -> None:
    assert mask({"api_key": None}) == {"api_key": None}


def test_masking_reaches_into_objects_lists_and_headers() -> None:
    config = {
        "base_url": "https://a.test",
        "headers": {"Authorization": "Bearer s", "X-Api-Key": "s", "Accept": "text/plain"},
        "targets": [{"name": "one", "secret": "s"}, ["plain", {"pin": 1234}]],
    }
    assert mask(config) == {
        "base_url": "https://a.test",
        "headers": {"Authorization": MASK, "X-Api-Key": MASK, "Accept": "text/plain"},
        "targets": [{"name": "one", "secret": MASK}, ["plain", {"pin": MASK}]],
    }


def test_secrets_inside_urls_are_masked_in_place() -> None:
    config = {"base_url": "https://user:p@ss@a.test/x?api_key=s&page=2&to%6ben=s#access_token=s"}
    shown = mask(config)
    assert shown == {
        "base_url": f"https://{MASK}@a.test/x?api_key={MASK}&page=2&to%6ben={MASK}#access_token={MASK}"
    }
    assert restore(shown, config) == config


def test_the_key_of_an_api_key_is_masked_in_both_spellings() -> None:
    authentication = {"type": "api_key", "config": {"key": "X-Key", "value": "s", "location": "header"}}
    assert mask({"authentication": authentication}) == {
        "authentication": {
            "type": "api_key",
            "config": {"key": MASK, "value": MASK, "location": "header"},
        }
    }


def test_masking_changes_nothing_in_place() -> None:
    config = {"headers": {"Authorization": "s"}}
    mask(config)
    assert config == {"headers": {"Authorization": "s"}}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.test/b?c=d#e", "https://a.test/b?c=d#e"),
        ("https://user:secret@a.test/b", "https://a.test/b"),
        ("https://user@a.test", "https://a.test"),
        ("HTTPS://u:p@a.test", "HTTPS://a.test"),
        ("https://a.test/@handle?x=a@b", "https://a.test/@handle?x=a@b"),
        ("https://a.test?api-key=s&token=&q=1", f"https://a.test?api-key={MASK}&token=&q=1"),
        ("/relative?password=s", f"/relative?password={MASK}"),
        ("", ""),
    ],
)
def test_a_recorded_url_shows_neither_userinfo_nor_secret_parameters(url: str, shown: str) -> None:
    assert mask_url(url) == shown


NODE: dict[str, Any] = {
    "executorId": "http",
    "verify_token": "s",
    "url": "https://a.test/${workflow.id}?api_key=s",
    "auth": {"type": "api_key", "config": {"key": "s", "header": "X-K"}, "cache": {"enabled": True}},
    "headers": {"Cookie": "s", "X-Session-Id": "s", "Accept": "a"},
    "inputMapping": [{"source": "workflow.token", "target": "password", "required": True}],
    "output": {"email": "a@b.test", "city": "Rio", "client_id": 7},
    "condition": 'workflow.token == "x"',
}


def test_a_node_shows_everything_but_credentials_headers_and_authentication() -> None:
    assert mask_node_data(NODE) == {
        **NODE,
        "verify_token": MASK,
        "url": f"https://a.test/${{workflow.id}}?api_key={MASK}",
        "auth": {"type": "api_key", "config": {"key": MASK, "header": "X-K"}, "cache": {"enabled": True}},
        "headers": {"Cookie": MASK, "X-Session-Id": MASK, "Accept": "a"},
    }


def test_a_node_that_is_read_and_written_keeps_its_secrets() -> None:
    assert restore_node_data(mask_node_data(NODE), NODE) == NODE


def test_authentication_that_is_no_block_is_masked_as_a_whole() -> None:
    assert mask_node_data({"auth": "Basic s", "authentication": 1}) == {"auth": MASK, "authentication": MASK}


def test_a_node_without_data_stays_without() -> None:
    assert mask_node_data(None) is None
    assert restore_node_data(None, None) is None


def test_the_mask_keeps_what_is_stored_and_everything_else_is_new() -> None:
    old = {"api_key": "old", "base_url": "https://old.test", "headers": {"Authorization": "old", "A": "old"}}
    new = {"api_key": MASK, "base_url": "https://new.test", "headers": {"Authorization": "new"}}
    assert restore(new, old) == {
        "api_key": "old",
        "base_url": "https://new.test",
        "headers": {"Authorization": "new"},
    }


def test_a_masked_block_can_be_kept_as_a_whole_or_in_part() -> None:
    old = {"auth": {"issuer_url": "i", "client_secret": "s", "scopes": ["a", "b"]}}
    assert restore({"auth": MASK}, old) == old
    assert restore({"auth": {"issuer_url": "j", "client_secret": MASK, "scopes": ["c", MASK]}}, old) == {
        "auth": {"issuer_url": "j", "client_secret": "s", "scopes": ["c", "b"]}
    }


def test_list_items_are_matched_by_position() -> None:
    old = {"targets": [{"token": 1}, {"token": 2}]}
    assert restore({"targets": [{"token": "new"}, {"token": MASK}]}, old) == {
        "targets": [{"token": "new"}, {"token": 2}]
    }


def test_asterisks_in_an_innocent_place_are_just_asterisks() -> None:
    for value in (MASK, f"https://a.test/{MASK}", f"https://a.test?page={MASK}"):
        assert restore({"comment": value}, {"comment": "old"}) == {"comment": value}


@pytest.mark.parametrize(
    ("new", "old", "field"),
    [
        ({"api_key": MASK}, {}, "config.api_key"),
        ({"api_key": MASK}, {"api_key": None}, "config.api_key"),
        ({"headers": {"Cookie": MASK}}, {"headers": "none"}, "config.headers.Cookie"),
        ({"targets": [{"token": 1}, {"token": MASK}]}, {"targets": [{"token": 1}]}, "config.targets.1.token"),
        ({"tokens": ["a", MASK]}, {"tokens": ["a"]}, "config.tokens.1"),
        ({"base_url": f"https://{MASK}@new.test"}, {"base_url": "https://u:p@old.test"}, "config.base_url"),
        ({"base_url": f"https://a.test?token={MASK}"}, {"base_url": 1}, "config.base_url"),
    ],
)
def test_a_mask_with_nothing_to_keep_is_refused_and_named(new: Any, old: Any, field: str) -> None:
    with pytest.raises(InvalidBody) as raised:
        restore(new, old)
    assert list(raised.value.fields) == [field]


def test_the_caller_says_where_the_document_is() -> None:
    with pytest.raises(InvalidBody) as raised:
        restore_node_data({"verify_token": MASK}, None, "nodes[3].data")
    assert list(raised.value.fields) == ["nodes[3].data.verify_token"]
