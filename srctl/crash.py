"""What happens on a failure that nobody foresaw: one line for the person, the traceback in a file."""

import os
import secrets
import traceback
from datetime import UTC, datetime

from srctl.errors import SrctlError
from srctl.folders import make_private


def report(error: Exception) -> SrctlError:
    """Write the traceback to the log file under a reference code, and return the error to tell.

    A log that can't be written is no second failure.
    """
    code = secrets.token_hex(4)
    message = f"Something went wrong that should not have: {type(error).__name__} (reference {code})"
    try:
        place = _write(code, error)
        hint = f"Please report it with the lines of {place} that follow {code}"
    except (OSError, RuntimeError):  # the second one where there is no home directory
        hint = "Run it again with --debug to see where"
    failure = SrctlError(message, hint)
    failure.__cause__ = error
    return failure


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(code: str, error: Exception) -> str:
    from platformdirs import user_log_path

    path = user_log_path("srctl", appauthor=False) / "srctl.log"
    make_private(path.parent)
    with open(path, "a", encoding="utf-8", opener=_privately) as stream:
        stream.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {code}\n")
        stream.write("".join(traceback.format_exception(error)))
    return str(path)
