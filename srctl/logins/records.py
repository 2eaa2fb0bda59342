"""Records of logins: for whom sshd asked the keys command, one file for each of its processes.

`srctl.gateway.keys` writes them, as `START USER FINGERPRINT OWNER:SLOT,...` in a file named by the number of sshd's
process. They lie in a folder that is the account's alone; in one that others can look into they are not believed.
"""

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srctl.logins import processes

_LIMIT = 65536
_FORM = re.compile(
    r"(\d{1,20}) (\d{1,5}) (SHA256:[A-Za-z0-9+/]{43}) ((?:\d{1,5}:\d{5}(?:,\d{1,5}:\d{5})*)?)\n", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Record:
    """Whom sshd's process asked for last; `shares` are the others' slots that were permitted, as (owner, slot)."""

    pid: int
    started: int
    user_id: int
    fingerprint: str
    shares: frozenset[tuple[int, int]]


class Records:
    """The folder of the records of one gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def account(self) -> int | None:
        """Return the id of the account whose connections they are about; None where no gateway has ever been."""
        try:
            found = os.lstat(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_uid if stat.S_ISDIR(found.st_mode) else None

    def of(self, process: processes.Process) -> Record | None:
        """Return the record of one of sshd's processes; None when it has none, or it is about an earlier process."""
        record = self._read(process.pid) if self._is_private() else None
        return record if record is not None and record.started == process.started else None

    def all(self) -> list[Record]:
        """Return the records of the processes that are alive, and remove the others. Raises `OSError`, SrctlError."""
        processes.check_visible()
        if not self._is_private():
            return []
        alive = []
        for name in sorted(os.listdir(self.folder)):
            if re.fullmatch(r"[1-9]\d{0,9}", name, re.ASCII):
                alive += self._kept(int(name))
            elif re.fullmatch(r"\.[1-9]\d{0,9}", name, re.ASCII) and processes.read(int(name[1:])) is None:
                self._remove(name)  # of a writer that was killed
        return alive

    def _kept(self, pid: int) -> list[Record]:
        with suppress(FileNotFoundError):
            seen = os.lstat(self.folder / str(pid)).st_ino
            process = processes.read(pid)
            record = self.of(process) if process else None
            if record:
                return [record]
            # The number may have become a new connection's meanwhile, with a record of its own.
            if os.lstat(self.folder / str(pid)).st_ino == seen:
                self._remove(str(pid))
        return []

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.folder / name)

    def _is_private(self) -> bool:
        try:
            found = os.lstat(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077

    def _read(self, pid: int) -> Record | None:
        try:
            handle = os.open(self.folder / str(pid), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as stream:
            return parse(pid, stream.read(_LIMIT + 1))


def parse(pid: int, content: bytes) -> Record | None:
    """Return what a record says; None when it is not exactly as records are written."""
    form = _FORM.fullmatch(content.decode("ascii", "replace")) if len(content) <= _LIMIT else None
    if form is None:
        return None
    pairs = (pair.split(":") for pair in form[4].split(",") if pair)
    shares = frozenset((int(owner), int(slot)) for owner, slot in pairs)
    return Record(pid, int(form[1]), int(form[2]), form[3], shares)
