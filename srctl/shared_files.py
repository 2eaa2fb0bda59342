"""Files that several processes of one user read and change: replaced in one step, locked by whoever changes them.

A crash or a full disk leaves the old content or the new one. A lock goes with its holder, however that ends.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path


def replace_file(target: Path, content: bytes) -> None:
    """Put `content` where `target` is; a new file has mode 0600, one that was there keeps its own. Raises `OSError`."""
    import tempfile  # each command would pay for it, and few write

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            os.chmod(name, target.stat().st_mode & 0o777)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


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
