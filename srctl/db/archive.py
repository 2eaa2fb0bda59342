"""The accounting database as a whole: read as it is at one moment, and changed in one transaction.

What is to change is decided by who reads it. Nobody else writes meanwhile: SQLite's writers take its lock when they
begin, and on PostgreSQL the tables are locked against writers, who wait.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, delete, insert, select, update

from srctl.contents import Changes, Contents, GrantEntry, GroupEntry, KeyEntry, UserEntry
from srctl.db import policy_json, rows
from srctl.db.copying import lock_tables
from srctl.db.engine import Database
from srctl.db.schema import applications, grants, group_members, groups, user_keys, users
from srctl.models import Application, Policy
from srctl.outcome import Finding

_AT_ONCE = 10_000
"""Rows that are handed to the driver at once."""

_ONE_MOMENT = {
    "sqlite": "BEGIN",
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}
_APPLICATION = tuple(column for column in rows.APPLICATION_COLUMNS if column.name not in ("id", "created"))
_USERS = select(users.c.name, users.c.admin, users.c.disabled).order_by(users.c.name)
_KEYS = (
    select(user_keys.c.fingerprint, users.c.name, user_keys.c.type, user_keys.c.blob, user_keys.c.comment)
    .select_from(user_keys.join(users))
    .order_by(users.c.name, user_keys.c.id)
)
_APPLICATIONS = select(*_APPLICATION).order_by(applications.c.image)
_GROUPS = select(groups.c.name).order_by(groups.c.name)
_MEMBERS = (
    select(groups.c.name, users.c.name)
    .join_from(group_members, groups, groups.c.id == group_members.c.group_id)
    .join(users, users.c.id == group_members.c.user_id)
    .order_by(groups.c.name, users.c.name)
)
_GRANTS = (
    select(grants.c.id, users.c.name, applications.c.image, grants.c.policy, groups.c.name)
    .join_from(grants, applications)
    .join(users, users.c.id == grants.c.user_id, isouter=True)
    .join(groups, groups.c.id == grants.c.group_id, isouter=True)
    .order_by(
        grants.c.group_id.is_not(None), users.c.name, groups.c.name, applications.c.image, grants.c.created, grants.c.id
    )
)

_Values = dict[str, Any]


class Archive:
    """What is read and written as a whole. Any statement may raise as `failures` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def contents(self) -> Contents:
        """Return what is there, as it is at one moment."""
        with self._database.reading() as connection:
            connection.exec_driver_sql(_ONE_MOMENT[connection.dialect.name])
            return _contents(connection)

    def require_writable(self) -> None:
        """It is; where a server or a disk says otherwise, it does so when it is written to."""

    def findings(self) -> list[Finding]:
        """Return what a look into the database itself says."""
        from srctl.db.soundness import look_into

        return look_into(self._database)

    @contextmanager
    def revision(self) -> Iterator["Revision"]:
        """Begin a change; it is committed at the end of the block, and undone by any error."""
        with self._database.writing() as connection:
            lock_tables(connection)
            yield Revision(connection)


class Revision:
    """A transaction in which nobody else writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def contents(self) -> Contents:
        """Return what is there."""
        return _contents(self._connection)

    def carry_out(self, changes: Changes) -> None:
        """Do it: what goes makes room for what comes."""
        self._remove(changes.removed)
        self._change_and_add(changes.changed, changes.added)

    def _remove(self, gone: Contents) -> None:
        self._delete(grants.c.id, (grant.id for grant in gone.grants))
        self._delete(user_keys.c.fingerprint, (key.fingerprint for key in gone.keys))
        self._delete(applications.c.image, (application.image for application in gone.applications))
        self._delete(groups.c.name, (group.name for group in gone.groups))
        self._delete(users.c.name, (user.name for user in gone.users))

    def _change_and_add(self, changed: Contents, added: Contents) -> None:
        new: _Values = {"created": datetime.now(UTC)}
        self._update(users.c.name, map(_user, changed.users))
        self._insert(users, (_user(user) | {"name_folded": user.name.casefold()} | new for user in added.users))
        self._update(applications.c.image, map(_application, changed.applications))
        self._insert(applications, (_application(each) | new for each in added.applications))
        fresh = ({"name": each.name, "name_folded": each.name.casefold()} | new for each in added.groups)
        self._insert(groups, fresh)
        people, teams = self._numbers(users.c.name), self._numbers(groups.c.name)
        self._settle_members((*changed.groups, *added.groups), people, teams)
        self._update(user_keys.c.fingerprint, (_key(key, people) for key in changed.keys))
        self._insert(user_keys, (_key(key, people) | {"added": new["created"]} for key in added.keys))
        images, texts = self._numbers(applications.c.image), _Texts()

        def held(entry: GrantEntry) -> _Values:
            text, digest = texts[entry.policy]
            holder = {
                "user_id": None if entry.user is None else people[entry.user],
                "group_id": None if entry.group is None else teams[entry.group],
            }
            links = holder | {"application_id": images[entry.image]}
            return links | {"id": entry.id, "policy": text, "policy_digest": digest}

        # No two grants of a user may be the same, also not while they change in turns.
        self._update(grants.c.id, ({"id": grant.id, "policy_digest": grant.id} for grant in changed.grants))
        self._update(grants.c.id, map(held, changed.grants))
        self._insert(grants, (held(grant) | new for grant in added.grants))

    def _settle_members(
        self, settled: Iterable[GroupEntry], people: Mapping[str, int], teams: Mapping[str, int]
    ) -> None:
        """Let groups have exactly their members; who stays has joined when it was."""
        for each in settled:
            team = group_members.c.group_id == teams[each.name]
            wanted = {people[name] for name in each.members}
            there = set(self._connection.scalars(select(group_members.c.user_id).where(team)))
            if gone := there - wanted:
                self._connection.execute(delete(group_members).where(team, group_members.c.user_id.in_(gone)))
            place = {"group_id": teams[each.name], "joined": datetime.now(UTC)}
            self._insert(group_members, (place | {"user_id": number} for number in sorted(wanted - there)))

    def _numbers(self, name: Column[Any]) -> dict[str, int]:
        return {row[0]: row[1] for row in self._connection.execute(select(name, name.table.c.id))}

    def _insert(self, table: Table, values: Iterable[_Values]) -> None:
        for batch in _batches(values):
            self._connection.execute(insert(table), batch)

    def _update(self, key: Column[Any], values: Iterable[_Values]) -> None:
        """Change rows, each known by its `key`, which stands among its values and stays."""
        for batch in _batches(values):
            names = [name for name in batch[0] if name != key.name]
            statement = (
                update(key.table).where(key == bindparam("known")).values({name: bindparam(name) for name in names})
            )
            known = ({"known": each[key.name]} | {name: each[name] for name in names} for each in batch)
            self._connection.execute(statement, list(known))

    def _delete(self, key: Column[Any], known: Iterable[str]) -> None:
        for batch in _batches({"known": each} for each in known):
            self._connection.execute(delete(key.table).where(key == bindparam("known")), batch)


def _batches(values: Iterable[_Values]) -> Iterator[list[_Values]]:
    """Cut what is to be written into lists that are not too long, and never empty."""
    rest = iter(values)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch


def _user(entry: UserEntry) -> _Values:
    return {"name": entry.name, "admin": entry.admin, "disabled": entry.disabled}


def _key(entry: KeyEntry, people: Mapping[str, int]) -> _Values:
    values = entry._asdict()
    return values | {"user_id": people[values.pop("user")]}


def _application(entry: Application) -> _Values:
    values = {column.name: getattr(entry, column.name) for column in _APPLICATION}
    return values | {"defaults": policy_json.dump_limits(entry.defaults)}


class _Texts(dict[Policy, tuple[str, str]]):
    """Policies as they are written, and their digests; each is made once."""

    def __missing__(self, policy: Policy) -> tuple[str, str]:
        text = policy_json.dump(policy)
        self[policy] = found = (text, policy_json.digest(text))
        return found


def _contents(connection: Connection) -> Contents:
    policies = _Policies()
    return Contents(
        tuple(UserEntry(*row) for row in connection.execute(_USERS)),
        tuple(_groups(connection)),
        tuple(KeyEntry(*row) for row in connection.execute(_KEYS)),
        tuple(_registered(row._mapping) for row in connection.execute(_APPLICATIONS)),
        tuple(
            GrantEntry(own, user, image, policies[text], group)
            for own, user, image, text, group in connection.execute(_GRANTS)
        ),
    )


def _registered(row: Mapping[Any, Any]) -> Application:
    return Application(**{**row, "defaults": policy_json.load_limits(row["defaults"])})


def _groups(connection: Connection) -> Iterator[GroupEntry]:
    members: dict[str, list[str]] = {}
    for group, user in connection.execute(_MEMBERS):
        members.setdefault(group, []).append(user)
    for (name,) in connection.execute(_GROUPS):
        yield GroupEntry(name, tuple(members.get(name, ())))


class _Policies(dict[str, Policy]):
    """Policies by what is written of them; each is read once."""

    def __missing__(self, text: str) -> Policy:
        self[text] = found = policy_json.load(text)
        return found
