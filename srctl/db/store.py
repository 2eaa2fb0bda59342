"""The accounting database as accounting and sessions use it: frozen values in, frozen values out.

Each method is one short transaction. What must be unique is decided by the database's unique keys in one statement,
never by looking first, so any number of processes may do the same at once. Policies it takes as they are given.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from srctl.db import granting, policy_json, rows
from srctl.db.book import Book
from srctl.db.engine import Database
from srctl.db.inserting import insert_new
from srctl.db.location import parse
from srctl.db.schema import HEAD, applications, grants, user_keys, users
from srctl.db.standing import Standing, look, refusal
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Application, Grant, GrantPage, Policy, PublicKey, StoreStatus, User

_RACES = 3


def open_store(location: str) -> "SqlStore":
    """Open a database that is ready. `location` is a path or a SQLAlchemy URL; nothing is created.

    Raises NotFoundError (missing, empty), ConflictError (older, newer, not ours, locked), UsageError, UnreachableError,
    UnsupportedError (csv), SrctlError (unreadable, damaged).
    """
    database = Database(parse(location))
    try:
        with database.reading() as connection:
            found = look(connection)
        if found.standing is not Standing.READY:
            raise refusal(found, database.location.label)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


class SqlStore:
    """Users, keys, applications and grants in SQLite or PostgreSQL. Any statement may raise as `failures` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @cached_property
    def book(self) -> Book:
        """What a gateway keeps in the same database."""
        return Book(self._database)

    def user(self, name: str) -> User:
        """Give the user of exactly this name. Raises NotFoundError."""
        with self._database.reading() as connection:
            row = connection.execute(rows.USERS.where(users.c.name == name)).first()
            if row is None:
                raise _no_user(connection, name)
            return rows.to_user(row)

    def users(self) -> list[User]:
        """Give all users by name."""
        return [rows.to_user(row) for row in self._all(rows.USERS.order_by(users.c.name))]

    def add_user(self, name: str, admin: bool = False) -> User:
        """Add a user. Raises ConflictError if the name exists or differs only in case from one that does."""
        values = {"name": name, "admin": admin, "disabled": False, "created": _now()}
        with self._database.writing() as connection:
            if not insert_new(connection, users, values | {"name_folded": name.casefold()}):
                taken = connection.scalar(select(users.c.name).where(users.c.name_folded == name.casefold()))
                same = f"User {name} exists" if taken == name else f"User {name} differs only in case from {taken}"
                raise ConflictError(same, f"See `srctl user show {taken}`")
            return rows.to_user(connection.execute(rows.USERS.where(users.c.name == name)).one())

    def remove_user(self, name: str) -> None:
        """Remove a user with grants and keys. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(delete(users).where(users.c.name == name)).rowcount:
                raise _no_user(connection, name)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Refuse a person or let them in again. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(update(users).where(users.c.name == name).values(disabled=disabled)).rowcount:
                raise _no_user(connection, name)

    def set_admin(self, name: str, admin: bool) -> None:
        """Let a person administer through a gateway, or no longer. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(update(users).where(users.c.name == name).values(admin=admin)).rowcount:
                raise _no_user(connection, name)

    def add_key(self, user: str, key: PublicKey) -> PublicKey:
        """Add a public key; the same key of the same user again is no error.

        Raises NotFoundError for the user, ConflictError if the key belongs to another user.
        """
        with self._database.writing() as connection:
            user_id = _user_id(connection, user)
            values = {"type": key.type, "blob": key.blob, "fingerprint": key.fingerprint, "comment": key.comment}
            insert_new(connection, user_keys, values | {"user_id": user_id, "added": _now()})
            query = rows.KEYS.where(user_keys.c.fingerprint == key.fingerprint)
            row = connection.execute(query.join(users).add_columns(users.c.name)).one()
            if row.name != user:
                raise ConflictError(
                    f"The key {key.fingerprint} belongs to {row.name} already",
                    f"Remove it first: `srctl user key remove {row.name} {key.fingerprint}`",
                )
            return rows.to_key(row[:-1])

    def keys(self, user: str) -> list[PublicKey]:
        """Give the keys of a user, oldest first. Raises NotFoundError for the user."""
        with self._database.reading() as connection:
            user_id = _user_id(connection, user)
            found = connection.execute(rows.KEYS.where(user_keys.c.user_id == user_id).order_by(user_keys.c.id))
            return [rows.to_key(row) for row in found]

    def key_counts(self) -> dict[str, int]:
        """Give how many keys users have, by name; those without any are left out."""
        query = select(users.c.name, func.count()).select_from(user_keys.join(users)).group_by(users.c.name)
        return {str(name): int(count) for name, count in self._all(query)}

    def remove_key(self, user: str, fingerprint: str) -> None:
        """Remove one key of a user. Raises NotFoundError for the user or the key."""
        with self._database.writing() as connection:
            match = (user_keys.c.user_id == _user_id(connection, user)) & (user_keys.c.fingerprint == fingerprint)
            if not connection.execute(delete(user_keys).where(match)).rowcount:
                raise NotFoundError(f"{user} has no key {fingerprint}", f"See `srctl user key list {user}`")

    def application(self, image: str) -> Application:
        """Give the application of this image (tag explicit). Raises NotFoundError."""
        row = self._first(rows.APPLICATIONS.where(applications.c.image == image))
        if row is None:
            raise _no_application(image)
        return rows.to_application(row)

    def applications(self) -> list[Application]:
        """Give all applications by image."""
        return [rows.to_application(row) for row in self._all(rows.APPLICATIONS.order_by(applications.c.image))]

    def add_application(self, application: Application) -> Application:
        """Add an application; `id` and `created` are given here. Raises ConflictError if the image is registered."""
        columns = [column.name for column in rows.APPLICATION_COLUMNS if column.name not in ("id", "created")]
        values = {name: getattr(application, name) for name in columns}
        with self._database.writing() as connection:
            if not insert_new(connection, applications, values | {"created": _now()}):
                raise ConflictError(
                    f"Application {application.image} exists", f"See `srctl app show {application.image}`"
                )
            query = rows.APPLICATIONS.where(applications.c.image == application.image)
            return rows.to_application(connection.execute(query).one())

    def remove_application(self, image: str) -> None:
        """Remove an application with its grants. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(delete(applications).where(applications.c.image == image)).rowcount:
                raise _no_application(image)

    def add_grant(self, image: str, user: str, policy: Policy) -> Grant:
        """Grant an application to a user; the same grant again is the one that stands, whoever else adds it now.

        Raises NotFoundError, for the application first.
        """
        for _ in range(_RACES):
            try:
                with self._database.writing() as connection:
                    grant = _add_grant(connection, image, user, policy)
            except ConflictError as error:  # user or application removed since we read their ids
                if not _broke_constraint(error):
                    raise
            else:
                if grant is not None:
                    return grant
        raise ConflictError(f"The grant of {image} to {user} is being changed by others", "Try again")

    def grants(self, *, user: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants of a user, of an application, or all, in one query; by user, image, age."""
        conditions = []
        if user is not None:
            conditions.append(users.c.name == user)
        if image is not None:
            conditions.append(applications.c.image == image)
        query = rows.GRANTS.where(*conditions)
        ordered = query.order_by(users.c.name, applications.c.image, grants.c.created, grants.c.id)
        with self._database.reading() as connection:
            return rows.to_grants(granting.in_batches(connection.execute(ordered)))

    def grant_page(self, after: str, most: int) -> GrantPage:
        """Give at most so many grants in short, by id, from the one that follows the id `after`."""
        with self._database.reading() as connection:
            return granting.page(connection, after, most)

    def replace_grant(self, before: Grant, policy: Policy, *, keep: bool) -> Grant:
        """Put another policy in the place of a grant's; without `keep` it is a new grant with a new id.

        Raises NotFoundError if it is gone, ConflictError if it has changed or the user has such a grant beside it.
        """
        with self._database.writing() as connection:
            return granting.replace(connection, before, policy, keep=keep)

    def remove_grant(self, grant_id: str) -> None:
        """Remove a grant by its full id. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(delete(grants).where(grants.c.id == grant_id)).rowcount:
                raise NotFoundError(f"There is no grant {grant_id}", "See `srctl grant list`")

    def find_grants(self, id_prefix: str) -> list[Grant]:
        """Give the grants whose id starts so, by id."""
        within = (grants.c.id >= id_prefix, grants.c.id < id_prefix + "g")
        return rows.to_grants(self._all(rows.GRANTS.where(*within).order_by(grants.c.id)))

    def existing_grants(self, ids: Iterable[str]) -> frozenset[str]:
        """Give those of the grant ids that exist, in one query; a disabled user's count too."""
        wanted = list(ids)
        found = self._all(select(grants.c.id).where(grants.c.id.in_(wanted))) if wanted else ()
        return frozenset(row[0] for row in found)

    def status(self) -> StoreStatus:
        """Give revision and counts of a database that is ready."""
        counts = [select(func.count()).select_from(table).scalar_subquery() for table in (users, applications, grants)]
        row = self._all(select(*counts))[0]
        return StoreStatus(self._database.location.label, HEAD, HEAD, (), *row)

    def _first(self, query: Select[Any]) -> Sequence[Any] | None:
        with self._database.reading() as connection:
            return connection.execute(query).first()

    def _all(self, query: Select[Any]) -> Sequence[Sequence[Any]]:
        with self._database.reading() as connection:
            return connection.execute(query).all()


def _add_grant(connection: Connection, image: str, user: str, policy: Policy) -> Grant | None:
    """Insert and read back; `None` if somebody removed the grant in between."""
    application_id = connection.scalar(select(applications.c.id).where(applications.c.image == image))
    if application_id is None:
        raise _no_application(image, f"Add it with `srctl app add {image}`")
    user_id = _user_id(connection, user, f"Add the user with `srctl user add {user}`")
    text = policy_json.dump(policy)
    key = {"user_id": user_id, "application_id": application_id, "policy_digest": policy_json.digest(text)}
    values = key | {"id": secrets.token_hex(16), "policy": text, "created": _now()}
    insert_new(connection, grants, values)
    query = rows.GRANTS.where(*(grants.c[name] == value for name, value in key.items()))
    row = connection.execute(query).first()
    return None if row is None else rows.to_grants([row])[0]


def _broke_constraint(error: ConflictError) -> bool:
    return isinstance(error.__cause__, IntegrityError)


def _user_id(connection: Connection, name: str, hint: str = "") -> int:
    user_id = connection.scalar(select(users.c.id).where(users.c.name == name))
    if user_id is None:
        raise _no_user(connection, name, hint)
    return int(user_id)


def _no_user(connection: Connection, name: str, hint: str = "") -> NotFoundError:
    meant = connection.scalar(select(users.c.name).where(users.c.name_folded == name.casefold()))
    hint = f"Did you mean {meant}?" if meant else hint or "See `srctl user list`"
    return NotFoundError(f"There is no user {name}", hint)


def _no_application(image: str, hint: str = "See `srctl app list`") -> NotFoundError:
    return NotFoundError(f"There is no application {image}", hint)


def _now() -> datetime:
    return datetime.now(UTC)
