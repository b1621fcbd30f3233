"""A PostgreSQL server of Debian's packages, on the loopback interface."""

import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flowker.adapters.destinations import Destinations
from flowker.adapters.postgres import PostgresServers
from flowker.model.exact_json import Json
from flowker.model.sql import SqlServer, SqlStatement
from statemachines.stand_ins.ports import free_port

USER, PASSWORD = "tenant", "pass-" + "w0rd of the tenant"
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """`certificate` is its own, valid for 127.0.0.1 and signed by itself."""

    port: int
    certificate: str

    @property
    def server(self) -> SqlServer:
        return SqlServer("127.0.0.1", self.port, USER, PASSWORD, "postgres", authorities=self.certificate)

    @property
    def params(self) -> dict[str, Json]:
        """Those of a node that say where to go."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "password": PASSWORD,
            "dbname": "postgres",
            "sslrootcert": self.certificate,
        }


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`; the newest version where there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    onpath = shutil.which("initdb")
    candidates = [*reversed(found), *([Path(onpath).resolve()] if onpath else [])]
    return next((path.parent for path in candidates if (path.parent / "postgres").exists()), None)


def client() -> PostgresServers:
    """Private destinations are allowed, and no public authority is asked."""
    return PostgresServers(Destinations(allow_private=True), tls=ssl.create_default_context)


def asked(server: SqlServer, text: str, *args: Json) -> list[dict[str, Json]]:
    (result,) = client().run(server, [SqlStatement(text, args)], 10.0)
    return [dict(row) for row in result.rows or ()]


@contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    # PostgreSQL refuses to run as root, and the folders of pytest are closed to everybody else.
    owner = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="flowker-postgres-"))
    try:
        certificate = _certify(folder)
        (folder / "password").write_text(PASSWORD)
        if owner is not None:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, owner)
        data, port = folder / "data", free_port()
        _initialize(programs, data, folder, owner)
        with _started(programs, data, folder, port, owner):
            yield Postgres(port, certificate)
    finally:
        shutil.rmtree(folder)


def _initialize(programs: Path, data: Path, folder: Path, owner: str | None) -> None:
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        USER,
        "--pwfile",
        folder / "password",
        "--no-sync",
    ]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    done = subprocess.run(  # noqa: S603 - Debian's program
        command, cwd=folder, user=owner, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


@contextmanager
def _started(programs: Path, data: Path, folder: Path, port: int, owner: str | None) -> Iterator[None]:
    settings = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off", "ssl": "on",
        "ssl_cert_file": folder / "certificate.pem", "ssl_key_file": folder / "key.pem", "max_connections": 20,
        "shared_buffers": "16MB",
    }  # fmt: skip
    command: list[str | Path] = [
        programs / "postgres",
        "-D",
        data,
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    log = folder / "postgres.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - Debian's program
            command, cwd=folder, user=owner, stdout=output, stderr=output
        )
    try:
        _wait(process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while b"ready to accept connections" not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.02)


def _certify(folder: Path) -> str:
    """A certificate for 127.0.0.1, and its key that only the owner may read."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    (folder / "certificate.pem").write_text(pem)
    secret = folder / "key.pem"
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pem
