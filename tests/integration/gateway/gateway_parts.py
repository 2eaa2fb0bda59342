"""A gateway with people on a real sshd: their databases, logins, streams, and revocations by the account itself."""

import json
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import srctl
from srctl import slots
from srctl.db.setup import initialise
from srctl.gateway import keys
from srctl.public_keys import parse_keys
from tests.integration.gateway.keys_parts import Key, Place
from tools import gateway_host, processes
from tools.gateway_host import GatewayHost
from tools.lab import Lab

SLOT = slots.SLOTS[0]
REVOKE = """
import json, sys
sys.path.insert(0, "/srv/lib")
from pathlib import Path
from srctl.logins.revocation import Revocation
from srctl.models import SharedSlot
asked = json.loads(sys.argv[1])
asked["shares"] = [SharedSlot(*share) for share in asked.get("shares", ())]
outcome = Revocation(Path("/srv/srctl/logins")).end(**asked)
spared = outcome.spared and list(outcome.spared.ended)
print(json.dumps({"ended": outcome.ended, "spared": spared}))
"""


@dataclass
class Gateway:
    """The server with its database and people; `echo` answers on slots of people's addresses."""

    host: GatewayHost
    place: Place
    ids: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)

    def key_file(self, name: str) -> Path:
        """The private key of a person."""
        return self.host.sshd.folder / f"key-{name}"

    def add(self, name: str) -> None:
        """Add a person with a key."""
        path = self.key_file(name)
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)
        (read,) = parse_keys(path.with_suffix(".pub").read_text())
        self.keys[name] = Key(read.type, read.blob, read.fingerprint)
        self.ids[name] = self.place.add_user(name)
        self.place.add_key(self.ids[name], self.keys[name])

    def disable(self, *names: str, disabled: bool = True) -> None:
        """Say in the database that people may not log in."""
        for name in names:
            self.place.run("UPDATE users SET disabled = ? WHERE id = ?", disabled, self.ids[name])

    def revoke(self, **asked: Any) -> dict[str, Any]:
        """End connections as the account does; return what it says that it did."""
        command = self.host.as_account("/usr/bin/python3", "-I", "-c", REVOKE, json.dumps(asked))
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        outcome: dict[str, Any] = json.loads(done.stdout)
        return outcome

    def ended(self, **asked: Any) -> set[int | None]:
        """End connections; return whose they were."""
        return {user_id for user_id, *_ in self.revoke(**asked)["ended"]}

    def ssh(self, name: str, *options: str, more: Mapping[str, str] | None = None) -> list[str]:
        """Return the command of a person's login."""
        server = self.host.sshd
        settings = {
            "IdentityFile": str(self.key_file(name)),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(server.known_hosts),
            "ExitOnForwardFailure": "yes",
            "ControlPath": "none",
            **(more or {}),
        }
        words = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", "-p", str(server.port), *words, *options, f"{server.user}@{server.host}"]

    def forward(self, name: str, owner: str, socket_path: Path) -> list[str]:
        """Return the command that leads a local socket to a slot, without ever running the forced command."""
        return self.ssh(name, "-N", "-L", f"{socket_path}:{slots.address(self.ids[owner])}:{SLOT}")

    def records(self) -> list[str]:
        """Return the records as they are."""
        return [each.read_text() for each in self.host.logins.glob("[0-9]*")]

    def connections(self) -> dict[int, int]:
        """Return the processes that serve the account's connections, with sshd's process above each."""
        below = processes.descendants(self.host.process.pid)
        found = {pid: parent for pid, parent in processes.parents() if pid in below}
        return {pid: parent for pid, parent in found.items() if self._serves(pid)}

    def _serves(self, pid: int) -> bool:
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            return f"\nUid:\t{self.host.uid}\t" in status and status.startswith("Name:\tsshd")
        return False


@dataclass
class Stream:
    """A TCP stream through a live forward."""

    client: subprocess.Popen[bytes]
    socket: socket.socket

    def is_alive(self) -> bool:
        """Whether what is sent comes back."""
        word = secrets.token_bytes(8)
        try:
            self.socket.sendall(word)
            return self.socket.recv(8, socket.MSG_WAITALL) == word
        except OSError:
            return False

    def wait_for_end(self, limit: float = 60) -> None:
        """Wait until the stream and its ssh have ended."""
        self.socket.settimeout(limit)
        with suppress(ConnectionError):
            assert self.socket.recv(1) == b""
        self.client.wait(limit)


@contextmanager
def gateway(lab: Lab, mark: str, *people: str, keys_file: Path = Path(keys.__file__)) -> Iterator[Gateway]:
    """Start a gateway with people; ids are random, since addresses on loopback belong to the whole machine."""
    with gateway_host.gateway_host(lab, keys_file, "cat", mark) as host:
        initialise(str(host.database))
        host.give(host.database)
        library = host.inside(Path("/srv/lib/srctl"))
        library.mkdir(parents=True)
        source = Path(srctl.__file__).parent
        for each in source.glob("*.py"):
            shutil.copy(each, library)
        for name in ("logins", "models"):
            shutil.copytree(source / name, library / name, ignore=shutil.ignore_patterns("__pycache__"))
        made = Gateway(host, Place(host.database))
        first = 256 + secrets.randbelow(60_000)
        made.place.add_user("first", user_id=first)
        for person in people:
            made.add(person)
        yield made


@contextmanager
def echo(address: str, port: int = SLOT) -> Iterator[None]:
    """Send back what comes, at one slot."""

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server((address, port), backlog=64) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


class Streams:
    """Opens streams, and ends them after the test."""

    def __init__(self, gateway: Gateway, folder: Path, undo: ExitStack) -> None:
        self._gateway, self._folder, self._undo = gateway, folder, undo

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a client."""
        client = self._undo.enter_context(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )
        self._undo.callback(client.kill)
        return client

    def open(self, name: str, owner: str | None = None) -> Stream:
        """Log in with a forward to a slot, and open a stream through it."""
        path = self._folder / f"{name}-{secrets.token_hex(3)}"
        client = self.start(self._gateway.forward(name, owner or name, path))
        processes.wait_until(path.exists, "the forward", client)
        stream = socket.socket(socket.AF_UNIX)
        self._undo.enter_context(closing(stream))
        stream.settimeout(30)
        stream.connect(str(path))
        found = Stream(client, stream)
        assert found.is_alive()
        return found
