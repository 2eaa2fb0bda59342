"""Gateways with many people, for measuring what their number costs."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import pwd
import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from srctl.db.setup import initialise
from srctl.gateway import keys

KEYS_EACH = 2
CREATED = "2026-01-01 00:00:00.000000"


@dataclass(frozen=True)
class Key:
    """A public key as sshd spells it; nobody can sign with it."""

    type: str
    blob: str
    fingerprint: str


def key(number: int) -> Key:
    """Make the key of this number."""
    kind = "ssh-ed25519"
    parts = (kind.encode(), hashlib.sha256(str(number).encode()).digest())
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return Key(kind, base64.b64encode(blob).decode(), f"SHA256:{digest}")


def database(folder: Path, people: int) -> Path:
    """Make a database with this many users, each with `KEYS_EACH` keys, in a new folder."""
    folder.mkdir(mode=0o700)
    path = folder / "srctl.db"
    initialise(str(path))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO users (id, name, name_folded, admin, disabled, created) VALUES (?, ?, ?, 0, 0, ?)",
            [(number, f"user{number}", f"user{number}", CREATED) for number in range(1, people + 1)],
        )
        connection.executemany(
            "INSERT INTO user_keys (user_id, fingerprint, type, blob, comment, added) VALUES (?, ?, ?, ?, '', ?)",
            [_row(number) for number in range(people * KEYS_EACH)],
        )
    return path


def question(path: Path, key: Key) -> Sequence[str]:
    """Return the command line with which sshd asks about a key."""
    account = pwd.getpwuid(os.geteuid()).pw_name
    return ["/usr/bin/python3", "-ISE", keys.__file__, str(path), account, key.fingerprint, key.type, key.blob]


def _row(number: int) -> tuple[int, str, str, str, str]:
    made = key(number)
    return number // KEYS_EACH + 1, made.fingerprint, made.type, made.blob, CREATED
