"""A private SSH server with the gateway's account, which exists for this server alone.

The server has a mount namespace of its own, in which /srv is a folder of the lab and /etc/passwd has one account more.
sshd insists that its keys command and the folders above it are root's; those of the lab nobody else may enter. The
account's id is the run's own, so that runs side by side do not take each other's connections for theirs. Needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from srctl.installation.layout import Layout
from tools import debian, ports, processes, sshd
from tools.debian import SetupError
from tools.lab import Lab
from tools.sshd import Options, Sshd

ACCOUNT = "srctl"
INSIDE = Path("/srv")
HOME = INSIDE / "srctl"
DATABASE = HOME / "srctl.db"
COMMAND = INSIDE / "bin" / "srctl-keys"
FORCED = INSIDE / "bin" / "srctl-gateway"

START = """
mount --bind "$1/srv" /srv
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
exec "$2" -D -f "$1/sshd_config" -E "$1/log"
"""


@dataclass(frozen=True)
class GatewayHost:
    """A running server; `sshd.user` is the account, and nobody has a key yet."""

    sshd: Sshd
    uid: int
    process: subprocess.Popen[bytes]

    @property
    def database(self) -> Path:
        """The account's database, as it is seen from outside."""
        return self.sshd.folder / DATABASE.relative_to("/")

    @property
    def logins(self) -> Path:
        """The folder of the records, as it is seen from outside."""
        return self.database.parent / "logins"

    def inside(self, path: Path) -> Path:
        """Return a path of the server, as it is seen from outside."""
        return self.sshd.folder / path.relative_to("/")

    def as_account(self, *command: str | Path) -> list[str]:
        """Return what runs a command as the account, where the server is."""
        identity = [f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        return ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "setpriv", *identity, *map(str, command)]

    def give(self, path: Path) -> None:
        """Make a file the account's own."""
        os.chown(path, self.uid, self.uid)


@contextlib.contextmanager
def gateway_host(lab: Lab, keys: Path, forced: str, name: str = "gateway") -> Iterator[GatewayHost]:
    """Start a server whose keys command is a copy of `keys`, and whose forced command is the script `forced`."""
    if os.geteuid() != 0:
        raise SetupError("A gateway's host of the lab needs root on Linux")
    debian.ensure(debian.SSH)
    folder = lab.make(name)
    uid = 200_000 + int(lab.id.removeprefix("sl"), 16)
    sshd.make_keys(folder)
    furnish(folder, uid, keys, forced)
    process, port = listen(folder, lab.id)
    try:
        sshd.write_known_hosts(folder, f"[127.0.0.1]:{port}")
        yield GatewayHost(Sshd(folder, "127.0.0.1", port, ACCOUNT), uid, process)
    finally:
        processes.stop(process)


def furnish(folder: Path, uid: int, keys: Path, forced: str) -> None:
    """Make what the server finds in its namespace."""
    (folder / "passwd").write_text(
        f"{Path('/etc/passwd').read_text()}{ACCOUNT}:x:{uid}:{uid}::{HOME}:/bin/sh\n", encoding="utf-8"
    )
    (folder / "shadow").write_text(f"{Path('/etc/shadow').read_text()}{ACCOUNT}:*:19000::::::\n", encoding="utf-8")
    (folder / "shadow").chmod(0o600)
    home, command, wrapper = (folder / path.relative_to("/") for path in (HOME, COMMAND, FORCED))
    command.parent.mkdir(parents=True, mode=0o755)
    shutil.copyfile(keys, command)
    wrapper.write_text(f"#!/bin/sh\n{forced}\n")
    for program in (command, wrapper):
        program.chmod(0o755)
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    (folder / "match.conf").write_text(match_block())


def match_block() -> str:
    """Return sshd's part as it is shipped, with the paths of this server."""
    shipped = Layout(account=ACCOUNT).sshd_settings
    here = {"AuthorizedKeysCommand": f"{COMMAND} {DATABASE} %u %f %t %k", "ForceCommand": str(FORCED)}
    return f"Match User {ACCOUNT}\n" + "".join(f"    {name} {value}\n" for name, value in (shipped | here).items())


def listen(folder: Path, mark: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a port that it could bind itself; return it with that port."""

    def start(port: int) -> subprocess.Popen[bytes]:
        # The Match block ends with the included file.
        sshd.write_config(folder, Options(extra={"Include": str(folder / "match.conf")}), "127.0.0.1", port)
        process = processes.start(command_line(folder), folder / "output", mark)
        sshd.wait_for(process, folder, port)
        return process

    return ports.listening(start, folder / "log")


def command_line(folder: Path) -> Sequence[str]:
    """Return the command that runs the server in a mount namespace of its own."""
    unshare = ["unshare", "--mount", "--propagation=private"]
    return [*unshare, "sh", "-ec", START, "sh", str(folder), sshd.program()]
