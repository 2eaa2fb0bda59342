"""A private SSH server with throw-away keys, and the client's files that lead to it.

Host key, user key, known_hosts and ssh_config all lie in the server's own folder; nothing of ~/.ssh or
/etc/ssh is used. The server's log tells how often somebody logged in.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools import debian, ports, processes
from tools.debian import SetupError
from tools.lab import Lab


@dataclass(frozen=True)
class Options:
    """What differs between the servers that tests need; `extra` are further lines of sshd_config."""

    streamlocal: bool = True
    max_sessions: int = 10
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sshd:
    """A running server and how to reach it."""

    folder: Path
    host: str
    port: int
    user: str

    @property
    def url(self) -> str:
        """The server as an SSH address; as a Docker host it means the engine at the default socket."""
        return f"ssh://{self.user}@{self.host}:{self.port}"

    @property
    def identity(self) -> Path:
        """The private key that may log in."""
        return self.folder / "user_key"

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file with the server's key."""
        return self.folder / "known_hosts"

    @property
    def log(self) -> str:
        """What the server has logged until now, at level VERBOSE."""
        return (self.folder / "log").read_text(errors="replace")

    def logins(self) -> int:
        """Return how many logins have succeeded."""
        return self.log.count("Accepted publickey for ")

    def client_config(self, alias: str, extra: Mapping[str, str] | None = None) -> str:
        """Return a section of ssh_config that reaches the server as `alias`."""
        options = {
            "HostName": self.host,
            "Port": str(self.port),
            "User": self.user,
            "IdentityFile": str(self.identity),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            **(extra or {}),
        }
        return f"Host {alias}\n" + "".join(f"    {name} {value}\n" for name, value in options.items())


@contextlib.contextmanager
def private_sshd(lab: Lab, name: str = "sshd", options: Options | None = None) -> Iterator[Sshd]:
    """Start a server on a free port of 127.0.0.1; end it and every login to it afterwards."""
    debian.ensure(debian.SSH)
    folder = lab.make(name)
    make_keys(folder)
    process, port = listen(folder, options or Options(), lab.id)
    try:
        write_known_hosts(folder, f"[127.0.0.1]:{port}")
        yield Sshd(folder, "127.0.0.1", port, account())
    finally:
        processes.stop(process)


def account() -> str:
    """Return the name of the account that we run as, and that can log in."""
    return pwd.getpwuid(os.geteuid()).pw_name


def make_keys(folder: Path) -> None:
    """Make a host key and a user key, and let the user key log in."""
    for name in ("host_key", "user_key"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"srctl lab {name}", "-f", str(folder / name)]
        subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)
    (folder / "authorized_keys").write_bytes((folder / "user_key.pub").read_bytes())


def write_known_hosts(folder: Path, address: str) -> None:
    """Write the server's key into a known_hosts file of its own."""
    (folder / "known_hosts").write_text(f"{address} {(folder / 'host_key.pub').read_text()}")


def listen(folder: Path, options: Options, mark: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a port that it could bind itself; return it with that port."""

    def start(port: int) -> subprocess.Popen[bytes]:
        config = write_config(folder, options, "127.0.0.1", port)
        process = processes.start(command_line(config), folder / "output", mark)
        wait_for(process, folder, port)
        return process

    return ports.listening(start, folder / "log")


def write_config(folder: Path, options: Options, address: str, port: int) -> Path:
    """Write the server's configuration into its folder."""
    settings = {
        "ListenAddress": address,
        "Port": port,
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "StrictModes": "no",  # the folder may lie below one that everybody can write to
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes",
        "LogLevel": "VERBOSE",
        "MaxStartups": "200",
        "MaxSessions": options.max_sessions,
        "AllowStreamLocalForwarding": "yes" if options.streamlocal else "no",
        "SetEnv": "SHLVL=2",  # keeps Debian's bash from reading the account's .bashrc, which may take any time
        **options.extra,
    }
    path = folder / "sshd_config"
    path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if accepts(path, "PerSourcePenalties=no"):
        path.write_text(f"{path.read_text()}PerSourcePenalties no\n")
    return path


def accepts(config: Path, option: str) -> bool:
    """Tell whether this version of sshd knows an option; a wrong configuration raises SetupError."""
    make_privilege_folder()
    sshd = program()
    checks = [
        subprocess.run([sshd, "-t", "-f", config, *more], capture_output=True, text=True, check=False)
        for more in ([], ["-o", option])
    ]
    if checks[0].returncode != 0:
        raise SetupError(f"sshd refuses its configuration: {checks[0].stderr.strip()}")
    return checks[1].returncode == 0


def make_privilege_folder() -> None:
    """Make the empty folder that sshd wants when it runs as root; Debian's service makes it at boot."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def program() -> str:
    """Return sshd's absolute path, on which it insists."""
    found = debian.SSH[0].find()
    if found is None:
        raise SetupError("sshd is missing")
    return found


def command_line(config: Path) -> list[str]:
    """Return the command that runs the server in the foreground, with its log in its folder."""
    return [program(), "-D", "-f", str(config), "-E", str(config.parent / "log")]


def wait_for(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    """Wait until the server's log says that it listens."""
    log = folder / "log"
    log.touch()
    line = f"port {port}."
    processes.wait_until(
        lambda: any("Server listening on" in each and line in each for each in log.read_text().splitlines()),
        f"sshd ({folder})",
        process,
    )
