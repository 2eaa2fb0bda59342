"""The accounting database as a whole: read as it is at one moment, and changed in one transaction.

What is to change is decided by who reads it. Nobody else writes meanwhile: SQLite's writers take its
lock when they begin, and on PostgreSQL the tables are locked against writers, who wait.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from srctl.contents import Changes, Contents, NewGrant
from srctl.db import policy_json, rows
from srctl.db.engine import Database
from srctl.db.schema import applications, grants, users

_AT_ONCE = 10_000
"""Rows that are handed to the driver at once."""


_ONE_MOMENT = {
    "sqlite": "BEGIN",
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}


class Archive:
    """What is read and written as a whole. Any statement may raise as `failures` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def contents(self) -> Contents:
        """Return what is there, as it is at one moment."""
        with self._database.reading() as connection:
            connection.exec_driver_sql(_ONE_MOMENT[connection.dialect.name])
            return _contents(connection)

    @contextmanager
    def revision(self) -> Iterator["Revision"]:
        """Begin a change; it is committed at the end of the block, and undone by any error."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                names = ", ".join(f'"{table.name}"' for table in (users, applications, grants))
                connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
            yield Revision(connection)


class Revision:
    """A transaction in which nobody else writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def contents(self) -> Contents:
        """Return what is there."""
        return _contents(self._connection)

    def carry_out(self, changes: Changes) -> None:
        """Do it."""
        now = datetime.now(UTC)
        plain = {"admin": False, "disabled": False, "created": now}
        new = ({"name": name, "name_folded": name.casefold()} | plain for name in changes.new_users)
        self._insert(users, list(new))
        self._insert(applications, [{"image": image, "created": now} for image in changes.new_applications])
        self._add_grants(changes.new_grants, now)

    def _add_grants(self, new: Sequence[NewGrant], now: datetime) -> None:
        people = self._numbers(users.c.name, users.c.id)
        images = self._numbers(applications.c.image, applications.c.id)
        texts = _Texts()
        for start in range(0, len(new), _AT_ONCE):
            values = []
            for grant in new[start : start + _AT_ONCE]:
                text, digest = texts[grant.policy]
                values.append({
                    "id": grant.id,
                    "user_id": people[grant.user],
                    "application_id": images[grant.image],
                    "policy": text,
                    "policy_digest": digest,
                    "created": now,
                })  # fmt: skip
            self._insert(grants, values)

    def _numbers(self, name: Any, number: Any) -> dict[str, int]:
        return {row[0]: row[1] for row in self._connection.execute(select(name, number))}

    def _insert(self, table: Table, values: list[dict[str, Any]]) -> None:
        if values:
            self._connection.execute(insert(table), values)


class _Texts(dict[Any, tuple[str, str]]):
    """Policies as they are written, and their digests; each is made once."""

    def __missing__(self, policy: Any) -> tuple[str, str]:
        text = policy_json.dump(policy)
        self[policy] = found = (text, policy_json.digest(text))
        return found


def _contents(connection: Connection) -> Contents:
    return Contents(
        tuple(rows.to_user(row) for row in connection.execute(rows.USERS.order_by(users.c.name))),
        tuple(rows.to_application(row) for row in connection.execute(rows.APPLICATIONS.order_by(applications.c.image))),
        tuple(rows.to_grants(connection.execute(rows.GRANTS.order_by(grants.c.id)).all())),
    )
