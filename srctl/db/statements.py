"""Statements that several parts of the database share: ids by name, what is missing, and the time."""

from datetime import UTC, datetime

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from srctl.db.schema import groups, users
from srctl.errors import ConflictError, NotFoundError


def broke_constraint(error: ConflictError) -> bool:
    """Tell whether it was a constraint of a table that an error comes from."""
    return isinstance(error.__cause__, IntegrityError)


def user_id(connection: Connection, name: str, hint: str = "") -> int:
    """Give a user's id. Raises NotFoundError."""
    found = connection.scalar(select(users.c.id).where(users.c.name == name))
    if found is None:
        raise no_user(connection, name, hint)
    return int(found)


def group_id(connection: Connection, name: str, hint: str = "See `srctl group list`") -> int:
    """Give a group's id. Raises NotFoundError."""
    found = connection.scalar(select(groups.c.id).where(groups.c.name == name))
    if found is None:
        meant = connection.scalar(select(groups.c.name).where(groups.c.name_folded == name.casefold()))
        raise NotFoundError(f"There is no group {name}", f"Did you mean {meant}?" if meant else hint)
    return int(found)


def no_user(connection: Connection, name: str, hint: str = "") -> NotFoundError:
    """Give the error for a user who is not there; a name that differs only in case is named."""
    meant = connection.scalar(select(users.c.name).where(users.c.name_folded == name.casefold()))
    hint = f"Did you mean {meant}?" if meant else hint or "See `srctl user list`"
    return NotFoundError(f"There is no user {name}", hint)


def no_application(image: str, hint: str = "See `srctl app list`") -> NotFoundError:
    """Give the error for an application that is not there."""
    return NotFoundError(f"There is no application {image}", hint)


def now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)
