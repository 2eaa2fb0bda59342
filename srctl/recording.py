"""Note what runs: when each session began and ended, and why. Best effort, and never in the way of anybody.

A database that can't be written to keeps nobody from starting or stopping: `reap` reads from the engine later what was
not noted here.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from srctl import labels
from srctl.books import Records
from srctl.errors import SrctlError, UnsupportedError
from srctl.models import Container, Counters, Record
from srctl.needs import Engine

STOPPED, REPLACED, REMOVED = "stopped", "replaced", "removed"
LIFETIME, IDLE, EXPIRED, UNGRANTED = "lifetime", "idle", "expired", "ungranted"


def host_of(engine: Engine, machine: Callable[[], str]) -> str:
    """Return how records call a host: each machine has its own `local`, and several may share the records.

    The engine may know its machine by another name than we, who may be in a container: what it says counts where it is
    asked, and stands in the records of what runs from then on.
    """
    return f"{engine.name}@{machine()}" if engine.direct else engine.name


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


def begin(records: Records, engine: Engine, container: Container, realm: str) -> None:
    """Note that a session began."""
    with suppress(SrctlError):
        records.begin(record_of(container, host_of(engine, socket.gethostname), realm))


def used(engine: Engine, container: Container) -> Counters | None:
    """Return what a session has used that is about to be ended; `None` where nobody can say."""
    with suppress(SrctlError):
        return engine.counters(container.id)
    return None


def stopped(records: Records, container: Container, reason: str, counters: Counters | None) -> bool:
    """Note that a session was ended a moment ago; return false where somebody else has done so."""
    with suppress(SrctlError):
        seconds = None if counters is None else counters.cpu_seconds
        ended = max(datetime.now(UTC), container.created)  # by the clock of the host
        return records.end(str(labels.session_id(container)), ended, reason, seconds)
    return True


def end_of(records: Records, engine: Engine, session_id: str, container_id: str) -> None:
    """Note when and how a session ended whose container lies there still."""
    with suppress(SrctlError):
        found = engine.container(container_id)
        if found.finished is not None and found.state in ("exited", "dead"):
            records.end(session_id, max(found.finished, found.created), f"exited ({found.exit_code})")


class NoRecords:
    """The records of a database that can't keep any: nothing is read, and what writes raises `UnsupportedError`."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError("This accounting database keeps no records", "Use SQLite or PostgreSQL")

    begin = end = reopen = notice = warn = calm = extend = _refuse

    def _no_rows(self, *_: Any, **__: Any) -> list[Record]:
        return []

    running = between = _no_rows

    def _none(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}

    warnings = extensions = _none
