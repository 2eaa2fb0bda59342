"""The `%` tokens and environment variables that ssh_config(5), section TOKENS, lets stand in values.

A token that we do not know is refused: leaving it as it is would use another file or command than ssh does.
"""

import getpass
import hashlib
import os
import re
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from srctl.errors import UsageError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(value: str, tokens: Mapping[str, str], what: str) -> str:
    """Return `value` with its tokens replaced; `tokens` holds those of the connection (`h n p r k j`)."""

    def replace(match: re.Match[str]) -> str:
        letter = match[1]
        if letter == "%":
            return "%"
        found = tokens.get(letter)
        if found is None:
            found = _local(letter, tokens)
        if found is None:
            raise UsageError(f"The token %{letter} in {what} of the ssh configuration is not supported: {value}")
        return found

    return re.sub(r"%(.?)", replace, _with_environment(value, what))


@cache
def local_user() -> str:
    """Return the name of the account that we run as: from the password file as ssh has it, not from `$LOGNAME`."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser()


def _with_environment(value: str, what: str) -> str:
    if what == "ProxyCommand":  # its shell expands variables
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise UsageError(f"The ssh configuration uses ${{{match[1]}}} in {what}, which is not set")
        return found

    return _VARIABLE.sub(replace, value)


def _local(letter: str, tokens: Mapping[str, str]) -> str | None:
    if letter == "C":
        parts = (socket.gethostname(), tokens["h"], tokens["p"], tokens["r"], tokens["j"])
        return hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    return _machine().get(letter)


@cache
def _machine() -> Mapping[str, str]:
    name = socket.gethostname()
    facts = {"d": str(Path.home()), "l": name, "L": name.split(".")[0], "u": local_user()}
    if hasattr(os, "getuid"):
        facts["i"] = str(os.getuid())
    return facts
