"""The config file as a file: read distrustfully, and changed by one process at a time.

A change goes to a new file that replaces the old one in one step, so a crash or a full disk leaves one or the other.
What stands in the file is the business of `srctl.config`.
"""

import os
import stat
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from srctl.errors import SrctlError, UsageError
from srctl.folders import make_private
from srctl.shared_files import lock, open_lock, replace_file

T = TypeVar("T")

_LARGEST = 1024**2


def read(path: Path) -> dict[str, Any] | None:
    """Return what stands in the config file, `None` when there is none. Raises `UsageError` naming the line."""
    return _parsed(path, tomllib.loads)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change the config file in place, keeping comments and order; `change` is given the TOML document.

    Nobody else changes it meanwhile, so what `change` must not find there it looks for itself.
    """
    import tomlkit

    target = path.resolve()
    try:
        make_private(target.parent)
        with _locked(target):
            document = _parsed(target, tomlkit.parse) or tomlkit.document()
            change(document)
            replace_file(target, tomlkit.dumps(document).encode())
    except OSError as error:
        raise SrctlError(f"Can't write the config file {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise UsageError("A text is not valid UTF-8", "The config file takes Unicode text only") from error


def _parsed(path: Path, parse: Callable[[str], T]) -> T | None:
    try:
        return parse(_content(path).decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"Can't read the config file {path}: {error.strerror}") from error
    except RecursionError:  # whose traceback has thousands of lines
        raise UsageError(f"{path} is nested too deeply", "Mend it with: srctl config edit") from None
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "Mend it with: srctl config edit") from error


def _content(path: Path) -> bytes:
    with open(path, "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode) and str(path) != os.devnull:
            raise UsageError(f"The config file {path} is not a regular file")
        content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UsageError(f"The config file {path} is larger than 1 MiB")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, and a pipe without waiting for somebody to write into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep other processes from changing the file; the lock goes with its holder, and its file stays."""
    handle = open_lock(target.with_name(f".{target.name}.lock"))
    try:
        lock(handle)
        yield
    finally:
        os.close(handle)
