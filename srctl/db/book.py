"""The part of the accounting database that a gateway keeps: shares, closed slots, and the audit as people read it.

Frozen values in, frozen values out; each method is one short transaction. Rows of the audit are added by `Ledger`, and
never changed and never removed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select

from srctl.db import rows
from srctl.db.engine import Database
from srctl.db.schema import audit, closed_slots, shares, users
from srctl.errors import NotFoundError
from srctl.models import AuditEntry, Share

MOST_ENTRIES = 10_000
"""Rows of the audit that are read at once: the newest."""


class Book:
    """What a gateway keeps. Any statement may raise as `failures` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- shares

    def shares(self, user: str) -> list[Share]:
        """Return the shares that have not expired of which somebody is the owner or the guest."""
        with self._database.reading() as connection:
            mine = or_(rows.OWNERS.c.name == user, rows.GUESTS.c.name == user)
            return rows.to_shares(connection.execute(rows.SHARES.where(mine, _current())).all())

    def add_share(self, share: Share, grant_id: str) -> Share:
        """Keep a share, in place of one of the same session and guest.

        Raises NotFoundError for a user who is not there, and ConflictError where the grant goes at this moment.
        """
        with self._database.writing() as connection:
            ids = {name: _user_id(connection, name) for name in (share.owner, share.guest)}
            values = {
                "session_id": share.session_id,
                "grant_id": grant_id,
                "owner_id": ids[share.owner],
                "guest_id": ids[share.guest],
                "slot": share.slot,
                "created": share.created,
                "expires": share.expires,
            }
            same = and_(shares.c.session_id == share.session_id, shares.c.guest_id == ids[share.guest])
            connection.execute(delete(shares).where(same))
            connection.execute(insert(shares).values(values))
        return share

    def remove_shares(self, session_id: str, guest: str | None = None) -> list[Share]:
        """Remove the shares of a session, or its one with a guest; return them."""
        wanted = [shares.c.session_id == session_id]
        if guest is not None:
            wanted.append(shares.c.guest_id == select(users.c.id).where(users.c.name == guest).scalar_subquery())
        return self._taken(*wanted)

    def vacate(self, owner_id: int, slot: int) -> list[Share]:
        """Make a slot ready for another session: forget what was permitted or closed there; return the shares."""
        found = self._taken(shares.c.owner_id == owner_id, shares.c.slot == slot)
        with self._database.writing() as connection:
            this = and_(closed_slots.c.owner_id == owner_id, closed_slots.c.slot == slot)
            connection.execute(delete(closed_slots).where(this))
        return found

    def close_slots(self, owner: str, slots: Iterable[int]) -> None:
        """Let no login be permitted these slots of a user until another session is there."""
        with self._database.writing() as connection:
            owner_id = connection.scalar(select(users.c.id).where(users.c.name == owner))
            if owner_id is None:
                return
            known = set(connection.scalars(select(closed_slots.c.slot).where(closed_slots.c.owner_id == owner_id)))
            fresh = [{"owner_id": owner_id, "slot": slot} for slot in sorted(set(slots) - known)]
            if fresh:
                connection.execute(insert(closed_slots), fresh)

    def shares_under(self, grant_ids: Iterable[str]) -> list[Share]:
        """Return the shares that go when these grants go."""
        with self._database.reading() as connection:
            return rows.to_shares(connection.execute(rows.SHARES.where(shares.c.grant_id.in_(list(grant_ids)))).all())

    # -- the audit

    def entries(
        self, user: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[AuditEntry]:
        """Return what is in the audit, oldest first: the newest `limit` entries, and `MOST_ENTRIES` at most."""
        most = MOST_ENTRIES if limit is None else max(0, min(limit, MOST_ENTRIES))
        query = rows.AUDIT
        if user is not None:
            query = query.where(audit.c.user == user)
        if since is not None:
            query = query.where(audit.c.time >= since)
        with self._database.reading() as connection:
            newest = connection.execute(query.order_by(audit.c.id.desc()).limit(most)).all()
        return [rows.to_entry(row) for row in reversed(newest)]

    def _taken(self, *wanted: ColumnElement[bool]) -> list[Share]:
        with self._database.reading() as connection:
            found = connection.execute(rows.SHARES.where(*wanted)).all()
        if found:  # a reader does not wait for writers, and mostly there is nothing to remove
            with self._database.writing() as connection:
                connection.execute(delete(shares).where(shares.c.id.in_([row.id for row in found])))
        return rows.to_shares(found)


def _current() -> ColumnElement[bool]:
    return or_(shares.c.expires.is_(None), shares.c.expires > datetime.now(UTC))


def _user_id(connection: Connection, name: str) -> int:
    found = connection.scalar(select(users.c.id).where(users.c.name == name))
    if found is None:
        raise NotFoundError(f"There is no user {name}", "See `srctl user list`")
    return int(found)
