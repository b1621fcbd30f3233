"""TLS of outbound calls: the address is pinned, the name is proven (Flowker spec c.3)."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flowker.adapters.outbound_http import OutboundHttp
from tests.integration.outbound.calls import BEARER, client, fails_for_now, get
from tests.integration.outbound.provider_server import ProviderServer, provider_server


def certificate(
    name: str, authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None, *, is_ca: bool
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (authority[0].subject, authority[1]) if authority else (subject, key)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return builder.sign(signer, hashes.SHA256()), key


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[tuple[ProviderServer, OutboundHttp, list[str | None]]]:
    """A server for `api.example.test`, a client that trusts its authority, and the server names that clients asked for."""
    authority = certificate("Test Authority", None, is_ca=True)
    leaf, key = certificate("api.example.test", authority, is_ca=False)
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(authority[0].public_bytes(pem))
    (tmp_path / "leaf.pem").write_bytes(
        leaf.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    names: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "leaf.pem")
    tls.sni_callback = lambda connection, name, context: names.append(name)
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with provider_server(tls) as server, client(tls=lambda: trust) as http:
        yield server, http, names


Trusting = tuple[ProviderServer, OutboundHttp, list[str | None]]


@pytest.mark.parametrize("host", ["api.example.test", "API.Example.Test", "api.example.test."])
def test_the_certificate_is_checked_for_the_host_name_not_the_address(trusting: Trusting, host: str) -> None:
    server, http, names = trusting
    response = http.send(get(server.url("/x", host)))
    assert response.status == 200
    assert names == ["api.example.test"]
    assert server.received[0].headers["Host"] == f"{host.lower()}:{server.port}"


@pytest.mark.parametrize("host", ["other.example.test", "127.0.0.1"])
def test_a_certificate_for_another_name_fails_for_now(trusting: Trusting, host: str) -> None:
    server, http, _ = trusting
    text = fails_for_now(http, get(server.url("/", host), auth=BEARER))
    assert "CERTIFICATE_VERIFY_FAILED" in text
    assert server.received == []


def test_an_unknown_authority_is_not_trusted(trusting: Trusting) -> None:
    server, _, _ = trusting
    with client() as http:
        assert "CERTIFICATE_VERIFY_FAILED" in fails_for_now(http, get(server.url("/", "api.example.test")))


def test_tls_connections_are_reused_and_the_context_is_made_once(trusting: Trusting, tmp_path: Path) -> None:
    server, _, _ = trusting
    made: list[ssl.SSLContext] = []

    def tls() -> ssl.SSLContext:
        made.append(ssl.create_default_context(cafile=tmp_path / "ca.pem"))
        return made[-1]

    with client(tls=tls) as http:
        assert made == []
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(http.send, [get(server.url("/", "api.example.test"))] * 8))
        before = server.connections
        for _ in range(5):
            http.send(get(server.url("/", "api.example.test")))
        assert server.connections == before
    assert len(made) == 1
