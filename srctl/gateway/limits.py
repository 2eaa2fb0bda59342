"""How much one person may have going on at once, so that others and the machine are spared.

Each command takes a seat of its user's: a lock on one byte of a file that all share. The system gives it back with the
end of the process, however it ends.
"""

import os
from pathlib import Path

from srctl.errors import NotAllowedError
from srctl.logins import FOLDER

FILE = "seats"
"""The file, among the records of logins."""

_MOST = 1024
"""Bytes of the file that are one user's."""


def take_seat(folder: Path, user_id: int, seats: int) -> int | None:
    """Take one of a user's seats until this process ends; return its number.

    None where there is no place to keep them: a disk that is full keeps nobody out. Raises `NotAllowedError` when all
    are taken.
    """
    import fcntl  # not on Windows, where nothing of this is called

    try:
        handle = os.open(folder / FOLDER / FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    for seat in range(min(seats, _MOST)):
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, user_id * _MOST + seat)
        except (BlockingIOError, PermissionError):  # one of both says that it is taken (fcntl(2))
            continue
        except OSError:  # no locks to be had on this file system
            return None
        return seat  # the handle stays open: closing it would give the seat back
    os.close(handle)
    raise NotAllowedError(f"You have {seats} commands running, and more at once are not allowed", "End some of them")
