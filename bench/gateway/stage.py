"""Where the gateway is measured: an installation on a machine of its own, people with keys, and their sessions.

The machine has a second account whose key stands in its authorized_keys: the rival, on the same sshd.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from srctl.labels import RUNINFO
from tools import clean_home, images
from tools.clean_home import Home
from tools.lab import Lab
from tools.machine import VENV, Machine, machine
from tools.processes import wait_until

GATE = "gate"
"""The gateway's name in ssh_config."""

RIVAL = "plain"
"""The account that has nothing to do with srctl."""

PACE = "starts_per_minute = 1000"
"""What lets one person open a session as often as it is measured."""

SESSIONS = 50
REALM = "srctl"
WEB = "srctl/web"

ADD_PEOPLE = """
import json, sys
from pathlib import Path
from srctl.db.store import open_store
from srctl.public_keys import parse_keys
with open_store("/var/lib/srctl/srctl.db") as store:
    for name, text in json.load(sys.stdin).items():
        store.add_user(name)
        store.add_key(name, parse_keys(text)[0])
"""


@dataclass
class Gate:
    """A running gateway. In `home` are the keys of everybody; its ssh_config has the host `GATE` with ada's key."""

    machine: Machine
    home: Home

    def ssh(self, *arguments: str) -> list[str]:
        """Return an ssh command line."""
        return ["ssh", "-F", str(self.home.path / ".ssh" / "config"), "-o", "BatchMode=yes", *arguments]

    def srctl(self, *arguments: str) -> str:
        """Run srctl as ada, who is an administrator; it must go well."""
        done = self.home.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def key(self, name: str) -> str:
        """Make a key, and a host `gate-NAME` in ssh_config that offers it; return the public one."""
        path = self.home.path / ".ssh" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        sshd = self.machine.sshd
        hosts = f"{GATE}-{name} {GATE}" if name == "ada" else f"{GATE}-{name}"
        self.home.add_ssh_config(
            f"Host {hosts}\n    HostName {sshd.host}\n    Port {sshd.port}\n    User srctl\n    IdentityFile {path}\n"
            f"    IdentitiesOnly yes\n    UserKnownHostsFile {sshd.known_hosts}\n"
        )
        return path.with_suffix(".pub").read_text()

    def add_people(self, names: Sequence[str]) -> None:
        """Add people with a key each."""
        keys = {name: self.key(name) for name in names}
        self.machine.ok(f"{VENV}/bin/python", "-I", "-c", ADD_PEOPLE, user="srctl", stdin=json.dumps(keys))

    def user_id(self) -> int:
        """Return ada's id."""
        return int(json.loads(self.srctl("user", "show", "ada", "-o", "json"))["id"])

    def fill(self) -> None:
        """Start `SESSIONS` cheap sessions of ada's, to which she has the right."""
        user_id, grant_id = self.user_id(), self.srctl("grant", "add", WEB, "ada")
        with self.machine.engine.client() as client:
            for number in range(SESSIONS):
                labels = _labels(number, user_id, grant_id)
                made = client.create_container(WEB, ["/bin/sleep", "86400"], labels=labels)
                client.start(made["Id"])

    def empty(self) -> None:
        """Remove ada's sessions."""
        with self.machine.engine.client() as client:
            for each in client.containers(all=True, filters={"label": [f"{RUNINFO}realm={REALM}"]}):
                client.remove_container(each["Id"], force=True, v=True)


@dataclass
class Stage:
    """What the groups play on; the gateway is made when the first of them asks for it."""

    lab: Lab
    quick: bool = False
    _undo: ExitStack = field(default_factory=ExitStack)

    def folder(self, name: str) -> Path:
        """Make a folder."""
        return self.lab.make(name)

    @cached_property
    def gate(self) -> Gate:
        """The gateway."""
        return self._undo.enter_context(_gate(self.lab))

    def close(self) -> None:
        """Take everything down."""
        self._undo.close()


@contextmanager
def _gate(lab: Lab) -> Iterator[Gate]:
    with machine(lab, "gateway", with_engine=True) as made:
        made.start_sshd()
        done = made.srctl("gateway", "install", "--yes")
        assert done.returncode == 0, done.stderr
        made.ok("sh", "-c", f"echo {PACE} >> /etc/srctl/gateway.toml")
        images.build("web", made.engine.url)
        gate = Gate(made, clean_home.make(lab.make("home")))
        public = gate.key("ada")
        _add_rival(made, public)
        done = made.srctl("gateway", "admin", "ada", "-", stdin=public)
        assert done.returncode == 0, done.stderr
        gate.srctl("host", "add", "gw", f"gateway://srctl@{GATE}")
        gate.srctl("host", "use", "gw")
        gate.srctl("app", "add", WEB)
        gate.srctl("grant", "add", WEB, "ada")
        yield gate


def _add_rival(made: Machine, public: str) -> None:
    home = f"/home/{RIVAL}"
    made.ok("useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", "--password", "*", RIVAL)
    made.write(f"{home}/.ssh/authorized_keys", public, 0o600)
    made.ok("chown", "-R", f"{RIVAL}:", home)
    wait_until(made.path(f"{home}/.ssh/authorized_keys").exists, "the rival's key")


def _labels(number: int, user_id: int, grant_id: str) -> dict[str, Any]:
    identity = f"{number:032x}"
    labels = {"user": "ada", "mapping_id": grant_id, "url_id": identity, "realm": REALM}
    labels["urlpath"] = f"/user/ada/containers/{identity}"
    return {RUNINFO + name: value for name, value in labels.items()} | {"io.srctl.user_id": str(user_id)}
