"""A gateway that was installed on a machine of its own, and people who have a key and a home."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.fakes import WEB
from tests.integration.gateway.installed import fresh_machine, install
from tools import clean_home, images
from tools.clean_home import Home
from tools.lab import Lab
from tools.machine import Machine
from tools.processes import wait_until

HOST = "gate"
"""The gateway's name in ssh_config."""


@dataclass
class Person:
    """Somebody with a key."""

    name: str
    home: Home

    @property
    def public_key(self) -> Path:
        """The file to send to the administrator."""
        return self.home.path / ".ssh" / "id_ed25519.pub"

    def srctl(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run srctl, whatever comes of it."""
        return self.home.run(*arguments, stdin=stdin)

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        """Run srctl, which must succeed; return what it printed."""
        done = self.srctl(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def json(self, *arguments: str) -> Any:
        """Run srctl and return what it says as JSON."""
        return json.loads(self.ok(*arguments, "-o", "json"))

    def ssh_command(self, *arguments: str) -> list[str]:
        """Return an ssh command line with this person's configuration."""
        return ["ssh", "-F", str(self.home.path / ".ssh" / "config"), "-o", "BatchMode=yes", *arguments]

    def ssh(self, *arguments: str, stdin: str = "", timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run ssh to its end."""
        return subprocess.run(
            self.ssh_command(*arguments),
            env=self.home.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextmanager
    def forward(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """Hold `ssh -N` with forwards."""
        with subprocess.Popen(
            self.ssh_command("-N", "-o", "ExitOnForwardFailure=no", *options, HOST),
            env=self.home.env,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
                assert process.stderr is not None
                process.stderr.close()


@dataclass
class Gate:
    """The gateway and its people."""

    machine: Machine
    folder: Path
    admin: Person

    def person(self, name: str) -> Person:
        """Make somebody with a home and a key whom the gateway does not know."""
        return person(self.machine, self.folder, name)

    def welcome(self, name: str) -> Person:
        """Make somebody whom the gateway knows."""
        made = self.person(name)
        self.admin.ok("user", "add", name)
        self.admin.ok("user", "key", "add", name, str(made.public_key))
        return made

    def audit(self, user: str) -> list[tuple[str, str]]:
        """Return what somebody did and what came of it."""
        return [(row["action"], row["result"]) for row in self.admin.json("audit", "list", "--user", user)]


@contextmanager
def gateway_in(lab: Lab, folder: Path) -> Iterator[Gate]:
    """Install a gateway on a machine of its own, with the test page and the administrator `boss`."""
    with fresh_machine(lab) as machine:
        install(machine)
        images.build("web", machine.engine.url)
        boss = person(machine, folder, "boss")
        made = machine.srctl("gateway", "admin", "boss", "-", stdin=boss.public_key.read_text())
        assert made.returncode == 0, made.stderr
        boss.ok("app", "add", WEB)
        yield Gate(machine, folder, boss)


def person(machine: Machine, folder: Path, name: str) -> Person:
    """Make a home with a key and the way to the gateway."""
    path = folder / name
    path.mkdir()
    home = clean_home.make(path)
    (path / ".ssh").mkdir(mode=0o700)
    key = path / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@laptop", "-f", str(key)], check=True)
    sshd = machine.sshd
    home.add_ssh_config(
        f"Host {HOST}\n    HostName {sshd.host}\n    Port {sshd.port}\n    User srctl\n    IdentityFile {key}\n"
        f"    IdentitiesOnly yes\n    UserKnownHostsFile {sshd.known_hosts}\n"
    )
    made = Person(name, home)
    made.ok("host", "add", "lab", f"gateway://srctl@{HOST}")
    made.ok("host", "use", "lab")
    return made


def page(url: str) -> int:
    """Return the status of a page."""
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - a local tunnel
        return int(answer.status)


def reaches(port: int, path: str = "/") -> bool:
    """Tell whether something answers HTTP behind a local port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as local:
            local.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return local.recv(1) != b""
    except OSError:
        return False


def listening(port: int) -> None:
    """Wait until ssh listens on a local port."""

    def there() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(there, f"port {port}")


def ends_within(process: subprocess.Popen[str], seconds: float) -> bool:
    """Tell whether a process ends by itself in time."""
    limit = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < limit:
        time.sleep(0.05)
    return process.poll() is not None
