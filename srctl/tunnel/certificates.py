"""Certificates of host keys: what one says, and why it does or does not vouch for a host.

The format is that of OpenSSH's PROTOCOL.certkeys: string type, string nonce, the fields of the key, uint64 serial,
uint32 kind (1 user, 2 host), string key id, string principals, uint64 valid after, uint64 valid before, string critical
options, string extensions, string reserved, string signature key, string signature over all before it. Which authority
is trusted for which host is not decided here (hostkey.py).
"""

import base64
from collections.abc import Collection
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from srctl.tunnel.known_hosts import key_type

CERTIFICATE = "-cert-v01@openssh.com"
AUTHORITY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Signatures by authorities that are accepted where CASignatureAlgorithms says nothing; never SHA-1."""

_HOST = 2
_KEY_FIELDS = {"ssh-ed25519": 1, "ssh-rsa": 2}
_ECDSA_FIELDS = 2


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says; times are seconds since 1970, `key` and `authority` are public keys on the wire."""

    key: bytes
    kind: int
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical_options: bytes
    authority: bytes
    signed: bytes
    signature: bytes


def read_certificate(blob: bytes) -> Certificate:
    """Take a certificate apart. Raises `ValueError` for one that is malformed, or has bytes to spare."""
    fields = _Fields(blob)
    plain = fields.text().removesuffix(CERTIFICATE)
    fields.string()
    count = _KEY_FIELDS.get(plain, _ECDSA_FIELDS if plain.startswith("ecdsa-sha2-") else 0)
    if not count or key_type(blob) != plain + CERTIFICATE:
        raise ValueError(f"certificates of the type {plain!r} are not supported")
    key = _string(plain.encode()) + b"".join(_string(fields.string()) for _ in range(count))
    fields.number(8)
    kind = fields.number(4)
    fields.string()
    principals = _Fields(fields.string()).texts()
    valid_after, valid_before = fields.number(8), fields.number(8)
    critical_options = fields.string()
    fields.string()
    fields.string()
    authority = fields.string()
    signed = fields.passed
    signature = fields.string()
    fields.end()
    return Certificate(key, kind, principals, valid_after, valid_before, critical_options, authority, signed, signature)


def fault(certificate: Certificate, host: str, now: float, permitted: Collection[str] | None) -> str | None:
    """Return why the certificate does not vouch for `host` at the time `now`; `None` when it does.

    `permitted` are the algorithms with which an authority may sign; `None` means the usual ones.
    """
    named = ", ".join(certificate.principals) or "no host"
    faults = {
        "it is not for a host": certificate.kind != _HOST,
        f"it is for {named}, not for {host}": host not in certificate.principals,
        "it is not valid yet": now < certificate.valid_after,
        "it has expired": now >= certificate.valid_before,
        "it has critical options that are not understood": bool(certificate.critical_options),
    }
    found = next((text for text, present in faults.items() if present), None)
    return found or _fault_of_signature(certificate, AUTHORITY_ALGORITHMS if permitted is None else permitted)


def _fault_of_signature(certificate: Certificate, permitted: Collection[str]) -> str | None:
    fields = _Fields(certificate.signature)
    try:
        algorithm, value = fields.text(), fields.string()
        fields.end()
    except ValueError:
        return "its signature is malformed"
    if algorithm not in permitted:
        return f"it is signed with {algorithm}, which is not permitted"
    return None if _verifies(certificate, algorithm, value) else "its signature is wrong"


def _verifies(certificate: Certificate, algorithm: str, value: bytes) -> bool:
    kind = key_type(certificate.authority)
    if kind != ("ssh-rsa" if algorithm in ("rsa-sha2-256", "rsa-sha2-512") else algorithm):
        return False
    try:
        key = serialization.load_ssh_public_key(f"{kind} ".encode() + base64.b64encode(certificate.authority))
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(value, certificate.signed)
        elif isinstance(key, rsa.RSAPublicKey):
            digest = hashes.SHA512() if algorithm == "rsa-sha2-512" else hashes.SHA256()
            key.verify(value, certificate.signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der(value), certificate.signed, ec.ECDSA(_digest_of(key)))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _digest_of(key: ec.EllipticCurvePublicKey) -> hashes.HashAlgorithm:
    """Return the digest that RFC 5656, section 6.2.1, pairs with a curve."""
    return {256: hashes.SHA256(), 384: hashes.SHA384()}.get(key.curve.key_size, hashes.SHA512())


def _der(value: bytes) -> bytes:
    fields = _Fields(value)
    r, s = (int.from_bytes(fields.string(), "big", signed=True) for _ in range(2))
    fields.end()
    return encode_dss_signature(r, s)


class _Fields:
    """Reads the fields of a message in order; what is not there is a `ValueError`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def passed(self) -> bytes:
        return self._data[: self._position]

    def take(self, count: int) -> bytes:
        found = self._data[self._position : self._position + count]
        if len(found) < count:
            raise ValueError("it is cut off")
        self._position += count
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def string(self) -> bytes:
        return self.take(self.number(4))

    def text(self) -> str:
        return self.string().decode("utf-8")

    def texts(self) -> tuple[str, ...]:
        found = []
        while self._position < len(self._data):
            found.append(self.text())
        return tuple(found)

    def end(self) -> None:
        if self._position != len(self._data):
            raise ValueError("it has bytes to spare")


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
