"""The known_hosts files: which key a host had before, in the format of sshd(8), section SSH_KNOWN_HOSTS FILE FORMAT.

Pure but for reading and appending files. Unlike paramiko's reader it knows line numbers (for error messages),
`@revoked` and `@cert-authority`, patterns with negation, and keys of types that paramiko cannot use.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_MARKERS = ("@revoked", "@cert-authority")


class Verdict(Enum):
    """What the known_hosts files say about a key that a host has shown."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    """Another key is known for the host, of the same type or of another."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of a known_hosts file."""

    path: Path
    number: int
    marker: str
    patterns: str
    blob: bytes

    def names(self, name: str) -> bool:
        """Return whether the line is about the host `name`, which is in lower case."""
        if self.patterns.startswith("|"):
            return _hash_matches(self.patterns, name)
        matched = False
        for pattern in self.patterns.lower().split(","):
            if _wildcard(pattern.removeprefix("!")).fullmatch(name):
                if pattern.startswith("!"):
                    return False
                matched = True
        return matched

    @property
    def where(self) -> str:
        """The file and line, for a person."""
        return f"{self.path}:{self.number}"


class KnownHosts:
    """All lines of the given files; files that are absent count as empty."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._lines = [line for path in paths for line in _read(path)]

    def key_types(self, name: str) -> tuple[str, ...]:
        """Return the key types that are known for the host, in file order."""
        return tuple(dict.fromkeys(key_type(line.blob) for line in self._about(name) if not line.marker))

    def check(self, name: str, blob: bytes) -> tuple[Verdict, KnownHost | None]:
        """Judge the key `blob` that the host `name` has shown; the line is the one that decided.

        A host of which only a key of another type is known counts as changed, as OpenSSH has it: whoever poses as the
        host could else choose a type for which nothing is known.
        """
        lines = self._about(name)
        for line in lines:
            if line.marker == "@revoked" and line.blob == blob:
                return Verdict.REVOKED, line
        others = [line for line in lines if not line.marker]
        for line in others:
            if line.blob == blob:
                return Verdict.KNOWN, line
        if not others:
            return Verdict.UNKNOWN, None
        same_type = (line for line in others if key_type(line.blob) == key_type(blob))
        return Verdict.CHANGED, next(same_type, others[0])

    def authorities(self, name: str) -> list[KnownHost]:
        """Return the lines whose key may sign certificates for the host (`@cert-authority`)."""
        return [line for line in self._about(name) if line.marker == "@cert-authority"]

    def _about(self, name: str) -> list[KnownHost]:
        return [line for line in self._lines if line.names(name.lower())]


def host_name(hostname: str, port: int, alias: str | None) -> str:
    """Return the name under which known_hosts files a host: its HostKeyAlias, its name, or `[name]:port`."""
    if alias:
        return alias.lower()
    return hostname.lower() if port == 22 else f"[{hostname.lower()}]:{port}"


def fingerprint(blob: bytes) -> str:
    """Return the SHA256 fingerprint as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def key_type(blob: bytes) -> str:
    """Return the type that a public key names in its first field; empty when the blob is malformed."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace") if len(blob) >= 4 + length else ""


def remember(path: Path, name: str, blob: bytes, *, hashed: bool) -> None:
    """Append a key to a known_hosts file, which is made (0600) together with its folder (0700) when missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    entry = f"{_hashed(name) if hashed else name} {key_type(blob)} {base64.b64encode(blob).decode()}\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
            entry = "\n" + entry
        file.write(entry.encode())


def _read(path: Path) -> list[KnownHost]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = (_parse(path, number, line.split()) for number, line in enumerate(text.split("\n"), 1))
    return [line for line in lines if line]


def _parse(path: Path, number: int, fields: Sequence[str]) -> KnownHost | None:
    if not fields or fields[0].startswith("#"):
        return None
    marker = fields[0] if fields[0].startswith("@") else ""
    patterns, declared, encoded = (*fields[bool(marker) :][:3], "", "", "")[:3]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if key_type(blob) != declared or not declared or (marker and marker not in _MARKERS):
        return None
    return KnownHost(path, number, marker, patterns, blob)


def _wildcard(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))


def _hash_matches(entry: str, name: str) -> bool:
    fields = entry.split("|")
    if len(fields) != 4 or fields[1] != "1":
        return False
    try:
        salt, expected = base64.b64decode(fields[2]), base64.b64decode(fields[3])
    except binascii.Error:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), expected)


def _hashed(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
