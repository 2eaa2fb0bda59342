"""Throw-away certificates for a server on loopback and for its clients, in the files that Docker expects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "srctl lab authority"


@dataclass(frozen=True)
class Certificates:
    """One authority's certificates: two folders, each with `ca.pem`, `cert.pem` and `key.pem`."""

    server: Path
    client: Path


def make(folder: Path) -> Certificates:
    """Make an authority, a certificate of 127.0.0.1 and one of a client."""
    authority = ec.generate_private_key(ec.SECP256R1())
    of_itself = unsigned(AUTHORITY, authority).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    ca = of_itself.sign(authority, hashes.SHA256())
    for name, purpose in (("server", ExtendedKeyUsageOID.SERVER_AUTH), ("client", ExtendedKeyUsageOID.CLIENT_AUTH)):
        key = ec.generate_private_key(ec.SECP256R1())
        wanted = unsigned(f"srctl lab {name}", key).add_extension(x509.ExtendedKeyUsage([purpose]), False)
        if name == "server":
            here = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
            wanted = wanted.add_extension(here, False)
        write(folder / name, ca, wanted.sign(authority, hashes.SHA256()), key)
    return Certificates(folder / "server", folder / "client")


def unsigned(name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Return the beginning of a certificate, good from an hour ago for a day."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def write(folder: Path, ca: x509.Certificate, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    """Write what one side needs, its key readable by its owner only."""
    folder.mkdir(parents=True)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
