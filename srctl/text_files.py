"""Files that people hand in by their path: read whole, up to a limit, and told about in their words."""

from pathlib import Path
from typing import TextIO

from srctl.errors import NotFoundError, SrctlError, UsageError

LARGEST = 1024**2
"""Characters that are read unless more is asked for."""


def read(file: str, errors: str = "strict", largest: int = LARGEST) -> str:
    """Return the text of a file; `~` works. Raises `NotFoundError`, `UsageError` and `SrctlError`."""
    try:
        with open(Path(file).expanduser(), encoding="utf-8", errors=errors) as stream:
            return read_stream(stream, file, largest)
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {file}", "Check its name") from error
    except OSError as error:
        raise SrctlError(f"Can't read {file}: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"Not a file: {file!r}", "Give its path") from error


def read_stream(stream: TextIO, name: str, largest: int = LARGEST) -> str:
    """Return what a stream holds; `name` says in messages what that is. Raises `UsageError` and `SrctlError`."""
    try:
        text = stream.read(largest + 1)
    except OSError as error:
        raise SrctlError(f"Can't read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not a text in UTF-8") from error
    if len(text) > largest:
        raise UsageError(f"{name} is too large")
    return text
