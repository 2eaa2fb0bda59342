"""Clear away what is left of sessions that do not run, and nothing that somebody is about to use.

Between looking and removing a container may be started. So nothing is removed by force, and a container that was never
started is looked at twice: another srctl may have made it a moment ago.
"""

from srctl import recording
from srctl.clock import REAL, Clock
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Session
from srctl.sessions import Sessions

SECOND_LOOK = 1.5
"""Seconds between the two looks: a start that is alive takes less from creating a container to starting it.

The container's age would not do: the host's clock may differ from ours.
"""


class Leftovers:
    """What is left of sessions."""

    def __init__(self, sessions: Sessions, clock: Clock = REAL) -> None:
        self._sessions = sessions
        self._clock = clock

    def find(self, *, all_users: bool = False) -> list[Session]:
        """Return the sessions that do not run any more, or were never started by who made them."""
        found = self._sessions.leftovers(all_users=all_users)
        if any(session.status == "starting" for session in found):
            self._clock.sleep(SECOND_LOOK)
        return [session for session in found if session.status != "starting" or self._still_lies(session)]

    def _still_lies(self, session: Session) -> bool:
        try:
            return self._sessions.engine.container(session.container_id).state == "created"
        except NotFoundError:
            return False

    def remove(self, session: Session) -> bool:
        """Remove what is left of a session; return false where it runs again and is left alone."""
        engine = self._sessions.engine
        recording.end_of(self._sessions.records, engine, session.id, session.container_id)
        try:
            engine.remove(session.container_id, force=False)
        except NotFoundError:
            pass
        except ConflictError:
            return False
        return True

    def clear(self, session_id: str, *, all_users: bool = False) -> bool:
        """Remove what is left of the session with exactly this id. Raises `NotFoundError` where nothing is.

        With `all_users` it may be anybody's. Returns as `remove`.
        """
        for session in self._sessions.leftovers(all_users=all_users):
            if session.id == session_id:
                return self.remove(session)
        raise NotFoundError(f"There is nothing left of a session {session_id!r}")
