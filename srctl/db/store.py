"""The accounting database as accounting and sessions use it: frozen values in, frozen values out.

Each method is one short transaction. What must be unique is decided by the database's unique keys in one statement,
never by looking first, so any number of processes may do the same at once. Policies it takes as they are given.
"""

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection, delete, func, select, update

from srctl.db import policy_json, rows
from srctl.db.archive import Archive
from srctl.db.book import Book
from srctl.db.engine import Database
from srctl.db.grants import Granting
from srctl.db.inserting import insert_new
from srctl.db.location import parse
from srctl.db.schema import HEAD, applications, grants, groups, user_keys, users
from srctl.db.standing import Standing, look, refusal
from srctl.db.statements import no_application, no_user, now, user_id
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Application, Limits, PublicKey, StoreStatus, User

if TYPE_CHECKING:
    from srctl.db.groups import GroupBook
    from srctl.db.records import RecordBook


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


class SqlStore(Granting):
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
    def groups(self) -> "GroupBook":
        """The groups of users."""
        from srctl.db.groups import GroupBook

        return GroupBook(self._database)

    @cached_property
    def records(self) -> "RecordBook":
        """What ran, and until when it may."""
        from srctl.db.records import RecordBook

        return RecordBook(self._database)

    @cached_property
    def book(self) -> Book:
        """What a gateway keeps in the same database."""
        return Book(self._database)

    @cached_property
    def archive(self) -> Archive:
        """The database as a whole."""
        return Archive(self._database)

    def user(self, name: str) -> User:
        """Give the user of exactly this name. Raises NotFoundError."""
        with self._database.reading() as connection:
            row = connection.execute(rows.USERS.where(users.c.name == name)).first()
            if row is None:
                raise no_user(connection, name)
            return rows.to_user(row)

    def users(self) -> list[User]:
        """Give all users by name."""
        return [rows.to_user(row) for row in self._all(rows.USERS.order_by(users.c.name))]

    def add_user(self, name: str, admin: bool = False) -> User:
        """Add a user. Raises ConflictError if the name exists or differs only in case from one that does."""
        values = {"name": name, "admin": admin, "disabled": False, "created": now()}
        with self._database.writing() as connection:
            if not insert_new(connection, users, values | {"name_folded": name.casefold()}):
                taken = connection.scalar(select(users.c.name).where(users.c.name_folded == name.casefold()))
                same = f"User {name} exists" if taken == name else f"User {name} differs only in case from {taken}"
                raise ConflictError(same, f"See `srctl user show {taken}`")
            if name.startswith("@"):
                _refuse_group(connection, name[1:])
            return rows.to_user(connection.execute(rows.USERS.where(users.c.name == name)).one())

    def remove_user(self, name: str) -> None:
        """Remove a user with grants and keys. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(delete(users).where(users.c.name == name)).rowcount:
                raise no_user(connection, name)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Refuse a person or let them in again. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(update(users).where(users.c.name == name).values(disabled=disabled)).rowcount:
                raise no_user(connection, name)

    def set_admin(self, name: str, admin: bool) -> None:
        """Let a person administer through a gateway, or no longer. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(update(users).where(users.c.name == name).values(admin=admin)).rowcount:
                raise no_user(connection, name)

    def add_key(self, user: str, key: PublicKey) -> PublicKey:
        """Add a public key; the same key of the same user again is no error.

        Raises NotFoundError for the user, ConflictError if the key belongs to another user.
        """
        with self._database.writing() as connection:
            owner = user_id(connection, user)
            values = {"type": key.type, "blob": key.blob, "fingerprint": key.fingerprint, "comment": key.comment}
            insert_new(connection, user_keys, values | {"user_id": owner, "added": now()})
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
            owner = user_id(connection, user)
            found = connection.execute(rows.KEYS.where(user_keys.c.user_id == owner).order_by(user_keys.c.id))
            return [rows.to_key(row) for row in found]

    def key_counts(self) -> dict[str, int]:
        """Give how many keys users have, by name; those without any are left out."""
        query = select(users.c.name, func.count()).select_from(user_keys.join(users)).group_by(users.c.name)
        return {str(name): int(count) for name, count in self._all(query)}

    def remove_key(self, user: str, fingerprint: str) -> None:
        """Remove one key of a user. Raises NotFoundError for the user or the key."""
        with self._database.writing() as connection:
            match = (user_keys.c.user_id == user_id(connection, user)) & (user_keys.c.fingerprint == fingerprint)
            if not connection.execute(delete(user_keys).where(match)).rowcount:
                raise NotFoundError(f"{user} has no key {fingerprint}", f"See `srctl user key list {user}`")

    def application(self, image: str) -> Application:
        """Give the application of this image (tag explicit). Raises NotFoundError."""
        row = self._first(rows.APPLICATIONS.where(applications.c.image == image))
        if row is None:
            raise no_application(image)
        return rows.to_application(row)

    def applications(self) -> list[Application]:
        """Give all applications by image."""
        return [rows.to_application(row) for row in self._all(rows.APPLICATIONS.order_by(applications.c.image))]

    def add_application(self, application: Application) -> Application:
        """Add an application; `id` and `created` are given here. Raises ConflictError if the image is registered."""
        given = ("id", "created", "defaults")
        columns = [column.name for column in rows.APPLICATION_COLUMNS if column.name not in given]
        values = {name: getattr(application, name) for name in columns}
        values["defaults"] = policy_json.dump_limits(application.defaults)
        with self._database.writing() as connection:
            if not insert_new(connection, applications, values | {"created": now()}):
                raise ConflictError(
                    f"Application {application.image} exists", f"See `srctl app show {application.image}`"
                )
            query = rows.APPLICATIONS.where(applications.c.image == application.image)
            return rows.to_application(connection.execute(query).one())

    def set_defaults(self, image: str, defaults: Limits) -> Application:
        """Give an application other defaults. Raises NotFoundError."""
        with self._database.writing() as connection:
            this = applications.c.image == image
            text = policy_json.dump_limits(defaults)
            if not connection.execute(update(applications).where(this).values(defaults=text)).rowcount:
                raise no_application(image)
            return rows.to_application(connection.execute(rows.APPLICATIONS.where(this)).one())

    def remove_application(self, image: str) -> None:
        """Remove an application with its grants. Raises NotFoundError."""
        with self._database.writing() as connection:
            if not connection.execute(delete(applications).where(applications.c.image == image)).rowcount:
                raise no_application(image)

    def status(self) -> StoreStatus:
        """Give revision and counts of a database that is ready."""
        counts = [select(func.count()).select_from(table).scalar_subquery() for table in (users, applications, grants)]
        row = self._all(select(*counts))[0]
        return StoreStatus(self._database.location.label, HEAD, HEAD, (), *row)


def _refuse_group(connection: Connection, name: str) -> None:
    """Let no user have the name by which people mean a group. Raises ConflictError."""
    taken = connection.scalar(select(groups.c.name).where(groups.c.name_folded == name.casefold()))
    if taken is not None:
        raise ConflictError(f"@{name} means the group {taken}", "Take another name")
