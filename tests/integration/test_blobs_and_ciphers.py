"""The contracts of `adapters.items.Blobs` and `Cipher` on every home, and what each home promises beyond them."""

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flowker.adapters.items import Blobs, Cipher
from flowker.adapters.kms import KmsCipher
from flowker.adapters.s3 import S3Blobs
from flowker.errors import StoreUnavailable
from flowker_local.key_file import KeyFileCipher
from flowker_local.sqlite_blobs import SqliteBlobs
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.conftest import MotoClients

# --- blobs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def s3_blobs(moto_clients: MotoClients) -> S3Blobs:
    bucket = f"flowker-{uuid4()}"
    moto_clients.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return S3Blobs(moto_clients.s3, bucket)


@pytest.fixture(params=["memory", "sqlite", "s3"])
def blobs(request: pytest.FixtureRequest) -> Blobs:
    match request.param:
        case "memory":
            return MemoryBlobs()
        case "sqlite":
            return SqliteBlobs(request.getfixturevalue("sqlite_table").file)
    s3: S3Blobs = request.getfixturevalue("s3_blobs")
    return s3


@pytest.mark.parametrize("content", [b"", b"text", bytes(range(256)), b"\x00" * 2_000_000], ids=len)
def test_a_blob_comes_back_as_it_was(blobs: Blobs, content: bytes) -> None:
    blobs.put("executions/EXECUTION/1 ü/abc", content)
    assert blobs.get("executions/EXECUTION/1 ü/abc") == content


def test_repeating_a_put_changes_nothing(blobs: Blobs) -> None:
    blobs.put("a", b"1")
    blobs.put("b", b"2")
    blobs.put("a", b"1")
    assert [blobs.get("a"), blobs.get("b")] == [b"1", b"2"]


def test_a_blob_that_was_never_put_is_a_key_error(blobs: Blobs) -> None:
    with pytest.raises(KeyError, match="nothing"):
        blobs.get("nothing")


def test_a_blob_or_a_folder_is_deleted_and_nothing_beside_it(blobs: Blobs) -> None:
    kept = ["t/R/10/a", "t/R/10", "t/R", "t/R/1ü/a", "t/S/1/a"]
    for key in ["t/R/1/a", "t/R/1/ü", "t/R/1/deeper/b", "t/T/1", *kept]:
        blobs.put(key, b"1")
    for _ in range(2):
        blobs.delete("t/R/1/")
        blobs.delete("t/T/1")
    for key in ["t/R/1/a", "t/R/1/ü", "t/R/1/deeper/b", "t/T/1"]:
        with pytest.raises(KeyError):
            blobs.get(key)
    assert [blobs.get(key) for key in kept] == [b"1"] * len(kept)
    blobs.put("t/T/1", b"2")
    assert blobs.get("t/T/1") == b"2"


# --- ciphers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def kms_key(moto_clients: MotoClients) -> str:
    return moto_clients.kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture(params=["plain", "key file", "kms"])
def cipher(request: pytest.FixtureRequest, tmp_path: Path) -> Cipher:
    match request.param:
        case "plain":
            return PlainCipher()
        case "key file":
            return KeyFileCipher(tmp_path / "key")
    clients: MotoClients = request.getfixturevalue("moto_clients")
    return KmsCipher(clients.kms, request.getfixturevalue("kms_key"))


@pytest.fixture(params=["key file", "kms"])
def real_cipher(request: pytest.FixtureRequest, tmp_path: Path) -> Cipher:
    """Ciphers that hide and protect; the plain one only marks."""
    if request.param == "key file":
        return KeyFileCipher(tmp_path / "key")
    clients: MotoClients = request.getfixturevalue("moto_clients")
    return KmsCipher(clients.kms, request.getfixturevalue("kms_key"))


@pytest.mark.parametrize("plain", [b"", b"secret", bytes(range(256)) * 100], ids=len)
def test_what_was_sealed_opens_for_its_context(cipher: Cipher, plain: bytes) -> None:
    assert cipher.open(cipher.seal(plain, "provider ü"), "provider ü") == plain


def test_what_was_sealed_does_not_open_for_another_context(cipher: Cipher) -> None:
    sealed = cipher.seal(b"secret", "provider 1")
    for context in ("provider 2", "", "provider 11"):
        with pytest.raises(ValueError, match="sealed for"):
            cipher.open(sealed, context)


def test_sealing_twice_gives_two_values_that_hide_the_content(real_cipher: Cipher) -> None:
    first, second = (real_cipher.seal(b"secret", "context") for _ in range(2))
    assert first != second
    assert b"secret" not in first + second


def test_every_changed_byte_is_noticed(real_cipher: Cipher) -> None:
    sealed = real_cipher.seal(b"secret", "context")
    # moto writes the id of the KMS key into an encrypted data key, and takes another id for a forbidden key
    named = range(3, 39) if isinstance(real_cipher, KmsCipher) else range(0)
    for position in (position for position in range(len(sealed)) if position not in named):
        changed = sealed[:position] + bytes([sealed[position] ^ 1]) + sealed[position + 1 :]
        with pytest.raises(ValueError, match="sealed"):
            real_cipher.open(changed, "context")


def test_every_shortened_value_is_noticed(real_cipher: Cipher) -> None:
    sealed = real_cipher.seal(b"secret", "context")
    for length in range(len(sealed)):
        with pytest.raises(ValueError, match="seal"):
            real_cipher.open(sealed[:length], "context")


def test_threads_may_share_a_cipher(tmp_path: Path) -> None:
    cipher = KeyFileCipher(tmp_path / "key")
    with ThreadPoolExecutor(8) as pool:
        opened = pool.map(lambda number: cipher.open(cipher.seal(b"%d" % number, "c"), "c"), range(100))
    assert list(opened) == [b"%d" % number for number in range(100)]


# --- KMS -------------------------------------------------------------------------------------------------------------


@contextmanager
def counted(client: Any) -> Iterator[list[str]]:
    """The operations that the client is asked for."""
    operations: list[str] = []

    def note(model: Any, **_: Any) -> None:
        operations.append(model.name)

    client.meta.events.register("before-call", note)
    yield operations
    client.meta.events.unregister("before-call", note)


def test_a_process_asks_kms_once_for_its_own_key_and_once_for_each_of_the_others(
    moto_clients: MotoClients, kms_key: str
) -> None:
    mine, others = (KmsCipher(moto_clients.kms, kms_key) for _ in range(2))
    with counted(moto_clients.kms) as operations:
        for _ in range(3):
            assert mine.open(mine.seal(b"1", "c"), "c") == b"1"
            assert mine.open(others.seal(b"2", "c"), "c") == b"2"
    assert operations == ["GenerateDataKey", "GenerateDataKey", "Decrypt"]


def test_a_process_remembers_a_bounded_number_of_keys(moto_clients: MotoClients, kms_key: str) -> None:
    mine = KmsCipher(moto_clients.kms, kms_key)
    sealed = [KmsCipher(moto_clients.kms, kms_key).seal(b"1", "c") for _ in range(300)]
    for value in sealed:
        mine.open(value, "c")
    with counted(moto_clients.kms) as operations:
        mine.open(sealed[-1], "c")
        assert operations == []
        mine.open(sealed[0], "c")
    assert operations == ["Decrypt"]


def test_what_another_key_sealed_does_not_open(
    moto_clients: MotoClients, kms_key: str, tmp_path: Path
) -> None:
    sealed = KeyFileCipher(tmp_path / "one").seal(b"secret", "c")
    with pytest.raises(ValueError, match="sealed"):
        KeyFileCipher(tmp_path / "two").open(sealed, "c")
    data_key = moto_clients.kms.generate_data_key(KeyId=kms_key, KeySpec="AES_256")["CiphertextBlob"]
    foreign = b"\x01" + len(data_key).to_bytes(2, "big") + data_key + bytes(12 + 16)
    with pytest.raises(ValueError, match="sealed under another key"):
        KmsCipher(moto_clients.kms, kms_key).open(foreign, "c")


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "KMSInternalException", "DependencyTimeoutException"]
)
def test_kms_under_load_is_an_unavailable_store(aws_session: boto3.Session, code: str) -> None:
    client = aws_session.client("kms", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(client) as stub:
        stub.add_client_error("generate_data_key", service_error_code=code)
        with pytest.raises(StoreUnavailable):
            KmsCipher(client, "key").seal(b"1", "c")


def test_s3_under_load_is_an_unavailable_store(aws_session: boto3.Session) -> None:
    client = aws_session.client("s3", config=Config(retries={"total_max_attempts": 1}))
    blobs = S3Blobs(client, "bucket")
    with Stubber(client) as stub:
        stub.add_client_error("put_object", service_error_code="SlowDown", http_status_code=503)
        with pytest.raises(StoreUnavailable):
            blobs.put("a", b"1")
        stub.add_client_error("get_object", service_error_code="InternalError", http_status_code=500)
        with pytest.raises(StoreUnavailable):
            blobs.get("a")
        stub.add_client_error("list_objects_v2", service_error_code="SlowDown", http_status_code=503)
        with pytest.raises(StoreUnavailable):
            blobs.delete("a")


def test_an_object_that_s3_leaves_where_it_is_is_an_unavailable_store(aws_session: boto3.Session) -> None:
    client = aws_session.client("s3")
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", {"Contents": [{"Key": "a/b"}]})
        stub.add_response("delete_objects", {"Errors": [{"Key": "a/b", "Code": "InternalError"}]})
        with pytest.raises(StoreUnavailable):
            S3Blobs(client, "bucket").delete("a/")


def test_a_refused_permission_is_no_missing_blob(aws_session: boto3.Session) -> None:
    client = aws_session.client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(client) as stub:
        stub.add_client_error("get_object", service_error_code="AccessDenied", http_status_code=403)
        with pytest.raises(ClientError, match="AccessDenied"):
            S3Blobs(client, "bucket").get("a")


# --- the key file ----------------------------------------------------------------------------------------------------


def test_the_key_file_is_for_its_owner_only_and_lasts(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealed = KeyFileCipher(path).seal(b"secret", "c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 32
    assert list(tmp_path.iterdir()) == [path]
    assert KeyFileCipher(path).open(sealed, "c") == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    KeyFileCipher(path)
    path.chmod(mode)
    with pytest.raises(ValueError, match="chmod 600"):
        KeyFileCipher(path)


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    with pytest.raises(ValueError, match="0 bytes"):
        KeyFileCipher(path)


def test_all_who_create_the_key_file_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ciphers = list(pool.map(lambda _: KeyFileCipher(tmp_path / "key"), range(8)))
    sealed = ciphers[0].seal(b"secret", "c")
    assert [cipher.open(sealed, "c") for cipher in ciphers] == [b"secret"] * 8


def test_what_was_sealed_before_keys_had_names_opens_and_is_sealed_anew(tmp_path: Path) -> None:
    path = tmp_path / "key"
    cipher, nonce = KeyFileCipher(path), b"n" * 12
    unnamed = b"\x01" + nonce + AESGCM(path.read_bytes()).encrypt(nonce, b"secret", b"context")
    assert cipher.stale(unnamed) is False
    with path.open("ab") as file:
        file.write(bytes(32))
    rotated = KeyFileCipher(path)
    assert rotated.open(unnamed, "context") == b"secret"
    assert rotated.stale(unnamed)
    assert rotated.stale(cipher.seal(b"secret", "context"))
    assert not rotated.stale(rotated.seal(b"secret", "context"))


@pytest.mark.parametrize("size", [0, 31, 33, 65])
def test_a_file_that_holds_no_whole_keys_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(ValueError, match="instead of keys of 32"):
        KeyFileCipher(path)
