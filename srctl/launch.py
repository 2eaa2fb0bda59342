"""Start a session and wait until it answers; whatever goes wrong on the way leaves nothing behind.

The engine's refusal of a second container of the same name is the lock between processes that start the same grant
at once: one makes the container, the others wait for it.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from srctl import labels, policy
from srctl.errors import (
    ApplicationExitedError,
    ApplicationNotReadyError,
    ConflictError,
    NameTakenError,
    NotFoundError,
    SrctlError,
)
from srctl.models import Container, Endpoint, Grant, Image, Progress, Session, Started, StartRequest
from srctl.sessions import ProgressCallback, Sessions

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
LOOK_AGAIN = 1.0
"""Seconds after which the container's state is read anew although its port still answers something."""

STALE = 10.0
"""Seconds that another process may take from creating a container to starting it; later it is taken for dead."""

LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, so that tests need none."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Launcher:
    """Starts sessions; `home_root` is the directory of the Docker host that holds the users' homes."""

    def __init__(
        self,
        sessions: Sessions,
        progress: ProgressCallback,
        *,
        home_root: str | None = None,
        clock: Clock = Clock(),
    ) -> None:
        self._sessions = sessions
        self._engine = sessions.engine
        self._progress = progress
        self._home_root = home_root
        self._clock = clock

    def start(self, request: StartRequest) -> Started:
        """Start the application, or find the session that runs under the same grant already.

        Raises what `Sessions.grant` and `policy.plan` raise, `NotFoundError` for a missing image or volume source,
        `ApplicationExitedError` and `ApplicationNotReadyError`; no container is left then.
        """
        self._engine.require_way_to_endpoints()
        user = self._sessions.entitled_user()
        grant = self._sessions.grant(request.app)
        running = self._clear(grant, replace=request.replace)
        if running is not None:
            return self._join(running.id, request, fresh=False)
        image = self._image(grant, request.pull)
        session_id = secrets.token_hex(16)
        spec = policy.plan(policy.Order(user, grant, image, request, self._sessions.realm, session_id, self._home_root))
        with ExitStack() as undo:
            undo.callback(self._discard, spec.name, session_id)
            self._progress(Progress(f"Creating {spec.name}"))
            try:
                created = self._engine.create(spec)
            except NameTakenError:
                undo.pop_all()
                return self._join_winner(spec.name, request)
            self._progress(Progress(f"Starting {grant.application.image}"))
            self._engine.start(created, spec.network)
            container = self._until_ready(created, request.timeout)
            undo.pop_all()
        return self._started(container, fresh=True)

    def wait(self, session: Session, timeout: float) -> Endpoint:
        """Wait until the session answers and return its endpoint; the session is left alone whatever happens."""
        self._engine.require_way_to_endpoints()
        if session.status not in ("running", "starting"):
            hint = f"srctl logs {session.id[:12]} tells why; start it again with: srctl start {session.image}"
            raise ConflictError(f"Session {session.id} does not run any more ({session.status})", hint)
        return _reached(self._until_ready(session.container_id, timeout))

    def _started(self, container: Container, *, fresh: bool) -> Started:
        session = self._sessions.session(container, frozenset({labels.grant_id(container)}))
        return Started(session, _reached(container), fresh)

    def _clear(self, grant: Grant, *, replace: bool) -> Container | None:
        """Return the grant's running container; remove those that are over, and with `replace` that one too."""
        name = policy.container_name(self._sessions.realm, self._sessions.user, grant.id)
        running = None
        for container in self._sessions.containers(stopped=True):
            if labels.grant_id(container) != grant.id:
                continue
            if replace:
                self._progress(Progress(f"Removing {container.name}"))
                self._sessions.end(container)
            elif container.state in ("running", "restarting", "paused"):
                running = container
            elif container.name == name and container.state != "created":
                self._sessions.end(container)
        return running

    def _image(self, grant: Grant, pull: str) -> Image:
        reference = grant.application.image
        if pull == "always":
            self._engine.pull(reference, self._progress)
        try:
            return self._engine.image(reference)
        except NotFoundError:
            if pull == "never":
                raise
        self._engine.pull(reference, self._progress)
        return self._engine.image(reference)

    def _discard(self, name: str, session_id: str) -> None:
        """Remove the container of this name if it is the one that this start made."""
        try:
            container = self._engine.container(name)
            if labels.session_id(container) == session_id:
                self._engine.remove(container.id)
        except NotFoundError:
            return
        except SrctlError as error:
            self._progress(Progress(f"{name} may be left behind ({error.message}); srctl session prune removes it"))

    def _join_winner(self, name: str, request: StartRequest) -> Started:
        """Wait for the container that another process is making under the same name."""
        limit = self._clock.now() + STALE
        while True:
            try:
                container = self._engine.container(name)
            except NotFoundError:
                return self.start(request)
            if labels.session_id(container) is None or not self._is_ours(container):
                raise ConflictError(
                    f"A container named {name} is in the way; it is not a session of {self._sessions.user!r}",
                    f"Look at it on {self._engine.name}: docker inspect {name}",
                )
            if container.state != "created":
                return self._join(container.id, request, fresh=False)
            if self._clock.now() > limit:
                self._sessions.end(container)
                return self.start(request)
            self._clock.sleep(0.1)

    def _is_ours(self, container: Container) -> bool:
        wanted = labels.selector(self._sessions.realm, self._sessions.user)
        return all(container.labels.get(key) == value for key, value in wanted.items())

    def _join(self, container_id: str, request: StartRequest, *, fresh: bool) -> Started:
        self._progress(Progress("It runs already; waiting until it answers"))
        return self._started(self._until_ready(container_id, request.timeout), fresh=fresh)

    def _until_ready(self, container_id: str, timeout: float) -> Container:
        """Poll until the application answers: the port first, the container's state when the port is closed."""
        started = looked = self._clock.now()
        container = self._engine.container(container_id)
        pause = FIRST_PAUSE
        self._progress(Progress("Waiting until the application answers"))
        while True:
            if container.state not in ("running", "restarting", "paused", "created"):
                raise self._exited(container)
            ready, closed = self._answers(container)
            if ready:
                return container
            now = self._clock.now()
            if now - started >= timeout:
                raise self._not_ready(container, timeout)
            self._clock.sleep(min(pause, timeout - (now - started)))
            pause = min(pause * 1.25, LONGEST_PAUSE)
            if closed or self._clock.now() - looked > LOOK_AGAIN:
                container, looked = self._engine.container(container_id), self._clock.now()

    def _answers(self, container: Container) -> tuple[bool, bool]:
        """Return whether the application is ready, and whether nothing listens at all."""
        endpoint = labels.endpoint(container)
        if endpoint is None:
            return False, True
        try:
            return is_ready(endpoint, self._engine.probe(endpoint)), False
        except ConnectionRefusedError:
            return False, True

    def _exited(self, container: Container) -> ApplicationExitedError:
        image = container.labels.get(labels.EXTRA + "image") or container.image
        return ApplicationExitedError(
            f"{image} ended before it answered, with exit code {container.exit_code}",
            "Its last lines are above",
            self._last_lines(container),
        )

    def _not_ready(self, container: Container, timeout: float) -> ApplicationNotReadyError:
        image = container.labels.get(labels.EXTRA + "image") or container.image
        return ApplicationNotReadyError(
            f"{image} did not answer within {timeout:g} seconds",
            "Give it more with --timeout; its last lines are above",
            self._last_lines(container),
        )

    def _last_lines(self, container: Container) -> list[str]:
        try:
            written = b"".join(self._engine.logs(container.id, tail=LOG_LINES))
        except SrctlError:
            return []
        return written.decode("utf-8", "replace").splitlines()[-LOG_LINES:]


def _reached(container: Container) -> Endpoint:
    endpoint = labels.endpoint(container)
    if endpoint is None:
        raise NotFoundError(f"{container.name} has no published port")
    return endpoint


def is_ready(endpoint: Endpoint, status: int | None) -> bool:
    """Tell whether the HTTP status means that the application runs."""
    if status is None:
        return False
    return status < 500 if endpoint.lenient else 200 <= status < 400
