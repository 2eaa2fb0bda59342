"""The tunnels of this user on this machine: one state file each, and a lock that tells whether somebody holds it.

A tunnel lives as long as its lock is held, whatever a file or a process id says, so a list is true after a crash and
after a reboot. What stands in the folder is read distrustfully; a folder that others may write to is refused.
"""

import errno
import json
import os
import re
import secrets
import stat
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from srctl.errors import ConflictError, NotFoundError, SrctlError, UnsupportedError
from srctl.folders import make_private
from srctl.models import Standing, Tunnel, TunnelPlan
from srctl.shared_files import is_free, lock, open_lock, replace_file
from srctl.tunnel.plain import from_plain, to_plain

KEPT = timedelta(hours=24)
"""How long a tunnel that is down is listed."""

VANISHED = "its process ended without a word: it was killed, or this machine was restarted"

LARGEST_LOG = 256 * 1024
"""Bytes of a log; of one that is larger the newer half is kept."""

_ID = re.compile(r"[0-9a-f]{32}")
_LARGEST = 64 * 1024
_STRIPES = 64


@dataclass(frozen=True, slots=True)
class Record:
    """A tunnel as its holder last described it; `alive` tells whether somebody holds it now."""

    plan: TunnelPlan
    standing: Standing
    pid: int
    alive: bool
    written: float = field(default=0.0, compare=False)
    """When that was, in seconds since 1970."""

    def row(self) -> Tunnel:
        """Return it as people see it."""
        plan, standing = self.plan, self.standing
        return Tunnel(
            id=plan.id,
            session_id=plan.session_id,
            image=plan.image,
            host=plan.host.name,
            local_port=plan.local_port,
            url=plan.url,
            state=standing.state,
            since=standing.since,
            reconnects=standing.reconnects,
            bytes_in=standing.bytes_in,
            bytes_out=standing.bytes_out,
            last_error=standing.last_error,
            pid=self.pid if self.alive else None,
            cause=standing.cause,
            background=plan.background,
        )


class Registry:
    """The folder of state files."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use `folder`, else the one of this user, which need not be there. Raises `SrctlError` for an unsafe one."""
        self.folder = folder or default_folder()
        with _said_of(self.folder), suppress(FileNotFoundError):
            _check_private(self.folder)

    def make_folder(self) -> None:
        """Make the folder, if it is not there. Raises `SrctlError`."""
        with _said_of(self.folder):
            make_private(self.folder)
            _check_private(self.folder)

    def prepare(self) -> None:
        """Make the folder, and see that it can be written to. Raises `SrctlError`."""
        self.make_folder()
        with _said_of(self.folder), tempfile.TemporaryFile(dir=self.folder) as stream:
            stream.write(bytes(_LARGEST))

    def new_id(self) -> str:
        """Return an id that no tunnel has."""
        return secrets.token_hex(16)

    def records(self) -> list[Record]:
        """Return every tunnel, the oldest first; those that have been down for long are forgotten."""
        found = []
        for path in self.folder.glob("*.json"):
            record = self.read(path.stem)
            if record is None:
                continue
            if not record.alive and abs(datetime.now(UTC) - record.standing.since) > KEPT:
                self.forget(record.plan.id)
                continue
            found.append(record)
        return sorted(found, key=lambda record: (record.standing.since, record.plan.id))

    def find(self, prefix: str) -> Record:
        """Return the tunnel whose id begins so. Raises `NotFoundError`, and `ConflictError` for several."""
        found = [record for record in self.records() if prefix and record.plan.id.startswith(prefix.lower())]
        exact = [record for record in found if record.plan.id == prefix.lower()]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            names = ", ".join(record.plan.id for record in found)
            raise ConflictError(f"{prefix!r} is the beginning of several tunnels", f"Name one: {names}")
        raise NotFoundError(f"There is no tunnel {prefix!r}", "srctl tunnel list shows them")

    def serving(self, host_url: str, session_id: str) -> Record | None:
        """Return the tunnel in the background that leads to a session, if one lives."""
        for record in self.records():
            plan = record.plan
            if record.alive and plan.background and (plan.host.url, plan.session_id) == (host_url, session_id):
                return record
        return None

    def at_port(self, port: int) -> Record | None:
        """Return the living tunnel that has a local port."""
        return next((each for each in self.records() if each.alive and each.plan.local_port == port), None)

    def read(self, identifier: str) -> Record | None:
        """Return one tunnel; `None` where there is no such file, or none that one of us has written."""
        if not _ID.fullmatch(identifier):
            return None
        path = self.folder / f"{identifier}.json"
        try:
            written, moment = json.loads(_read(path, _LARGEST)), path.stat().st_mtime
            plan = from_plain(TunnelPlan, written["plan"])
            standing, pid = from_plain(Standing, written["standing"]), written["pid"]
            if not _sound(plan, standing, pid) or plan.id != identifier:
                return None
        except (OSError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            return None
        if not self.is_held(identifier):
            if standing.state != "down":
                standing = replace(standing, state="down", cause=VANISHED, last_error=VANISHED)
            return Record(plan, standing, pid, alive=False, written=moment)
        return Record(plan, standing, pid, alive=True, written=moment)

    def write(self, plan: TunnelPlan, standing: Standing) -> None:
        """Note how a tunnel of this process stands. Raises `OSError`."""
        content = {"plan": to_plain(asdict(plan)), "standing": to_plain(asdict(standing)), "pid": os.getpid()}
        replace_file(self.folder / f"{plan.id}.json", json.dumps(content).encode())

    def forget(self, identifier: str) -> None:
        """Remove all files of a tunnel that nobody holds, or that this process holds."""
        for kind in ("json", "log", "lock"):
            with suppress(OSError):
                (self.folder / f"{identifier}.{kind}").unlink()

    def log_of(self, identifier: str) -> Path:
        """Return where the log of a tunnel is."""
        return self.folder / f"{identifier}.log"

    def log(self, identifier: str) -> bytes:
        """Return the log of a tunnel, empty where there is none. Raises `SrctlError` for what is none of ours."""
        path = self.log_of(identifier)
        try:
            return _read(path, 2 * LARGEST_LOG)  # it is cut after a line that makes it too large
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise SrctlError(f"The log {path} can't be read: {error.strerror}", "Remove it") from error

    # -- locks

    @contextmanager
    def held(self, identifier: str) -> Iterator[None]:
        """Hold a tunnel: it lives until the block, or this process, ends. Raises `SrctlError`."""
        self.make_folder()
        with _said_of(self.folder):
            handle = open_lock(self.lock_of(identifier))
        try:
            lock(handle)
            yield
        finally:
            os.close(handle)

    def is_held(self, identifier: str) -> bool:
        """Tell whether somebody holds a tunnel."""
        try:
            handle = os.open(self.lock_of(identifier), os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return False
        try:
            return not is_free(handle)
        finally:
            os.close(handle)

    def await_end(self, identifier: str, patience: float) -> bool:
        """Wait until nobody holds a tunnel, `patience` seconds at most; return whether that is so."""
        limit = time.monotonic() + patience
        while self.is_held(identifier):
            if time.monotonic() > limit:
                return False
            time.sleep(0.01)
        return True

    @contextmanager
    def opening(self, host_url: str, session_id: str) -> Iterator[None]:
        """Let no other process open a tunnel to this session meanwhile. Raises `SrctlError`."""
        self.make_folder()
        stripe = zlib.crc32(f"{host_url}\0{session_id}".encode()) % _STRIPES
        with _said_of(self.folder):
            handle = open_lock(self.folder / f"opening-{stripe}.lock")
        try:
            lock(handle)
            yield
        finally:
            os.close(handle)

    def lock_of(self, identifier: str) -> Path:
        """Return the file whose lock tells that a tunnel lives."""
        return self.folder / f"{identifier}.lock"


def default_folder() -> Path:
    """Return this user's folder for state that need not survive a reboot. Raises `SrctlError` where there is none."""
    from platformdirs import user_runtime_path

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a fallback is used is no news to a person
        try:
            return user_runtime_path("srctl", appauthor=False) / "tunnels"
        except OSError as error:
            what = f"There is no folder of yours alone for the state of tunnels: {error.strerror or error}"
            raise UnsupportedError(what, "Name one with XDG_RUNTIME_DIR") from error


def open_regular(path: Path, flags: int) -> int:
    """Open what is a file in its own right, and wait for nobody. Raises `OSError`, also for all else."""
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a file")
    return handle


@contextmanager
def _said_of(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"The folder {folder} can't be used: {error.strerror}"
        raise SrctlError(what, "Name another place with XDG_RUNTIME_DIR") from error


def _check_private(folder: Path) -> None:
    """Raise `UnsupportedError` for a folder that somebody else could have made, or may write to."""
    if sys.platform == "win32":
        return
    for each in (folder, folder.parent):
        found = each.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise UnsupportedError(
                f"{each} is not yours alone, so the state of tunnels is not kept there",
                "Remove it, or name another place with XDG_RUNTIME_DIR",
            )


def _read(path: Path, largest: int) -> bytes:
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, "it is too large")
    return content


def _sound(plan: TunnelPlan, standing: Standing, pid: Any) -> bool:
    """Tell whether values of the right types can be meant."""
    numbers = (standing.reconnects, standing.connections, standing.connections_total)
    return (
        bool(_ID.fullmatch(plan.session_id))
        and bool(re.fullmatch(r"[0-9a-f]{64}|[0-9a-f]{12}", plan.container_id))
        and 0 < plan.local_port < 65536
        and 0 < plan.endpoint.port < 65536
        and plan.url.startswith(tuple(f"{scheme}://127.0.0.1:{plan.local_port}/" for scheme in ("http", "https")))
        and 0 < plan.timeout < 7 * 86400 + 1
        and standing.state in ("up", "reconnecting", "down")
        and min(*numbers, standing.bytes_in, standing.bytes_out) >= 0
        and isinstance(pid, int)
        and not isinstance(pid, bool)
        and 1 < pid < 2**31
    )
