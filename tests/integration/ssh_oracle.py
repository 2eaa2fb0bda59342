"""The stage on which `ssh` itself says what a configuration means: several servers, keys, and what each login left."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from srctl.errors import SrctlError
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.target import parse_target
from tests.integration.ssh_parts import keygen
from tools import processes
from tools.debian import SetupError
from tools.sshd import Options, Sshd

OTHER_ACCOUNT = "daemon"
_ACCEPTED = re.compile(r"Accepted publickey for (\S+) from \S+ port \d+ ssh2: (.*)")
_RELAY = """
import os, socket, sys, threading
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := far.recv(65536):
    os.write(1, data)
"""
_REST = """
Host *
    HostName 127.0.0.1
    Port {plain.port}
    User {plain.user}
    UserKnownHostsFile {home}/known
    GlobalKnownHostsFile {home}/global
    HashKnownHosts no
"""


@dataclass(frozen=True)
class Case:
    """A configuration, and what is there when somebody connects; `{...}` stands for parts of the stage.

    After `config` comes `IdentityFile` with the key that all servers accept, if `identity`, and what reaches `plain`.
    """

    config: str = ""
    target: str = "ssh://box"
    known: str = "{plain.line}\n{second.line}"
    identity: bool = True
    agent: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    """What our refusal says, where ssh would connect."""
    refused_alone: str = ""
    """The same for a machine without ssh."""
    surpassed: bool = False
    """We get in where ssh gives up."""


@dataclass(frozen=True)
class Outcome:
    """What a connection has left: who was let in where, with which key, and the known_hosts files."""

    logins: tuple[tuple[str, str, str], ...]
    known: tuple[tuple[str, ...], ...]


@dataclass
class Server:
    """A server with the names under which templates know it."""

    sshd: Sshd
    seen: int = 0

    @property
    def port(self) -> int:
        return self.sshd.port

    @property
    def user(self) -> str:
        return self.sshd.user

    @property
    def key(self) -> str:
        """The host key as it stands in a file: type and key."""
        return " ".join((self.sshd.folder / "host_key.pub").read_text().split()[:2])

    @property
    def line(self) -> str:
        """The line of known_hosts for this server."""
        return f"[127.0.0.1]:{self.port} {self.key}"

    @cached_property
    def hashed(self) -> str:
        """The same with the name hashed, as ssh-keygen does it."""
        path = self.sshd.folder / "hashed"
        path.write_text(self.line + "\n")
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
        return path.read_text().strip()

    def logins(self) -> list[tuple[str, str]]:
        """Return who was let in since the last look: account and key."""
        return [(match[1], match[2]) for match in _ACCEPTED.finditer(self.sshd.log[self.seen :])]


class Stage:
    """Servers, keys and agents; made once, used by every case."""

    def __init__(self, folder: Path, make_sshd: Callable[[str, Options], Sshd], serve: Callable[[list[Path]], Path]):
        self.folder, self._serve = folder, serve
        self._agents: dict[str, Path] = {}
        self.keys = {name: keygen(folder / name) for name in ("one", "two", "stranger", "ca", "host_ca", "other_ca")}
        self.keys |= {f"spare{number}": keygen(folder / f"spare{number}") for number in range(9)}
        for name, kind in (("rsa", "rsa"), ("ecdsa", "ecdsa")):
            self.keys[f"host_{name}"] = keygen(folder / f"host_{name}", kind=kind)
        self._certify_user()
        accepted = folder / "accepted"
        accepted.write_text("".join(self.public(name) for name in ("one", "two")))
        accounts = {"AuthorizedKeysCommand": f"/bin/cat {accepted}", "AuthorizedKeysCommandUser": "root"}
        rsa, ecdsa = self.keys["host_rsa"], self.keys["host_ecdsa"]
        plans: dict[str, dict[str, str]] = {
            "plain": {"TrustedUserCAKeys": f"{self.keys['ca']}.pub"},
            "second": {},
            "many": {"HostKey ": str(rsa), "HostKey  ": str(ecdsa)},
        }
        for name, options in {
            "certified": ["-n", "127.0.0.1,box.lab"],
            "misnamed": ["-n", "elsewhere"],
            "expired": ["-n", "127.0.0.1", "-V", "20200101:20210101"],
        }.items():
            host = keygen(folder / f"{name}_host")
            _sign(self.keys["host_ca"], host, "-h", *options)
            plans[name] = {"HostKey": str(host), "HostCertificate": f"{host}-cert.pub"}
        self.servers = {
            name: Server(make_sshd(f"oracle-{name}", Options(extra=accounts | plan))) for name, plan in plans.items()
        }

    def public(self, name: str) -> str:
        """Return a public key as it stands in its file."""
        return self.keys[name].with_name(self.keys[name].name + ".pub").read_text()

    def fill(self, template: str, home: Path) -> str:
        """Return a template with the parts of this stage."""
        blobs = {f"{name}_key": " ".join(self.public(name).split()[:2]) for name in self.keys}
        values: dict[str, Any] = {**self.servers, **self.keys, **blobs, "home": home, "account": OTHER_ACCOUNT}
        values["agent_two"] = self.agent("two")["SSH_AUTH_SOCK"]
        values |= {"relay": f"{sys.executable} {self.folder}/relay.py", "two_private": self.keys["two"].read_text()}
        for name in ("certified", "misnamed", "expired"):
            values[f"{name}_key"] = " ".join((self.folder / f"{name}_host.pub").read_text().split()[:2])
        return template.format(**values)

    def prepare(self, case: Case, home: Path) -> None:
        """Write the files of a case into a home."""
        (home / ".ssh").mkdir(exist_ok=True)
        identity = "Host *\n    IdentityFile {one}\n" if case.identity else ""
        for name, text in {
            ".ssh/config": case.config + "\n" + identity + _REST,
            "known": case.known + "\n",
            "global": "",
            **case.files,
        }.items():
            path = home / self.fill(name, home)
            path.write_text(self.fill(text, home))
            path.chmod(0o600)
        for name, server in self.servers.items():
            server.seen = len(self.servers[name].sshd.log)

    def agent(self, names: str) -> dict[str, str]:
        """Return the environment with an agent that holds these keys; none without names."""
        if not names:
            return {}
        if names not in self._agents:
            self._agents[names] = self._serve([self.keys[name] for name in names.split()])
        return {"SSH_AUTH_SOCK": str(self._agents[names])}

    def by_ssh(self, case: Case, home: Path) -> Outcome:
        """Connect with ssh."""
        self.prepare(case, home)
        wrapper = home / "wrapper"
        wrapper.write_text(f"Include {home}/.ssh/config\nMatch all\nInclude /etc/ssh/ssh_config\n")
        target = parse_target(self.fill(case.target, home))
        command = ["ssh", "-F", str(wrapper), "-o", "BatchMode=yes"]
        command += ["-l", target.user] if target.user else []
        command += ["-p", str(target.port)] if target.port else []
        subprocess.run(
            [*command, target.alias, "true"],
            env=dict(os.environ) | self.agent(case.agent),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return self._outcome(home)

    def by_us(self, case: Case, home: Path, expected: int) -> tuple[Outcome, str]:
        """Connect with our own client; return also what it refused. `expected` logins are waited for."""
        self.prepare(case, home)
        said = ""
        os.environ.update(self.agent(case.agent))
        try:
            SSHConnection.connect(self.fill(case.target, home), timeout=8).close()
        except SrctlError as error:
            said = f"{error.message} {error.hint}"
        finally:
            os.environ.pop("SSH_AUTH_SOCK", None)
        if not said:
            with contextlib.suppress(SetupError):
                processes.wait_until(lambda: len(self._outcome(home).logins) >= expected, "the server's log")
        return self._outcome(home), said

    def _outcome(self, home: Path) -> Outcome:
        logins = tuple(sorted((name, *found) for name, server in self.servers.items() for found in server.logins()))
        texts = [(home / name).read_text() for name in ("known", "global")]
        lines = (tuple(line.split()[:4]) for text in texts for line in text.splitlines())
        return Outcome(logins, tuple(_unsalted(line) for line in lines if line))

    def _certify_user(self) -> None:
        _sign(self.keys["ca"], keygen(self.folder / "certified_user"), "-n", f"root,{OTHER_ACCOUNT}")
        self.keys["certified_user"] = self.folder / "certified_user"


@contextlib.contextmanager
def agents(folder: Path) -> Iterator[Callable[[list[Path]], Path]]:
    """Start ssh-agents on demand: with keys, at a socket."""
    with contextlib.ExitStack() as running:

        def serve(keys: list[Path]) -> Path:
            path = folder / f"agent{len(list(folder.glob('agent*')))}"
            process = running.enter_context(
                subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
            )
            running.callback(process.terminate)
            processes.wait_until(lambda: _listens(path), "ssh-agent", process)
            environment = dict(os.environ) | {"SSH_AUTH_SOCK": str(path)}
            for key in keys:
                subprocess.run(["ssh-add", "-q", key], env=environment, check=True, stderr=subprocess.DEVNULL)
            return path

        yield serve


def _sign(authority: Path, key: Path, *options: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "id", *options, f"{key}.pub"], check=True)


def _unsalted(line: tuple[str, ...]) -> tuple[str, ...]:
    """Leave the random part of a hashed name out."""
    return tuple("|1|" if field.startswith("|1|") else field for field in line)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
