"""What ran, from when to when, and until when it may: records of sessions and their extensions.

They never decide what runs: Docker does. Each method is one short transaction, and of several processes that do the
same at once the first one is right. Where one changes several records it does so in the order of their sessions, so
that no two wait for each other.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select, update

from srctl.db import rows
from srctl.db.engine import Database
from srctl.db.inserting import insert_new
from srctl.db.schema import extensions, records
from srctl.models import Extension, Record

_WATCHED = ("host", "cpu_seconds")
_WATCH = ("seen", "active", "sampled", "net_bytes")


class RecordBook:
    """The records. Any statement may raise as `failures` says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, record: Record) -> bool:
        """Keep the record of a session; return whether it is new."""
        columns = [column.name for column in records.c if column.name in Record.__dataclass_fields__]
        values = {name: getattr(record, name) for name in columns}
        with self._database.writing() as connection:
            return insert_new(connection, records, values)

    def end(self, session_id: str, ended: datetime, reason: str, cpu_seconds: float | None = None) -> bool:
        """Note when and why a session ended, and forget its extension; return whether this was not known yet."""
        this = (records.c.session_id == session_id, records.c.ended.is_(None))
        cpu = {} if cpu_seconds is None else {"cpu_seconds": cpu_seconds}
        values: dict[str, Any] = {"ended": ended, "reason": reason, "warning": None} | cpu
        with self._database.writing() as connection:
            connection.execute(delete(extensions).where(extensions.c.session_id == session_id))
            return connection.execute(update(records).where(*this).values(values)).rowcount > 0

    def reopen(self, session_id: str) -> None:
        """Take back the end of a session that runs again."""
        with self._database.writing() as connection:
            this = records.c.session_id == session_id
            connection.execute(update(records).where(this).values(ended=None, reason=None))

    def running(self, realm: str) -> list[Record]:
        """Give the records of a realm that have no end, oldest first."""
        return self._records(records.c.ended.is_(None), records.c.realm == realm)

    def notice(self, found: Sequence[Record]) -> None:
        """Keep what was noticed of running sessions, and by which name their host is known."""
        if not found:
            return
        values = [
            {"this": each.session_id}
            | {name: getattr(each, name) for name in _WATCHED}
            | {name: getattr(each.watch, name) for name in _WATCH}
            for each in sorted(found, key=lambda record: record.session_id)
        ]
        this = (records.c.session_id == bindparam("this"), records.c.ended.is_(None))
        changed: dict[str, Any] = {name: bindparam(name) for name in (*_WATCHED, *_WATCH)}
        with self._database.writing() as connection:
            connection.execute(update(records).where(*this).values(changed), values)

    def warn(self, session_id: str, warning: str, warned: datetime) -> bool:
        """Keep what the owner is told from now on; return false where the same is told already."""
        this = (records.c.session_id == session_id, records.c.ended.is_(None))
        fresh = or_(records.c.warning.is_(None), records.c.warning != warning)
        since = func.coalesce(records.c.warned, warned)
        with self._database.writing() as connection:
            changed = update(records).where(*this, fresh).values(warning=warning, warned=since)
            return connection.execute(changed).rowcount > 0

    def calm(self, session_ids: Iterable[str]) -> None:
        """Take back what the owners of sessions were told."""
        wanted = [{"this": session_id} for session_id in sorted(session_ids)]
        if wanted:
            with self._database.writing() as connection:
                this = records.c.session_id == bindparam("this")
                connection.execute(update(records).where(this).values(warning=None, warned=None), wanted)

    def warnings(self, session_ids: Iterable[str]) -> dict[str, str]:
        """Give what the owners of sessions are told, by session."""
        wanted = records.c.session_id.in_(list(session_ids)), records.c.warning.is_not(None)
        with self._database.reading() as connection:
            found = connection.execute(select(records.c.session_id, records.c.warning).where(*wanted))
            return {str(session_id): str(warning) for session_id, warning in found}

    def between(self, since: datetime | None, until: datetime | None, user: str | None = None) -> list[Record]:
        """Give the records of what ran in a time, oldest first; of one user only, if one is named."""
        wanted: list[ColumnElement[bool]] = []
        if since is not None:
            wanted.append(or_(records.c.ended.is_(None), records.c.ended > since))
        if until is not None:
            wanted.append(records.c.started < until)
        if user is not None:
            wanted.append(records.c.user == user)
        return self._records(*wanted)

    def extend(self, extension: Extension) -> None:
        """Keep a later end of a session, in place of one before; what its owner was told is taken back."""
        values = {name: getattr(extension, name) for name in Extension.__dataclass_fields__}
        with self._database.writing() as connection:
            if not insert_new(connection, extensions, values):
                mine = extensions.c.session_id == extension.session_id
                connection.execute(update(extensions).where(mine).values(values))
            this = records.c.session_id == extension.session_id
            connection.execute(update(records).where(this).values(warning=None, warned=None))

    def extensions(self, session_ids: Iterable[str]) -> dict[str, Extension]:
        """Give the extensions of sessions, by session."""
        wanted = extensions.c.session_id.in_(list(session_ids))
        with self._database.reading() as connection:
            found = [rows.to_extension(row) for row in connection.execute(rows.EXTENSIONS.where(wanted))]
        return {each.session_id: each for each in found}

    def _records(self, *wanted: ColumnElement[bool]) -> list[Record]:
        with self._database.reading() as connection:
            found = connection.execute(rows.RECORDS.where(*wanted).order_by(records.c.started, records.c.id)).all()
        return [rows.to_record(row) for row in found]
