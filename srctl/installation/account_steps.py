"""The steps about the service account: that it exists, and that it may use the engine."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.installation import system
from srctl.installation.layout import HOME, SHELL, UNMATCHABLE
from srctl.installation.steps import Standing, Undo, required
from srctl.installation.system import Account, must

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account: a system account without a password, with a shell that runs the forced command."""

    name: str

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"The account {self.name}: home {HOME}, shell {SHELL}, password {UNMATCHABLE}"

    @property
    def content(self) -> str | None:
        """The command."""
        return f"{' '.join(self._useradd())}\n"

    def standing(self) -> Standing:
        """Compare shell and password. Raises `ConflictError` where the name is somebody's."""
        found = system.account(self.name)
        if found is None:
            return Standing.MISSING
        if found.home != HOME or found.uid == 0:
            raise ConflictError(
                f"There is an account {self.name} already, with home {found.home}", "Name another with --account"
            )
        same = found.shell == SHELL and found.password == UNMATCHABLE
        return Standing.DONE if same else Standing.DIFFERENT

    def make(self) -> Undo:
        """Make the account, or give it shell and password."""
        before = system.account(self.name)
        if before is None:
            must(*self._useradd())
            return lambda: must("userdel", self.name)
        must("usermod", "--shell", SHELL, "--password", UNMATCHABLE, self.name)
        return lambda: must("usermod", "--shell", before.shell, "--password", before.password or "!", self.name)

    def remove(self) -> bool:
        """End what runs as the account, then remove it with its group."""
        found = system.account(self.name)
        if found is None or found.home != HOME:
            return False
        end_processes(found)
        must("userdel", self.name)
        return True

    def _useradd(self) -> tuple[str, ...]:
        options = ("--system", "--user-group", "--no-create-home", "--home-dir", HOME, "--shell", SHELL)
        return ("useradd", *options, "--password", UNMATCHABLE, "--comment", "srctl gateway", self.name)


@dataclass(frozen=True, slots=True)
class Membership:
    """The account is in the group that owns the engine's socket."""

    name: str
    socket: str

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"{self.name} may use the engine: member of the group of {self.socket}, {self._group()}"

    @property
    def content(self) -> str | None:
        """The command."""
        return f"{' '.join(self._usermod())}\n"

    def standing(self) -> Standing:
        """Look at the account's groups."""
        found, group = system.account(self.name), self._group_id()
        return Standing.DONE if found and group in found.groups else Standing.MISSING

    def make(self) -> Undo:
        """Join the group."""
        must(*self._usermod())
        return lambda: must("gpasswd", "--delete", self.name, self._group())

    def remove(self) -> bool:
        """It goes with the account."""
        return False

    def _usermod(self) -> tuple[str, ...]:
        return ("usermod", "--append", "--groups", self._group(), self.name)

    def _group(self) -> str:
        return system.group_name(self._group_id())

    def _group_id(self) -> int:
        found = system.group_of(self.socket)
        if found is None:
            raise NotFoundError(f"There is no engine at {self.socket}", "Start Docker, or name its socket with --host")
        if found == 0:
            raise ConflictError(
                f"The socket {self.socket} belongs to the group root, so only root may use the engine",
                "groupadd --system docker, then restart Docker",
            )
        return found


def end_processes(account: Account) -> None:
    """End all that runs as an account on this machine, its logins too. Raises `SrctlError` where something stays.

    Processes of containers may have the same number for a user of theirs; they live in namespaces of their own.
    """
    deadline = time.monotonic() + _PATIENCE
    while found := dict(_processes(required(account.name).uid)):
        late = time.monotonic() > deadline
        if time.monotonic() > deadline + _PATIENCE:
            raise SrctlError(f"These processes of {account.name} do not end: {', '.join(map(str, found))}")
        for pid, started in found.items():
            with suppress(OSError):
                if _started(pid) == started:
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.05)


def _processes(uid: int) -> Iterator[tuple[int, str]]:
    ours = os.readlink("/proc/self/ns/pid")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if entry.stat().st_uid == uid and os.readlink(entry / "ns" / "pid") == ours:
                    yield int(entry.name), _started(int(entry.name))


def _started(pid: int) -> str:
    """Return when a process started, which no other process with its number has in common (proc(5), field 22)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
