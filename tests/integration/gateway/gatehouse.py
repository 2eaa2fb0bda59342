"""The server's end of a gateway without sshd: the forced command is run as sshd would run it, for people with keys."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srctl.calls import PROTOCOL
from srctl.db.setup import initialise
from srctl.db.store import SqlStore, open_store
from srctl.models import Application, Policy
from srctl.public_keys import parse_keys
from tests.fakes import WEB

PEOPLE = ("admin", "alice", "bob", "carol")


class Channel:
    """A client of an `api` channel, honest unless told otherwise."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._number = 0
        self.say({"srctl": "0", "protocol": PROTOCOL})
        self.greeting = self.hear()

    def say(self, said: Any) -> None:
        """Send one line."""
        self.raw(json.dumps(said).encode() + b"\n")

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self) -> Any:
        """Return the next line; an empty object at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {}

    def ask(self, call: str, **arguments: Any) -> Any:
        """Do a call; return the last line of its answer."""
        self._number += 1
        self.say({"id": self._number, "call": call, "with": arguments})
        while True:
            said = self.hear()
            if "progress" not in said:
                assert said.get("id", self._number) == self._number
                return said

    def result(self, call: str, **arguments: Any) -> Any:
        """Do a call that must succeed."""
        said = self.ask(call, **arguments)
        assert "error" not in said, said
        return said["result"]

    def refusal(self, call: str, **arguments: Any) -> str:
        """Do a call that must fail; return the code of the error."""
        said = self.ask(call, **arguments)
        assert "error" in said, said
        return str(said["error"]["code"])


@dataclass
class Gatehouse:
    """A database with people and their keys, and their engine; alice and bob may start the test page."""

    folder: Path
    engine_url: str
    realm: str = field(default_factory=lambda: f"g{secrets.token_hex(4)}")
    keys: dict[str, str] = field(default_factory=dict)
    grants: dict[str, str] = field(default_factory=dict)
    auth_info: dict[str, str | None] = field(default_factory=dict)
    """What sshd says of a login in place of the truth; `None`: nothing."""

    @property
    def database(self) -> Path:
        """The accounting database."""
        return self.folder / "srctl.db"

    @property
    def config(self) -> Path:
        """The gateway's configuration."""
        return self.folder / "gateway.toml"

    def store(self) -> SqlStore:
        """Open the accounting database."""
        return open_store(str(self.database))

    def prepare(self) -> None:
        """Make everything."""
        (self.folder / "logins").mkdir(mode=0o700)
        initialise(str(self.database))
        with closing(sqlite3.connect(self.database)) as connection, connection:
            # Random ids: what people's sessions listen on are addresses of loopback, which the whole machine shares.
            first = 256 + secrets.randbelow(60_000)
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('users', ?)", (first,))
        settings = {"db": self.database, "host": self.engine_url, "realm": self.realm}
        self.config.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
        with self.store() as store:
            store.add_application(Application(WEB, title="Test page"))
            for name in PEOPLE:
                store.add_user(name, admin=name == "admin")
                self.keys[name] = new_key()
                store.add_key(name, parse_keys(self.keys[name])[0])
            for name in ("alice", "bob"):
                self.grants[name] = store.add_grant(WEB, name, Policy(allow_view=name == "alice")).id

    def environment(self, user: str, line: str | None) -> dict[str, str]:
        """Return what sshd would set for a login of this user."""
        info = self.folder / f"auth-{user}"
        said = self.auth_info.get(user, f"publickey {self.keys[user]}")
        info.unlink(missing_ok=True)
        if said is not None:
            info.write_text(f"{said}\n")
        given = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "USER": "srctl", "SSH_USER_AUTH": str(info)}
        given["SSH_CONNECTION"] = "192.0.2.7 50000 192.0.2.1 22"
        return given if line is None else given | {"SSH_ORIGINAL_COMMAND": line}

    def command(self) -> list[str]:
        """Return the forced command."""
        return [sys.executable, "-I", "-m", "srctl.gateway", "--config", str(self.config)]

    def run(self, user: str, line: str | None, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Let somebody ask for something, to its end."""
        done = subprocess.run(
            self.command(),
            env=self.environment(user, line),
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
            cwd=self.folder,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")
        )

    @contextmanager
    def api(self, user: str) -> Iterator[Channel]:
        """Give an `api` channel of a user."""
        with subprocess.Popen(
            self.command(),
            env=self.environment(user, "api"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.folder,
        ) as process:
            try:
                yield Channel(process)
            finally:
                process.kill()
                assert process.stdin is not None
                with suppress(BrokenPipeError):
                    process.stdin.close()

    def audit(self, user: str | None = None) -> list[tuple[str, str]]:
        """Return the actions in the audit and what came of them."""
        with self.store() as store:
            return [(entry.action, entry.result) for entry in store.book.entries(user)]


def new_key() -> str:
    """Return a public key that nobody has the private one of."""
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + secrets.token_bytes(32)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def start(channel: Channel, **request: Any) -> dict[str, Any]:
    """Start a session; return what the call gives."""
    started: dict[str, Any] = channel.result("session.start", request={"app": WEB, **request})
    return started


def closed(gate: Gatehouse) -> list[int]:
    """Return the slots that are closed to every login."""
    with closing(sqlite3.connect(gate.database)) as connection:
        return [row[0] for row in connection.execute("SELECT slot FROM closed_slots")]
