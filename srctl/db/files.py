"""Files that a person names to be read whole: only what is a regular file is read, and nobody is waited for."""

import os
import stat
from pathlib import Path

from srctl.errors import ConflictError, NotFoundError, SrctlError, UsageError

JOURNALS = ("-wal", "-journal")
"""How the files beside a SQLite database end that have rows of it."""


def named(file: str) -> Path:
    """Return the path of a file as a person writes it. Raises UsageError."""
    try:
        file.encode()
        return Path(file).expanduser().absolute()
    except (UnicodeError, RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"Not a file: {file!r}", "Give its path") from error


def content_of(path: Path, most: int = -1) -> bytes:
    """Return what stands in a regular file, or its first bytes. Raises NotFoundError, UsageError, SrctlError."""
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UsageError(f"{path} is not a regular file", "Name a file")
            return stream.read(most)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"There is no file {path}", "Check its name") from error
    except IsADirectoryError as error:
        raise UsageError(f"{path} is a folder", "Name a file in it") from error
    except OSError as error:
        raise SrctlError(f"The file {path} can't be read: {error.strerror}", "Check its permissions") from error
    except ValueError as error:
        raise UsageError(f"Not a file: {str(path)!r}", "Give its path") from error


def require_no_journal(path: Path) -> None:
    """Raise ConflictError where a journal of a database that is gone lies there: a new one would be read with it."""
    for side in (Path(f"{path}{suffix}") for suffix in JOURNALS):
        if side.exists() and side.stat().st_size:
            raise ConflictError(
                f"{side} is left of another database, and would be read into the new one", "Move it away, or remove it"
            )


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, and a pipe without waiting for somebody to write into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
