"""Grants in the database: whose they are, a user's or a group's, and who has which through what.

A user's right is the union of the own grants and of those of all groups that the user is in, read in one statement.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, select

from srctl.db import granting, policy_json, rows
from srctl.db.engine import Database
from srctl.db.inserting import insert_new
from srctl.db.schema import applications, grants, group_members, groups, users
from srctl.db.statements import broke_constraint, group_id, no_application, now, user_id
from srctl.errors import ConflictError, NotFoundError
from srctl.limits import has_expired
from srctl.models import Grant, GrantPage, Policy

_RACES = 3


class Granting:
    """The grants. Each method is one short transaction."""

    _database: Database

    def add_grant(self, image: str, user: str | None, policy: Policy, *, group: str | None = None) -> Grant:
        """Grant an application to a user or a group; the same grant again is the one that stands, whoever adds it now.

        Raises NotFoundError, for the application first.
        """
        for _ in range(_RACES):
            try:
                with self._database.writing() as connection:
                    grant = _add_grant(connection, image, user, group, policy)
            except ConflictError as error:  # user or application removed since we read their ids
                if not broke_constraint(error):
                    raise
            else:
                if grant is not None:
                    return grant
        raise ConflictError(f"The grant of {image} to {user or group} is being changed by others", "Try again")

    def grants(self, *, user: str | None = None, group: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants that a user has, alone or by a group, those of a group, of an application, or all.

        In one query; those of users first, by holder, image, age.
        """
        conditions = []
        if user is not None:
            conditions.append(_held_by(user))
        if group is not None:
            conditions.append(groups.c.name == group)
        if image is not None:
            conditions.append(applications.c.image == image)
        order = (grants.c.group_id.is_not(None), users.c.name, groups.c.name, applications.c.image)
        ordered = rows.GRANTS.where(*conditions).order_by(*order, grants.c.created, grants.c.id)
        with self._database.reading() as connection:
            return rows.to_grants(granting.in_batches(connection.execute(ordered)))

    def grant_page(self, after: str, most: int) -> GrantPage:
        """Give at most so many grants of users in short, by id, from the one that follows the id `after`."""
        with self._database.reading() as connection:
            return granting.page(connection, after, most)

    def replace_grant(self, before: Grant, policy: Policy, *, keep: bool) -> Grant:
        """Put another policy in the place of a grant's; without `keep` it is a new grant with a new id.

        Raises NotFoundError if it is gone, ConflictError if it has changed or its holder has such a grant beside it.
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

    def grants_by_id(self, ids: Iterable[str]) -> dict[str, Grant]:
        """Give those of the grants that exist, by their ids, in one query."""
        wanted = list(ids)
        found = self._all(rows.GRANTS.where(grants.c.id.in_(wanted))) if wanted else ()
        return {grant.id: grant for grant in rows.to_grants(found)}

    def held(self, claims: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Give those claims (user, grant id) that are true: alone or by a group, and not expired; in one query.

        A disabled user's count too.
        """
        asked = frozenset(claims)
        if not asked:
            return frozenset()
        within = (
            grants.c.id.in_({grant_id for _, grant_id in asked}),
            users.c.name.in_({user for user, _ in asked}),
        )
        claim = select(users.c.name, grants.c.id, grants.c.policy)
        own = claim.join_from(grants, users).where(*within)
        shared = (
            claim.join_from(grants, group_members, grants.c.group_id == group_members.c.group_id)
            .join(users, users.c.id == group_members.c.user_id)
            .where(*within)
        )
        moment = now()
        found = {
            (user, grant_id)
            for user, grant_id, text in self._all(own.union_all(shared))
            if '"expires"' not in text or not has_expired(policy_json.load(text), moment)
        }
        return asked & found

    def _first(self, query: Any) -> Sequence[Any] | None:
        with self._database.reading() as connection:
            return connection.execute(query).first()

    def _all(self, query: Any) -> Sequence[Sequence[Any]]:
        with self._database.reading() as connection:
            return connection.execute(query).all()


def _held_by(name: str) -> ColumnElement[bool]:
    """Return the condition that a user has a grant; each of both parts is found by its index."""
    user = select(users.c.id).where(users.c.name == name).scalar_subquery()
    own = select(grants.c.id).where(grants.c.user_id == user)
    shared: Select[Any] = select(grants.c.id).join_from(
        grants, group_members, grants.c.group_id == group_members.c.group_id
    )
    return grants.c.id.in_(own.union_all(shared.where(group_members.c.user_id == user)))


def _add_grant(connection: Connection, image: str, user: str | None, group: str | None, policy: Policy) -> Grant | None:
    """Insert and read back; `None` if somebody removed the grant in between."""
    application_id = connection.scalar(select(applications.c.id).where(applications.c.image == image))
    if application_id is None:
        raise no_application(image, f"Add it with `srctl app add {image}`")
    if user is None:
        holder = {"group_id": group_id(connection, str(group), f"Add it with `srctl group add {group}`")}
    else:
        holder = {"user_id": user_id(connection, user, f"Add the user with `srctl user add {user}`")}
    text = policy_json.dump(policy)
    key = holder | {"application_id": application_id, "policy_digest": policy_json.digest(text)}
    values = key | {"id": secrets.token_hex(16), "policy": text, "created": now()}
    insert_new(connection, grants, values)
    query = rows.GRANTS.where(*(grants.c[name] == value for name, value in key.items()))
    row = connection.execute(query).first()
    return None if row is None else rows.to_grants([row])[0]
