"""Private keys in files and in the agent, as identities that can be offered to a server.

An identity knows its public part before it is unlocked, so that nobody is asked for the passphrase of a key that the
server would not take. Keys are read with `cryptography`; all types that OpenSSH writes but DSA and hardware keys work
from files, and whatever the agent can sign with works from there.
"""

import base64
import binascii
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from srctl.tunnel.certificates import CERTIFICATE, read_certificate
from srctl.tunnel.errors import plain
from srctl.tunnel.known_hosts import key_type
from srctl.tunnel.prompter import Prompter

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Sign: TypeAlias = Callable[[bytes, str], bytes]

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_PASSPHRASE_TRIES = 3
_HEADER = b"openssh-key-v1\0"


class KeyUnusableError(Exception):
    """A key that exists but cannot be used now; its text says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to offer: `blob` is its public part or certificate, `sign(data, algorithm)` returns an SSH signature."""

    label: str
    blob: bytes
    sign: Sign
    locked: bool = False
    """Signing asks a person: for a passphrase, or for a touch of a hardware key."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The signature algorithms that fit the key, best first (RFC 8332 for RSA)."""
        kind = key_type(self.blob)
        if kind == "ssh-rsa":
            return _RSA
        if kind == "ssh-rsa" + CERTIFICATE:
            return tuple(name + CERTIFICATE for name in _RSA)
        return (kind,)


def file_identity(path: Path, prompter: Prompter | None) -> Identity:
    """Return the identity in a private key file. Raises `KeyUnusableError`, or `FileNotFoundError`.

    A file that holds only a public key names a key of the agent; it raises `KeyUnusableError` here.
    """
    data = _read_private(path)
    public = public_part(path, data)
    if not _is_encrypted(data):
        key = _load(data, None, path)
        return Identity(str(path), _public_blob(key), _signer(key))
    if prompter is None:
        raise KeyUnusableError("it needs a passphrase, and there is no terminal to ask on")
    keyring = _Locked(path, data, prompter)
    if public is None:
        public = _public_blob(keyring.unlock())
    return Identity(str(path), public, keyring.sign, locked=True)


def with_certificate(identity: Identity, certificate: bytes) -> Identity:
    """Return an identity that offers a certificate for the same key."""
    return Identity(f"{identity.label} (certificate)", certificate, identity.sign, identity.locked)


def public_part(path: Path, data: bytes | None = None) -> bytes | None:
    """Return the public key that belongs to a key file, without its passphrase; `None` where nothing tells."""
    beside = _public_line(path.with_name(path.name + ".pub"))
    if beside is not None:
        return beside
    try:
        content = path.read_bytes() if data is None else data
    except OSError:
        return None
    if content.startswith(b"-----"):
        return _openssh_public(content)
    return _public_line(path)


def certificate_at(path: Path) -> bytes | None:
    """Return the certificate in a `-cert.pub` file."""
    blob = _public_line(path)
    return blob if blob and key_type(blob).endswith(CERTIFICATE) else None


def certified_key(certificate: bytes) -> bytes | None:
    """Return the plain public key inside a certificate; `None` for one that is malformed."""
    try:
        return read_certificate(certificate).key
    except ValueError:
        return None


def rsa_size(blob: bytes) -> int | None:
    """Return the size in bits of an RSA public key; `None` for others."""
    if key_type(blob) != "ssh-rsa":
        return None
    rest = blob[4 + len("ssh-rsa") :]
    rest = rest[4 + int.from_bytes(rest[:4], "big") :]
    return int.from_bytes(rest[4 : 4 + int.from_bytes(rest[:4], "big")], "big").bit_length()


class _Locked:
    """A key file that asks for its passphrase when it is first needed, and remembers the key afterwards."""

    def __init__(self, path: Path, data: bytes, prompter: Prompter) -> None:
        self._path, self._data, self._prompter = path, data, prompter
        self._signer: Sign | None = None

    def unlock(self) -> PrivateKey:
        for _ in range(_PASSPHRASE_TRIES):
            passphrase = self._prompter.secret(f"Enter passphrase for key '{self._path}':")
            if not passphrase:
                raise KeyUnusableError("no passphrase was given")
            try:
                key = _load(self._data, passphrase.encode(), self._path)
            except KeyUnusableError:
                continue
            self._signer = _signer(key)
            return key
        raise KeyUnusableError("the passphrase was wrong")

    def sign(self, data: bytes, algorithm: str) -> bytes:
        signer = self._signer or _signer(self.unlock())
        return signer(data, algorithm)


def _read_private(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        status = path.stat()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyUnusableError(f"it cannot be read: {error.strerror}") from error
    if not data.startswith(b"-----"):
        raise KeyUnusableError("it holds no private key")
    if hasattr(os, "getuid") and status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
        raise KeyUnusableError("other users can read it (chmod 600 helps)")
    return data


def _load(data: bytes, passphrase: bytes | None, path: Path) -> PrivateKey:
    load = serialization.load_ssh_private_key if _is_openssh(data) else serialization.load_pem_private_key
    try:
        key = load(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(plain(str(error)) or "it is damaged") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise KeyUnusableError(f"keys of its type are not supported: {path}")
    return key


def _signer(key: PrivateKey) -> Sign:
    def sign(data: bytes, algorithm: str) -> bytes:
        plain_algorithm = algorithm.removesuffix(CERTIFICATE)
        return _string(plain_algorithm.encode()) + _string(_raw_signature(key, data, plain_algorithm))

    return sign


def _raw_signature(key: PrivateKey, data: bytes, algorithm: str) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        digest = hashes.SHA512() if algorithm == "rsa-sha2-512" else hashes.SHA256()
        return key.sign(data, padding.PKCS1v15(), digest)
    bits = key.curve.key_size
    chosen = hashes.SHA256() if bits <= 256 else hashes.SHA384() if bits <= 384 else hashes.SHA512()
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(chosen)))
    return _mpint(r) + _mpint(s)  # RFC 5656, section 3.1.2


def _public_blob(key: PrivateKey) -> bytes:
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _public_line(path: Path) -> bytes | None:
    try:
        fields = path.read_text(encoding="utf-8", errors="replace").split(None, 2)
        blob = base64.b64decode(fields[1], validate=True)
    except (OSError, IndexError, binascii.Error, ValueError):
        return None
    return blob if key_type(blob) == fields[0] else None


def _is_openssh(data: bytes) -> bool:
    return b"BEGIN OPENSSH PRIVATE KEY" in data[:80]


def _is_encrypted(data: bytes) -> bool:
    if not _is_openssh(data):
        return b"ENCRYPTED" in data[:200]
    body = _openssh_body(data)
    length = int.from_bytes(body[:4], "big")
    return body[4 : 4 + length] != b"none"


def _openssh_body(data: bytes) -> bytes:
    """Return what follows the magic of OpenSSH's key format: cipher, kdf, kdf options, count, public keys, ..."""
    try:
        decoded = base64.b64decode(b"".join(line for line in data.splitlines() if not line.startswith(b"-")))
    except binascii.Error:
        return b""
    return decoded.removeprefix(_HEADER) if decoded.startswith(_HEADER) else b""


def _openssh_public(data: bytes) -> bytes | None:
    if not _is_openssh(data):
        return None
    rest = _openssh_body(data)
    for _ in range(3):
        rest = rest[4 + int.from_bytes(rest[:4], "big") :]
    rest = rest[4:]
    blob = rest[4 : 4 + int.from_bytes(rest[:4], "big")]
    return blob if key_type(blob) else None


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _mpint(value: int) -> bytes:
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))
