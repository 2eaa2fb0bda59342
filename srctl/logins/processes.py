"""Processes of sshd as proc(5) shows them, and a hold on one of them that never reaches another.

A number says little about a process: it is another's once the first has gone. The time of its start, in clock ticks
since boot, goes with it everywhere. Linux only; works without privileges unless others' processes are hidden.
"""

import errno
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from srctl.errors import SrctlError

PROC = Path("/proc")
SSHD = ("sshd", "sshd-session")
"""What the processes of a connection are called; the second since OpenSSH 9.8."""

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Identity(NamedTuple):
    """What no two processes share between two starts of the machine."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was there: `uid` is its real one, `started` in clock ticks since boot."""

    pid: int
    parent: int
    uid: int
    name: str
    started: int

    @property
    def identity(self) -> Identity:
        """What it keeps for all its life; even its parent may change."""
        return Identity(self.pid, self.started)

    @property
    def is_sshd(self) -> bool:
        """Whether it runs sshd's program, or was forked from it just now."""
        return self.name in SSHD

    @property
    def is_root_sshd(self) -> bool:
        """Whether it is one of those that listen, or watch over a connection."""
        return self.is_sshd and self.uid == 0

    @property
    def age(self) -> float:
        """Seconds since it started, to a hundredth."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / _TICKS


def read(pid: int) -> Process | None:
    """Return what is known of a process; None when it has ended, though nobody may have asked how. Raises `OSError`.

    None for those of containers too.
    """
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
        status = (PROC / str(pid) / "status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    before, _, after = stat.rpartition(b")")
    fields = after.split()
    if fields[0] in (b"Z", b"X") or _is_inside(status):
        return None
    name = before.partition(b"(")[2].decode(errors="replace")
    return Process(pid, int(fields[1]), int(_line(status, b"Uid:").split()[0]), name, int(fields[19]))


def title(pid: int) -> str:
    """Return what a process says of itself in its command line; empty when it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def families() -> Iterator[tuple[Process, list[Process]]]:
    """Give root's processes of sshd, each with its children. Raises SrctlError where they are hidden from us."""
    check_visible()
    found = [process for pid in _pids() if (process := read(pid))]
    children: dict[int, list[Process]] = {}
    for process in found:
        children.setdefault(process.parent, []).append(process)
    for process in found:
        if process.is_root_sshd:
            yield process, children.get(process.pid, [])


def check_visible() -> None:
    """Raise SrctlError where this system hides others' processes: nobody could be found then."""
    try:
        (PROC / "1" / "stat").read_bytes()
    except OSError as error:
        raise SrctlError(
            "This system hides the processes of others, so connections can't be ended", "Mount /proc without hidepid"
        ) from error


class Hold:
    """A hold on one process, by `hold`: what is sent reaches it, or nobody."""

    def __init__(self, process: Process, handle: int | None) -> None:
        self.process = process
        self._handle = handle

    def send(self, number: signal.Signals) -> None:
        """Send a signal unless it has ended. Raises SrctlError when we may not."""
        try:
            with suppress(ProcessLookupError):
                if self._handle is not None:
                    signal.pidfd_send_signal(self._handle, number)
                elif is_there(self.process):
                    os.kill(self.process.pid, number)
        except PermissionError as error:
            raise SrctlError(
                f"The connections of the account with id {self.process.uid} can't be ended: not permitted",
                "Run it as that account, or as root",
            ) from error

    def has_ended(self, within: float) -> bool:
        """Wait until it has ended, for so many seconds; tell whether it has."""
        if self._handle is not None:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            return bool(poll.poll(max(0.0, within) * 1000))
        deadline = time.monotonic() + within
        while is_there(self.process):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


@contextmanager
def hold(process: Process) -> Iterator[Hold | None]:
    """Lend a hold on a process; None when it has ended, or its number is another's by now. Raises `OSError`."""
    try:
        handle = _open(process.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        # Looked at after the handle is open: the handle means whom we see, or one that has ended since.
        yield Hold(process, handle) if is_there(process) else None
    finally:
        if handle is not None:
            os.close(handle)


def is_there(process: Process) -> bool:
    """Tell whether this process, no other of its number, is alive."""
    found = read(process.pid)
    return found is not None and found.identity == process.identity


def _open(pid: int) -> int | None:
    """Return a handle of a process, None on kernels before 5.3. Raises `OSError`."""
    try:
        return os.pidfd_open(pid)
    except AttributeError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return None
        raise


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isascii() and name.isdecimal()]


def _is_inside(status: bytes) -> bool:
    """Tell whether a process lives in a namespace below ours, as those of containers do.

    There anybody may call a process sshd, and start as many as it takes to keep a revocation from the real ones.
    """
    return len(_line(status, b"NSpid:").split()) > 1


def _line(status: bytes, name: bytes) -> bytes:
    return next((line.removeprefix(name) for line in status.splitlines() if line.startswith(name)), b"")
