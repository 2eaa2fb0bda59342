"""Give a running session more time, within what its grant allows.

`--max-lifetime` is how long a session runs without anybody asking for more: whoever asks can have it last that long
from now on, and never longer than the grant itself.
"""

from datetime import datetime, timedelta

from srctl import durations, labels
from srctl.clock import REAL, Clock
from srctl.errors import ConflictError, NotAllowedError, UsageError
from srctl.limits import when as written
from srctl.models import Container, Extension, Grant, Session
from srctl.policy import who_changes
from srctl.sessions import RUNNING, Sessions

LONGEST = 366 * 86400.0
"""Seconds that can be asked for at once."""


class Extender:
    """Extends the sessions of one user."""

    def __init__(self, sessions: Sessions, clock: Clock = REAL) -> None:
        self._sessions = sessions
        self._clock = clock

    def extend(self, prefix: str, seconds: float) -> Session:
        """Let a session end so much later; return it.

        Raises `NotFoundError`, `UsageError`, `ConflictError` for one that does not run or has no end of its own, and
        `NotAllowedError` for more than its grant allows, or where the grant is gone.
        """
        if not 0 < seconds <= LONGEST:
            raise UsageError(f"A session can't be extended by {seconds:g} seconds", f"Give up to {LONGEST:.0f}")
        container = self._sessions.container(prefix)
        session_id = str(labels.session_id(container))
        if container.state not in RUNNING:
            raise ConflictError(f"Session {session_id} does not run", "srctl ps --all says what became of it")
        grant = self._sessions.granted(container)
        now = self._clock.date()
        extension = self._sessions.records.extensions([session_id]).get(session_id)
        ends = _end(container, extension)
        later = max(ends, now) + timedelta(seconds=seconds)
        _check(container, grant, later, now)
        self._sessions.records.extend(Extension(session_id, later, self._sessions.user, now))
        return self._sessions.describe(container)


def _end(container: Container, extension: Extension | None) -> datetime:
    """Return when a session's lifetime is over. Raises `ConflictError` where that is never."""
    lifetime = labels.max_lifetime(container)
    if lifetime is None:
        hint = "It runs until it is stopped" if labels.expires(container) is None else "It ends with its grant"
        raise ConflictError(f"Session {labels.session_id(container)} has no lifetime that could be longer", hint)
    return extension.ends if extension else container.created + timedelta(seconds=lifetime)


def _check(container: Container, grant: Grant | None, later: datetime, now: datetime) -> None:
    """Raise `NotAllowedError` for a later end than the grant allows, saying which limit it is."""
    lifetime = float(labels.max_lifetime(container) or 0)
    latest, limit = now + timedelta(seconds=lifetime), "max_lifetime"
    expires = grant.policy.expires if grant else labels.expires(container)
    if expires is not None and expires < latest:
        latest, limit = expires, "expires"
    if later > latest:
        why = "its grant ends then (--expires)" if limit == "expires" else f"--max-lifetime {durations.words(lifetime)}"
        hint = who_changes(grant, limit) if grant else ""
        raise NotAllowedError(
            f"Session {labels.session_id(container)} can last until {written(latest)} at most: {why}",
            f"Ask for less, or again when it is later; for sessions to come {hint}"
            if limit == "max_lifetime"
            else hint,
        )
