"""The machine that the gateway is installed on: its programs, its accounts and its files, as root meets them.

A file is made beside its place and renamed, and is never read or written through a symbolic link. What lies in a
folder of the service account's is done as the service account. Programs are found in the system's folders only.
"""

import grp
import os
import pwd
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srctl.errors import ConflictError, NotAllowedError, SrctlError, UnsupportedError

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/"}
_PATIENCE = 60
_LARGEST = 1024**2


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a program."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What it said, on one line."""
        return " ".join((self.err or self.out).split())


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the system; `password` is what /etc/shadow has, `None` where that can't be read."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str | None

    @property
    def groups(self) -> list[int]:
        """The ids of its groups."""
        return os.getgrouplist(self.name, self.gid)


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it is: what stands in it, who owns it, who may do what with it."""

    data: bytes
    uid: int
    gid: int
    mode: int


def require_debian() -> None:
    """Raise `UnsupportedError` unless this is Debian or a system made from it."""
    if os.uname().sysname != "Linux" or not Path("/etc/debian_version").exists():
        raise UnsupportedError("A gateway can be installed on Debian, Ubuntu and their like only")


def require_root() -> None:
    """Raise `NotAllowedError` unless we are root."""
    if os.geteuid() != 0:
        raise NotAllowedError("Only root can do that", "Run it with sudo")


def find(program: str) -> str | None:
    """Return the path of a system's program, `None` where it is missing."""
    paths = [Path(folder) / program for folder in PATH.split(":")]
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def run(*command: str, account: Account | None = None) -> Done:
    """Run a program to its end, as root or with an account's rights, in an environment of ours."""
    identity = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": account.groups}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=_ENVIRONMENT,
            cwd="/",
            umask=0o077 if account else 0o022,
            timeout=_PATIENCE,
            check=False,
            **identity,  # type: ignore[call-overload]
        )
    except OSError as error:
        return Done(127, "", f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Done(124, "", f"{command[0]} did not end within {_PATIENCE} s")
    return Done(done.returncode, done.stdout, done.stderr)


def must(*command: str, account: Account | None = None) -> str:
    """Run a program that has to succeed; return what it printed. Raises `SrctlError`."""
    done = run(*command, account=account)
    if done.code != 0:
        raise SrctlError(f"{' '.join(command)} failed: {done.said or done.code}")
    return done.out


def account(name: str) -> Account | None:
    """Return an account, `None` where there is none of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell, _password(name))


def _password(name: str) -> str | None:
    with suppress(OSError):
        for line in Path("/etc/shadow").read_text(errors="replace").splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return fields[1]
    return None


def group_name(gid: int) -> str:
    """Return the name of a group, its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def group_of(path: str) -> int | None:
    """Return the id of the group that owns a file, `None` where there is no such file."""
    try:
        return os.stat(path).st_gid
    except OSError:
        return None


def become(account: Account) -> None:
    """Give up root's rights for those of an account, for good."""
    os.initgroups(account.name, account.gid)
    os.setgid(account.gid)
    os.setuid(account.uid)


def read(path: str) -> Content | None:
    """Return a file, `None` where there is none. Raises `ConflictError` for a link and whatever else is no file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConflictError(f"{path} can't be read as a file: {error.strerror}", "Look what it is") from error
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise ConflictError(f"{path} is not a file that srctl has made", "Look what it is")
        return Content(stream.read(), status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


def write(path: str, content: Content) -> None:
    """Put a file in its place in one step. Raises `SrctlError`."""
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content.data)
                stream.flush()
                os.fchown(handle, content.uid, content.gid)
                os.fchmod(handle, content.mode)
                os.fsync(handle)
            os.replace(name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise SrctlError(f"{path} can't be written: {error.strerror}") from error


def remove_file(path: str) -> bool:
    """Remove a file or link; tell whether there was one. Raises `SrctlError`."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise SrctlError(f"{path} can't be removed: {error.strerror}") from error
    return True
