"""The steps of an installation. Each tells whether it is done already, does it, and can be taken back.

`make` returns how to undo exactly what it did: a run that fails leaves the machine as it was. `remove` takes away what
any run has made.
"""

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from srctl.errors import ConflictError, SrctlError
from srctl.installation import system
from srctl.installation.layout import MARK
from srctl.installation.system import Account, Content

Undo = Callable[[], object]


class Standing(Enum):
    """How far a step is done."""

    DONE = "done"
    MISSING = "missing"
    DIFFERENT = "different"


class Step(Protocol):
    """One step: what it does in words, and what it writes, for people who want to see it."""

    @property
    def words(self) -> str:
        """What is there when the step is done."""

    @property
    def content(self) -> str | None:
        """The text of the file that it writes, or the command that it runs."""

    def standing(self) -> Standing:
        """Tell how far it is done; nothing is changed. Raises `ConflictError` where something is in the way."""

    def make(self) -> Undo:
        """Do it, and return how to undo it. Raises `SrctlError`."""

    def remove(self) -> bool:
        """Take away what it makes; tell whether there was anything. Raises `SrctlError`."""


def required(name: str) -> Account:
    """Return the gateway's account, which an earlier step has made. Raises `SrctlError`."""
    found = system.account(name)
    if found is None:
        raise SrctlError(f"There is no account {name}", "srctl gateway install")
    return found


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of root's, or of the account's own at the top of what is its own."""

    path: str
    mode: int = 0o755
    owner: str | None = None
    emptied: bool = False
    """Whether it is removed with all that is in it."""

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"The folder {self.path}, {self.owner or 'root'}'s, mode {self.mode:04o}"

    @property
    def content(self) -> str | None:
        """Nothing is written."""
        return None

    def standing(self) -> Standing:
        """Compare owner and mode. Raises `ConflictError` for what is no folder."""
        try:
            status = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return Standing.MISSING
        if not stat.S_ISDIR(status.st_mode):
            raise ConflictError(f"{self.path} is not a folder", "Look what it is, and move it away")
        wanted = (*self._ids(), self.mode)
        same = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == wanted
        return Standing.DONE if same else Standing.DIFFERENT

    def make(self) -> Undo:
        """Make the folder, or give it owner and mode."""
        undo: Undo
        if self.standing() is Standing.MISSING:
            os.mkdir(self.path, 0o700)
            undo = self._drop
        else:
            before = os.lstat(self.path)
            undo = lambda: self._set(before.st_uid, before.st_gid, stat.S_IMODE(before.st_mode))  # noqa: E731
        self._set(*self._ids(), self.mode)
        return undo

    def remove(self) -> bool:
        """Remove the folder if it is empty, or with all that is in it."""
        if not os.path.isdir(self.path) or os.path.islink(self.path):
            return False
        if self.emptied:
            shutil.rmtree(self.path)
            return True
        return self._drop()

    def _drop(self) -> bool:
        with suppress(OSError):  # others have put something there
            os.rmdir(self.path)
            return True
        return False

    def _ids(self) -> tuple[int, int]:
        account = system.account(self.owner) if self.owner else None
        return (account.uid, account.gid) if account else (0, 0)

    def _set(self, uid: int, gid: int, mode: int) -> None:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(handle, uid, gid)
            os.fchmod(handle, mode)
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class File:
    """A file of root's; `group` is an account whose group may read it."""

    path: str
    text: str
    what: str
    mode: int = 0o644
    group: str | None = None
    kept: bool = False
    """Whether an administrator may have changed it: then what stands in it stays."""

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"{self.what}: {self.path}"

    @property
    def content(self) -> str | None:
        """The text."""
        return self.text

    def standing(self) -> Standing:
        """Compare text, owner and mode. Raises `ConflictError` for a file that somebody else has written."""
        found = system.read(self.path)
        if found is None:
            return Standing.MISSING
        if not self.kept and MARK.encode() not in found.data and not self._is_command():
            raise ConflictError(f"{self.path} is not srctl's", "Look what it is for, and move it away")
        return Standing.DONE if found == self._wanted(found) else Standing.DIFFERENT

    def make(self) -> Undo:
        """Write the file."""
        before = system.read(self.path)
        system.write(self.path, self._wanted(before))
        if before is None:
            return lambda: system.remove_file(self.path)
        return lambda: system.write(self.path, before)

    def remove(self) -> bool:
        """Remove the file."""
        return system.remove_file(self.path)

    def _wanted(self, found: Content | None) -> Content:
        account = system.account(self.group) if self.group else None
        data = found.data if found is not None and self.kept else self.text.encode()
        return Content(data, 0, account.gid if account else 0, self.mode)

    def _is_command(self) -> bool:
        """Whether the name says whose it is: the commands lie in a folder that is srctl's alone."""
        return self.path.startswith("/opt/srctl/")


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link of root's, as those by which systemd starts what belongs to a target."""

    path: str
    target: str

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"Started at boot: {self.path}"

    @property
    def content(self) -> str | None:
        """Where it leads."""
        return f"-> {self.target}\n"

    def standing(self) -> Standing:
        """Compare where it leads. Raises `ConflictError` for what is no link."""
        if not os.path.lexists(self.path):
            return Standing.MISSING
        if not os.path.islink(self.path):
            raise ConflictError(f"{self.path} is not a link", "Look what it is, and move it away")
        return Standing.DONE if os.readlink(self.path) == self.target else Standing.DIFFERENT

    def make(self) -> Undo:
        """Make the link; one that leads elsewhere is replaced."""
        made = [] if os.path.isdir(folder := os.path.dirname(self.path)) else [Folder(folder).make()]
        before = os.readlink(self.path) if os.path.islink(self.path) else None
        system.remove_file(self.path)
        os.symlink(self.target, self.path)

        def undo() -> None:
            system.remove_file(self.path)
            if before is not None:
                os.symlink(before, self.path)
            for each in made:
                each()

        return undo

    def remove(self) -> bool:
        """Remove the link."""
        return system.remove_file(self.path)
