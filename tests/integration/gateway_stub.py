# ruff: noqa: ARG002 - the signatures are those of the table
"""A gateway for tests of its client: `gateway_stub FILE`, a forced command that behaves as FILE says.

It holds the same table of calls as the client, does those of administrators on a database, and has one session, which
is a port of this machine. With a `mode` it misbehaves.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srctl.accounting import Accounting
from srctl.calls import CALLS, PROTOCOL, Call
from srctl.db.store import open_store
from srctl.errors import NotAllowedError, NotFoundError, SrctlError
from srctl.labels import EXTRA, RUNINFO
from srctl.models import Binding, Container, Endpoint, Progress, Session, Share, Started, StartRequest
from srctl.wire import dump_error

ID, GRANT, CONTAINER = "5" * 32, "6" * 32, "7" * 64
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Sessions:
    """One session, of `owner`."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._setup = setup
        self.owner = setup.get("owner", setup["user"])

    def session(self) -> Session:
        port = self._setup["port"]
        return Session(
            ID, GRANT, self.owner, "web:latest", "Web", "engine", "lab", "running", "127.0.0.1", port, "",
            f"http://127.0.0.1:{port}/", CONTAINER, "srctl-web", "sha256:1", False, True, NOW, ("bob",),
        )  # fmt: skip

    def find(self, *, stopped: bool = False, all_users: bool = False) -> list[Session]:
        if all_users and self._setup.get("mode") == "plain":
            raise NotAllowedError("--all-users is for administrators")
        return [self.session()]

    def get(self, prefix: str, *, all_users: bool = False) -> Session:
        if not ID.startswith(prefix):
            raise NotFoundError(f"There is no session {prefix!r}")
        return self.session()

    def reachable(self, container_id: str) -> Container:
        if self._setup.get("gone") or container_id != CONTAINER:
            raise NotFoundError("It is gone")
        labels = {RUNINFO + "url_id": ID, RUNINFO + "user": self.owner, EXTRA + "port": "8888", EXTRA + "path": "/"}
        bindings = (Binding(8888, "127.0.0.1", self._setup["port"]),)
        return Container(CONTAINER, "srctl-web", "web", "sha256:1", "running", labels, NOW, bindings)

    def engine_version(self) -> str:
        return "27.0"

    def stop(self, prefix: str, *, all_users: bool = False) -> tuple[str, bool]:
        return self.get(prefix).id, False

    def share(self, prefix: str, guest: str, seconds: float | None = None) -> Share:
        expires = None if seconds is None else datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)
        return Share(self.get(prefix).id, self.owner, guest, 20001, NOW, expires)

    def unshare(self, prefix: str, guest: str | None = None) -> list[Share]:
        return [self.share(prefix, guest or "bob")]

    def available(self) -> list[Any]:
        return []

    def logs(
        self, prefix: str, *, tail: int | None = None, follow: bool = False, all_users: bool = False
    ) -> Iterator[bytes]:
        self.get(prefix)
        yield b"first\n"
        yield "zweite Züge\n".encode()

    def happenings(self, container_id: str) -> Iterator[str]:
        self.reachable(container_id)
        yield "start"
        sys.stdin.buffer.read(1)


class Starts:
    """What starts and joins."""

    def __init__(self, sessions: Sessions, setup: dict[str, Any], tell: Callable[[Progress], None]) -> None:
        self._sessions = sessions
        self._setup = setup
        self._tell = tell

    def start(self, request: StartRequest) -> Started:
        self._tell(Progress("Pulling", "layer", 1, 2))
        if self._setup.get("mode") == "stall":
            Path(self._setup["trace"]).write_text("begun")
            sys.stdin.buffer.read(1)
            Path(self._setup["trace"]).write_text("undone")
        if self._setup.get("mode") == "cut":
            os._exit(0)
        return Started(self._sessions.session(), Endpoint("127.0.0.1", self._setup["port"]), fresh=True)

    bring = start

    def running(self, request: StartRequest) -> str | None:
        return ID


class Leftovers:
    """Nothing but the session."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def find(self, *, all_users: bool = False) -> list[Session]:
        return self._sessions.find(all_users=all_users)

    def clear(self, session_id: str, *, all_users: bool = False) -> bool:
        return session_id == ID


def main() -> None:
    """Greet, and answer until the end of the input."""
    setup = json.loads(Path(sys.argv[1]).read_text())
    if os.environ.get("SSH_ORIGINAL_COMMAND") != "api":
        Path(setup["trace"]).write_text("something else was asked for")
        return
    mode = setup.get("mode")
    if mode == "banner":
        print("Welcome to Debian!")  # noqa: T201 - that is what it is about
        return
    if mode == "silent":
        time.sleep(600)
    protocol = PROTOCOL + {"newer": 1, "older": -1}.get(str(mode), 0)
    say({"srctl": "9.9", "protocol": protocol, "user": setup["user"], "admin": True, "realm": "lab"})
    sys.stdin.buffer.readline()
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        answer(asked["id"], CALLS[asked["call"]], asked["with"], setup)


def say(message: dict[str, Any]) -> None:
    """Send a line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(number: int, call: Call, given: Any, setup: dict[str, Any]) -> None:
    """Do a call."""

    def tell(progress: Progress) -> None:
        fields = ("step", "item", "current", "total")
        say({"id": number, "progress": {name: getattr(progress, name) for name in fields}})

    try:
        done = getattr(part(call.part, setup, tell), call.method)(**call.signature.load_arguments(given))
        if call.streams:
            for piece in done:
                data = base64.b64encode(piece).decode() if isinstance(piece, bytes) else piece
                say({"id": number, "data": data})
        say({"id": number, "result": None if call.streams else call.signature.dump(done)})
    except SrctlError as error:
        say({"id": number, "error": dump_error(error)})


def part(name: str, setup: dict[str, Any], tell: Callable[[Progress], None]) -> Any:
    """Return the object that does a call."""
    sessions = Sessions(setup)
    match name:
        case "sessions":
            return sessions
        case "leftovers":
            return Leftovers(sessions)
        case "accounting":
            return Accounting(open_store(setup["db"]))
        case "audit":
            return open_store(setup["db"]).book
    return Starts(sessions, setup, tell)


if __name__ == "__main__":
    main()
