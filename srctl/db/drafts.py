"""A file is made in a folder beside its later place, and gets its name in one step: nobody ever meets half of one."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from srctl.db.files import require_no_journal
from srctl.errors import ConflictError

_DRAFT = "draft.db"
_ABANDONED = 24 * 3600.0
"""Seconds after which nobody is still at work on a draft."""


@contextmanager
def draft(target: Path) -> Iterator[Path]:
    """Lend the path of an empty private file in a folder beside its later place; the folder goes at the end.

    What a process left that was killed is removed too. Raises `OSError`.
    """
    start = f".{target.name[:32]}-"
    _clear(target.parent, start)
    with TemporaryDirectory(prefix=start, dir=target.parent) as folder:
        path = Path(folder) / _DRAFT
        path.touch(0o600)
        yield path


def put(path: Path, target: Path) -> None:
    """Give a database its name unless there is one of that name. Raises `FileExistsError` then.

    Raises ConflictError where a journal lies there: SQLite would take it for that of the new database, and ruin it.
    """
    try:
        require_no_journal(target)
    except ConflictError:
        if not target.exists():  # else another process has just made it, and uses it
            raise
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if target.exists():
            raise FileExistsError(target) from None
        path.rename(target)


def _clear(folder: Path, start: str) -> None:
    """Remove the drafts that nobody is at work on any more."""
    with suppress(OSError):
        for each in list(folder.iterdir()):
            if each.name.startswith(start) and time.time() - each.lstat().st_mtime > _ABANDONED:
                _remove(each)


def _remove(folder: Path) -> None:
    """Remove a folder that holds a draft and nothing else."""
    with suppress(OSError):
        for each in list(folder.iterdir()):
            if each.name.startswith(_DRAFT):
                each.unlink()
        folder.rmdir()
