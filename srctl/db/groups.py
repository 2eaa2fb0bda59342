"""Groups of users in the database. Each method is one short transaction."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, select

from srctl.db import rows
from srctl.db.engine import Database
from srctl.db.inserting import insert_new
from srctl.db.schema import applications, grants, group_members, groups, users
from srctl.db.statements import group_id, now, user_id
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Grant, Group


class GroupBook:
    """The groups. Any statement may raise as `failures` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def groups(self) -> list[Group]:
        """Give all groups by name."""
        with self._database.reading() as connection:
            return _groups(connection)

    def group(self, name: str) -> Group:
        """Give one group. Raises NotFoundError."""
        with self._database.reading() as connection:
            return _groups(connection, group_id(connection, name))[0]

    def add_group(self, name: str) -> Group:
        """Add a group. Raises ConflictError if the name exists or differs only in case, and where a user has it."""
        folded = name.casefold()
        with self._database.writing() as connection:
            if not insert_new(connection, groups, {"name": name, "name_folded": folded, "created": now()}):
                taken = connection.scalar(select(groups.c.name).where(groups.c.name_folded == folded))
                same = f"Group {name} exists" if taken == name else f"Group {name} differs only in case from {taken}"
                raise ConflictError(same, "See `srctl group list`")
            if user := connection.scalar(select(users.c.name).where(users.c.name_folded == f"@{folded}")):
                raise ConflictError(f"@{name} is the name of a user, {user}", "Take another name for the group")
            return _groups(connection, group_id(connection, name))[0]

    def remove_group(self, name: str) -> None:
        """Remove a group with its grants. Raises NotFoundError."""
        with self._database.writing() as connection:
            connection.execute(delete(groups).where(groups.c.id == group_id(connection, name)))

    def join(self, name: str, user: str) -> bool:
        """Take a user into a group; return whether this is new. Raises NotFoundError for either."""
        with self._database.writing() as connection:
            place = {"group_id": group_id(connection, name), "user_id": user_id(connection, user)}
            return insert_new(connection, group_members, place | {"joined": now()})

    def leave(self, name: str, user: str) -> None:
        """Take a user out of a group. Raises NotFoundError, also where the user is not in it."""
        with self._database.writing() as connection:
            place = (
                group_members.c.group_id == group_id(connection, name),
                group_members.c.user_id == user_id(connection, user),
            )
            if not connection.execute(delete(group_members).where(*place)).rowcount:
                raise NotFoundError(f"{user} is not in the group {name}", "See `srctl group list`")

    def memberships(self, names: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Give the groups of each user who is in one, or of these users only."""
        query = (
            select(users.c.name, groups.c.name)
            .join_from(group_members, users, users.c.id == group_members.c.user_id)
            .join(groups, groups.c.id == group_members.c.group_id)
            .order_by(users.c.name, groups.c.name)
        )
        if names is not None:
            query = query.where(users.c.name.in_(list(names)))
        found: dict[str, tuple[str, ...]] = {}
        with self._database.reading() as connection:
            for user, group in connection.execute(query):
                found[user] = (*found.get(user, ()), group)
        return found

    def grants(self) -> list[Grant]:
        """Give what is granted to groups, by group, image, age; it is little beside what is granted to users."""
        shared = rows.GRANTS.where(grants.c.group_id.is_not(None))
        ordered = shared.order_by(groups.c.name, applications.c.image, grants.c.created, grants.c.id)
        with self._database.reading() as connection:
            return rows.to_grants(connection.execute(ordered))


def _groups(connection: Connection, only: int | None = None) -> list[Group]:
    wanted = groups.c.id == only if only is not None else groups.c.id.is_not(None)
    heads = connection.execute(rows.GROUPS.where(wanted).order_by(groups.c.name)).all()
    members: dict[int, list[str]] = {}
    inside = select(group_members.c.group_id, users.c.name).join_from(group_members, users).order_by(users.c.name)
    for number, user in connection.execute(inside.join(groups).where(wanted)):
        members.setdefault(number, []).append(user)
    counted = select(grants.c.group_id, func.count()).join_from(grants, groups).where(wanted)
    granted: dict[int, int] = {row[0]: row[1] for row in connection.execute(counted.group_by(grants.c.group_id))}
    return [rows.to_group(row, members.get(row[0], ()), granted.get(row[0], 0)) for row in heads]
