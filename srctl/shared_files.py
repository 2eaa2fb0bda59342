"""Files that several processes of one user read and change: replaced in one step, locked by whoever changes them.

A crash or a full disk leaves the old content or the new one. A lock goes with its holder, however that ends.
"""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path


def replace_file(target: Path, content: bytes) -> None:
    """Put `content` where `target` is, or where the link leads that is there. Raises `OSError`.

    A new file has mode 0600, and one of ours that was there keeps its own. What is no file is left alone.
    """
    import tempfile  # each command would pay for it, and few write

    target = Path(os.path.realpath(target))
    mode = _mode(target)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _mode(target: Path) -> int:
    """Return the mode for a file in the place of what is there. Raises `OSError` for a device, a pipe or a folder."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return 0o600
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return found.st_mode & 0o777 if found.st_uid == _own_id(found) else 0o600


def _own_id(found: os.stat_result) -> int:
    """Return who we are; on Windows files say nothing of owners."""
    return os.geteuid() if sys.platform != "win32" else found.st_uid


def open_lock(path: Path) -> int:
    """Return a descriptor of a lock's file, made where it is missing; it is inherited by no child. Raises `OSError`."""
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


def lock(handle: int) -> None:
    """Wait until the lock is free, and hold it until the descriptor is closed. Raises `OSError`."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def is_free(handle: int) -> bool:
    """Tell whether nobody holds the lock; those who only look do not see each other, but for a moment on Windows."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(handle, fcntl.LOCK_UN)
    except OSError:
        return False
    return True
