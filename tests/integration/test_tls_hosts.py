"""Engines behind `tcp://`, with certificates on both sides, as DOCKER_TLS_VERIFY and DOCKER_CERT_PATH describe them."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tools.counting_proxy import pump


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(self, folder: Path, name: str) -> None:
        """Write a folder as Docker wants it: `ca.pem`, and `cert.pem` and `key.pem` for this name at 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = described(name, self.certificate.subject, key).add_extension(address, critical=False)
        folder.mkdir(parents=True)
        write(folder / "ca.pem", self.certificate)
        write(folder / "cert.pem", certificate.sign(self.key, hashes.SHA256()))
        kind = serialization.PrivateFormat.PKCS8
        (folder / "key.pem").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
        )


def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    made = described("Test authority", name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    return Authority(made.sign(key, hashes.SHA256()), key)


def described(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


def write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


@contextlib.contextmanager
def tls_door(target: str, folder: Path) -> Iterator[int]:
    """Lead a TLS port that asks for client certificates to the socket at `target`; give the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), plain, socket.socket(socket.AF_UNIX) as server:
            server.connect(target)
            with context.wrap_socket(plain, server_side=True) as client:
                answers = threading.Thread(target=pump, args=(server, client), daemon=True)
                answers.start()
                pump(client, server)
                answers.join()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Folders `server` and `client` of one authority, and `stranger` of another."""
    ours = authority()
    ours.issue(tmp_path / "server", "engine")
    ours.issue(tmp_path / "client", "ann")
    authority().issue(tmp_path / "stranger", "mallory")
    return tmp_path


@pytest.fixture
def url(deployment: Deployment, certificates: Path) -> Iterator[str]:
    with tls_door(deployment.engine.socket, certificates / "server") as port:
        yield f"tcp://127.0.0.1:{port}"


def tls(folder: Path, verify: str = "1") -> dict[str, str]:
    return {"DOCKER_TLS_VERIFY": verify, "DOCKER_CERT_PATH": str(folder)}


@pytest.mark.parametrize("verify", ["1", "0", ""])
def test_an_engine_is_reached_with_certificates(
    deployment: Deployment, url: str, certificates: Path, verify: str
) -> None:
    session = deployment.start()["id"]
    env = tls(certificates / "client", verify)
    listed = deployment.ok("ps", "--host", url, "-o", "json", env=env).json
    assert [(found["id"], found["url"]) for found in listed] == [(session, None)]


def test_a_host_of_the_config_brings_its_own_certificates(deployment: Deployment, url: str, certificates: Path) -> None:
    config = deployment.home.path / ".config" / "srctl" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[hosts.far]\nurl = "{url}"\ntls = "{certificates}/client"\n')
    assert deployment.ok("ps", "--host", "far", "-o", "json").json == []


@pytest.mark.parametrize("verify", ["1", "0"])
def test_an_engine_of_another_authority_is_not_trusted(
    deployment: Deployment, url: str, certificates: Path, verify: str
) -> None:
    result = deployment("ps", "--host", url, env=tls(certificates / "stranger", verify))
    assert result.code == 6
    assert "certificate" in result.err


def test_an_engine_refuses_who_has_no_certificate_of_its_authority(
    deployment: Deployment, url: str, certificates: Path
) -> None:
    result = deployment("ps", "--host", url, env=tls(certificates / "stranger", ""))
    assert result.code == 6


def test_a_damaged_certificate_is_named(deployment: Deployment, url: str, certificates: Path) -> None:
    (certificates / "client" / "cert.pem").write_text("no certificate")
    result = deployment("ps", "--host", url, env=tls(certificates / "client"))
    assert result.code == 2
    assert str(certificates / "client") in result.err


def test_without_a_way_by_ssh_nothing_is_started(deployment: Deployment, url: str, certificates: Path) -> None:
    result = deployment("start", WEB, "--host", url, env=tls(certificates / "client"))
    assert result.code == 8
    assert "--ssh" in result.err
    assert deployment.containers() == []
