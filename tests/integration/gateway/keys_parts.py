"""The keys command as sshd runs it, and databases to ask it about."""

import base64
import hashlib
import os
import pwd
import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from srctl import slots
from srctl.db.setup import initialise
from srctl.gateway import keys

SCRIPT = Path(keys.__file__)
PYTHON = ["/usr/bin/python3", "-ISE"]
ACCOUNT = pwd.getpwuid(os.geteuid()).pw_name
CREATED = "2026-01-01 00:00:00.000000"


@dataclass(frozen=True)
class Key:
    """A key as sshd spells it."""

    type: str
    blob: str
    fingerprint: str


def key(seed: str, kind: str = "ssh-ed25519") -> Key:
    """Make a key that nobody can sign with."""
    name, point = kind.encode(), hashlib.sha256(seed.encode()).digest()
    blob = struct.pack(">I", len(name)) + name + struct.pack(">I", len(point)) + point
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return Key(kind, base64.b64encode(blob).decode(), f"SHA256:{digest}")


@dataclass(frozen=True)
class Answer:
    """What the command did."""

    code: int
    out: bytes
    err: bytes

    @property
    def nothing(self) -> bool:
        """Whether sshd lets nobody in on this."""
        return self.out == b""


@dataclass
class Place:
    """A gateway's database, and the command beside it."""

    path: Path

    @property
    def logins(self) -> Path:
        """The folder of the records."""
        return self.path.parent / "logins"

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Lend the database for writing anything into it."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            yield connection

    def run(self, sql: str, *values: object) -> int:
        """Run a statement and return the id of the row that it made."""
        with self.changing() as connection:
            return connection.execute(sql, values).lastrowid or 0

    def add_user(self, name: str, *, disabled: object = 0, user_id: int | None = None) -> int:
        """Add a user, of any name."""
        sql = "INSERT INTO users (id, name, name_folded, admin, disabled, created) VALUES (?, ?, ?, 0, ?, ?)"
        return self.run(sql, user_id, name, name, disabled, CREATED)

    def add_key(self, user_id: int, key: Key, comment: str = "") -> None:
        """Give a user a key."""
        sql = "INSERT INTO user_keys (user_id, fingerprint, type, blob, comment, added) VALUES (?, ?, ?, ?, ?, ?)"
        self.run(sql, user_id, key.fingerprint, key.type, key.blob, comment, CREATED)

    def add_share(self, owner: int, guest: int, slot: object, expires: object = None) -> None:
        """Share a slot of the owner's."""
        names = "session_id, grant_id, owner_id, guest_id, slot, created, expires"
        values = (f"{owner}-{slot!r}", "0" * 32, owner, guest, slot, CREATED, expires)
        self.run(f"INSERT INTO shares ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", *values)  # noqa: S608 - ours

    def close(self, owner: int, slot: object) -> None:
        """Close a slot of the owner's to logins."""
        self.run("INSERT INTO closed_slots (owner_id, slot) VALUES (?, ?)", owner, slot)

    def ask(self, key: Key, *, login: str = ACCOUNT) -> Answer:
        """Ask about a key as sshd does."""
        return self.call(str(self.path), login, key.fingerprint, key.type, key.blob)

    def call(self, *words: str | bytes) -> Answer:
        """Run the command with any words."""
        done = subprocess.run([*PYTHON, SCRIPT, *words], capture_output=True, check=False, timeout=20)
        return Answer(done.returncode, done.stdout, done.stderr)


def make_place(folder: Path) -> Place:
    """Make a gateway's database in a new folder."""
    folder.mkdir(mode=0o700)
    initialise(str(folder / "srctl.db"))
    return Place(folder / "srctl.db")


def permits(out: bytes) -> set[str]:
    """Return where a login may lead, after checking that the line permits nothing else."""
    options = out.decode("ascii").split(" ")[0].split(",")
    assert options[:2] == ["restrict", "port-forwarding"]
    found = [option.removeprefix('permitopen="').removesuffix('"') for option in options[2:]]
    assert options[2:] == [f'permitopen="{each}"' for each in found]
    assert len(set(found)) == len(found)
    return set(found)


def own(user_id: int) -> set[str]:
    """Return where a user's own sessions are."""
    return {f"{slots.address(user_id)}:{slot}" for slot in slots.SLOTS}
