"""Bring a session to somebody who names it, or the application that is to run: found if it is there, else started.

A session that is there is left alone and keeps its settings, whatever happens.
"""

import re
import shlex

from srctl import labels, limits, planning, policy
from srctl.clock import REAL, Clock
from srctl.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from srctl.launch import Launcher
from srctl.models import Container, Started, StartRequest, no_page
from srctl.needs import ProgressCallback
from srctl.sessions import RUNNING, Sessions
from srctl.waiting import Watch, reached

_SESSION = re.compile(r"[0-9a-fA-F]{4,32}|srctl-[A-Za-z0-9_.-]+")
"""What may be a session's id, or the name of its container."""


class Joiner:
    """Finds sessions and waits until they answer; `launcher` starts those that are not there."""

    def __init__(
        self, sessions: Sessions, launcher: Launcher, progress: ProgressCallback, *, clock: Clock = REAL
    ) -> None:
        self._sessions = sessions
        self._engine = sessions.engine
        self._launcher = launcher
        self._watch = Watch(sessions.engine, progress, clock)

    def bring(self, request: StartRequest) -> Started:
        """Join the session whose id begins as `request.app` does, or start the application of that name.

        Raises what `join` and `start` raise.
        """
        container = self._named(request.app)
        if container is not None:
            return self.join(container, request)
        self._check_page(request)
        return self._launcher.start(request)

    def running(self, request: StartRequest) -> str | None:
        """Return the id of the running session that `bring` would find, `None` where it would start one."""
        container = self._named(request.app)
        if container is None and not request.replace:
            grant = self._sessions.grant(request.app)
            started = self._sessions.containers()
            container = next((each for each in started if labels.grant_id(each) == grant.id), None)
        return labels.session_id(container) if container is not None and container.state in RUNNING else None

    def join(self, container: Container, request: StartRequest) -> Started:
        """Wait until a session that is there answers; it is left alone, and keeps its settings, whatever happens.

        Raises what `Sessions.permits` and `planning.requested` raise, `UsageError` where it is to be replaced and
        `ConflictError` for one that is over.
        """
        self._engine.require_way_to_endpoints()
        permits = self._sessions.permits(container)
        session = self._sessions.describe(container)
        if not labels.has_page(container):
            raise no_page(session.id)
        if request.replace:
            raise UsageError("--replace goes with an application, not with a session", "Name its image or its grant")
        if session.status not in ("running", "starting"):
            hint = f"srctl logs {session.id[:12]} tells why; start it again with: srctl start {session.image}"
            raise ConflictError(f"Session {session.id} does not run any more ({session.status})", hint)
        planning.requested(request, session.image, container.labels, permits)
        ready = self._watch.until_ready(session.container_id, request.timeout)
        return Started(session, reached(ready), fresh=False)

    def _check_page(self, request: StartRequest) -> None:
        """Raise `NotAllowedError` for an application that could not be opened, before it is started."""
        grant = self._sessions.grant(request.app)
        if limits.effective(grant).network == "none":
            raise NotAllowedError(
                f"{grant.application.image} can't be opened: its grant gives it no network (--network none)",
                f"srctl start {shlex.quote(request.app)} starts it; {policy.who_changes(grant, 'network')}",
            )

    def _named(self, text: str) -> Container | None:
        """Return the container of the session whose id begins so; an application of exactly this name goes first."""
        try:
            known = self._sessions.named_grants(text)
        except NotFoundError:
            return self._sessions.openable(text)
        if known or not _SESSION.fullmatch(text):
            return None
        try:
            return self._sessions.openable(text)
        except NotFoundError:
            return None
