"""SSH public keys as people hand them in: read, checked, fingerprinted. Pure, standard library only.

Refused are private keys, certificates, options before the key type (they would be an administrator's words in a
user's file) and types below today's norm. The formats are those of RFC 4253 section 6.6, RFC 5656, RFC 8709 and
OpenSSH's PROTOCOL.u2f. Messages never repeat a line, since it may hold a secret.
"""

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from srctl.errors import UsageError

if TYPE_CHECKING:
    from srctl.models import PublicKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16384

_ED25519_BYTES = 32
_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_PRIVATE = ("PRIVATE KEY-----", "PuTTY-User-Key-File", "SSH PRIVATE KEY FILE FORMAT")
_HINT = "Give the content of a file like ~/.ssh/id_ed25519.pub"


def parse_keys(text: str) -> "list[PublicKey]":
    """Read one public key a line; empty lines and lines that start with `#` are skipped.

    Raises UsageError naming the line, or if there is no key at all.
    """
    if any(mark in text for mark in _PRIVATE):
        raise UsageError("This is a private key; it must never leave its owner", _HINT)
    if "BEGIN SSH2 PUBLIC KEY" in text or "BEGIN PUBLIC KEY" in text:
        raise UsageError("The public key is not in OpenSSH's format", "Convert it with `ssh-keygen -i -f FILE`")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    keys = [_parse(number, line) for number, line in lines if line and not line.startswith("#")]
    if not keys:
        raise UsageError("There is no public key in it", _HINT)
    return keys


def fingerprint(blob: bytes) -> str:
    """Give `SHA256:...` as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _parse(number: int, line: str) -> "PublicKey":
    kind, _, rest = line.partition(" ")
    body, _, comment = rest.strip().partition(" ")
    if kind not in TYPES:
        raise _bad(number, *_why_not(kind, line))
    if not line.isprintable():
        raise _bad(number, "has characters that do not print")
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(number, "is not a whole public key") from error
    _check(number, kind, blob)
    from srctl.models import PublicKey

    return PublicKey(kind, base64.b64encode(blob).decode(), fingerprint(blob), comment.strip())


def _why_not(kind: str, line: str) -> tuple[str, str]:
    if kind in ("ssh-dss", "ssh-dsa"):
        return "is a DSA key, which is too weak", "Make one with `ssh-keygen -t ed25519`"
    if kind.endswith(("-cert-v01@openssh.com", "-cert-v00@openssh.com")):
        return "is a certificate, not a key", _HINT
    if any(f" {known} " in line or f"\t{known} " in line for known in (*TYPES, "ssh-dss")):
        return "has options before the key type", "Give the key alone; srctl decides what it may do"
    return "is not a public key", _HINT


def _check(number: int, kind: str, blob: bytes) -> None:
    fields = _fields(blob)
    if fields is None or not fields or fields[0] != kind.encode():
        raise _bad(number, "is not a whole public key")
    body = fields[1:]
    if kind == "ssh-rsa":
        _check_rsa(number, body)
    elif "ecdsa" in kind:
        curve = kind.removesuffix("@openssh.com").rpartition("-")[2]
        _check_ecdsa(number, curve, body[:-1] if kind.startswith("sk-") else body)
    elif [len(field) for field in body[:1]] != [_ED25519_BYTES] or len(body) != (2 if kind.startswith("sk-") else 1):
        raise _bad(number, "is not a whole public key")


def _check_rsa(number: int, body: list[bytes]) -> None:
    if len(body) != 2:
        raise _bad(number, "is not a whole public key")
    bits = int.from_bytes(body[1]).bit_length()
    if bits < MIN_RSA_BITS:
        raise _bad(number, f"is an RSA key of {bits} bits, fewer than {MIN_RSA_BITS}", "Make one with `ssh-keygen`")
    if bits > MAX_RSA_BITS:
        raise _bad(number, f"is an RSA key of {bits} bits, more than {MAX_RSA_BITS}")


def _check_ecdsa(number: int, curve: str, body: list[bytes]) -> None:
    if len(body) != 2 or body[0] != curve.encode() or len(body[1]) != _POINT_BYTES[curve] or body[1][0] != 4:
        raise _bad(number, "is not a whole public key")


def _fields(blob: bytes) -> list[bytes] | None:
    """Split the length-prefixed strings; `None` if they do not fill the blob exactly."""
    fields = []
    while blob:
        end = 4 + int.from_bytes(blob[:4])
        if len(blob) < max(end, 4):
            return None
        fields.append(blob[4:end])
        blob = blob[end:]
    return fields


def _bad(number: int, what: str, hint: str = _HINT) -> UsageError:
    return UsageError(f"Line {number} {what}", hint)
