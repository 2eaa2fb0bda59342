"""The gateway that is installed here, as an administrator on this machine meets it: whose it is, and its database.

The database is never opened as root: SQLite would leave files of root's beside it, in a folder that is not root's.
"""

import os
import tomllib
from typing import Any

from srctl.errors import ConflictError, NotAllowedError, NotFoundError
from srctl.installation import system
from srctl.installation.layout import CONFIG, DROP_IN, FIREWALL
from srctl.installation.steps import required


def configured() -> dict[str, Any]:
    """Return what stands in the gateway's configuration, nothing where there is none. Raises `ConflictError`."""
    found = system.read(CONFIG)
    try:
        return tomllib.loads(found.data.decode()) if found else {}
    except ValueError as error:
        raise ConflictError(f"{CONFIG} is not valid TOML: {error}", "Mend it") from error


def installed_account() -> str | None:
    """Return the account of the gateway that is installed here, `None` where sshd has no part of one."""
    found = system.read(DROP_IN)
    words = [line.split() for line in found.data.decode(errors="replace").splitlines()] if found else []
    return next((each[2] for each in words if each[:2] == ["Match", "User"] and len(each) == 3), None)


def strict_firewall() -> bool:
    """Tell whether the firewall that is installed here keeps local accounts out."""
    found = system.read(FIREWALL)
    return found is not None and b"--uid-owner" in found.data


def database_as_account() -> str:
    """Become the gateway's account for good, and return its database.

    Raises `NotFoundError` without a gateway, `NotAllowedError` for others than root and that account.
    """
    name = installed_account()
    if name is None:
        raise NotFoundError("There is no gateway on this machine", "Install one: srctl gateway install")
    account = required(name)
    if os.geteuid() not in (0, account.uid):
        raise NotAllowedError(f"Only root and {name} can do that", "Run it with sudo, on the gateway's machine")
    database = configured().get("db")
    if not isinstance(database, str):
        raise ConflictError(f"{CONFIG} names no database", "Install again: srctl gateway install")
    if os.geteuid() == 0:
        system.become(account)
    return database
