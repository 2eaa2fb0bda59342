"""Note what runs: when each session began and ended, and why. Best effort, and never in the way of anybody.

A database that can't be written to keeps nobody from starting or stopping: `reap` reads from the engine later what was
not noted here.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from srctl import labels
from srctl.errors import SrctlError, UnsupportedError
from srctl.models import Container, Record
from srctl.needs import Records

STOPPED, REPLACED, REMOVED = "stopped", "replaced", "removed"
LIFETIME, IDLE, EXPIRED, UNGRANTED = "lifetime", "idle", "expired", "ungranted"


def record_of(container: Container, host: str, realm: str) -> Record:
    """Return the record of a session as its container tells it."""
    return Record(
        session_id=str(labels.session_id(container)),
        container_id=container.id,
        user=labels.user(container),
        user_id=labels.user_id(container),
        group=labels.group(container),
        grant_id=labels.grant_id(container),
        image=container.labels.get(labels.EXTRA + "image") or container.image,
        host=host,
        realm=realm,
        started=container.created,
    )


def begin(records: Records, record: Record) -> None:
    """Note that a session began."""
    with suppress(SrctlError):
        records.begin(record)


def end(records: Records, container: Container, when: datetime, reason: str, cpu_seconds: float | None = None) -> None:
    """Note that a session ended."""
    with suppress(SrctlError):
        records.end(str(labels.session_id(container)), when, reason, cpu_seconds)


class NoRecords:
    """The records of a database that can't keep any: nothing is read, and what writes raises `UnsupportedError`."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError("This accounting database keeps no records", "Use SQLite or PostgreSQL")

    begin = end = notice = warn = calm = extend = _refuse

    def _no_rows(self, *_: Any, **__: Any) -> list[Record]:
        return []

    running = between = _no_rows

    def _none(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}

    warnings = extensions = _none
