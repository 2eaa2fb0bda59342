"""Start a session and wait until it answers; whatever goes wrong on the way leaves nothing behind.

The engine's refusal of a second container of the same name is the lock between processes that start the same grant
at once: one makes the container, the others wait for it.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from srctl import labels, planning, policy, recording
from srctl.clock import REAL, Clock
from srctl.errors import (
    ApplicationExitedError,
    ApplicationNotReadyError,
    ConflictError,
    InterruptedByUserError,
    LackingError,
    NameTakenError,
    NotFoundError,
    PortTakenError,
    SrctlError,
    UnreachableError,
)
from srctl.fetching import fetch
from srctl.models import (
    Container,
    ContainerSpec,
    Grant,
    Progress,
    Started,
    StartRequest,
    User,
)
from srctl.needs import ProgressCallback
from srctl.publishing import AnyPort, Publisher
from srctl.seats import Seats, TwinError
from srctl.sessions import RUNNING, Sessions
from srctl.waiting import Watch, reached

STALE = 10.0
"""Seconds that another process may take from creating a container to starting it; later it is taken for dead."""

LATE = 2.0
"""Seconds in which an engine may still carry out a create request whose answer we did not wait for."""

REMOVAL = 1.0
"""Seconds that another process may take from stopping a container to removing it."""

ATTEMPTS = 8
PAUSE = 0.1
"""Seconds to wait before the second attempt, and so much more before each other one.

An engine keeps a name for a container that is about to appear, or to go, and that it does not show.
"""

_STOPPED = (0, 137, 143)
"""Exit codes of what was told to end: by itself, or by the signals KILL and TERM."""


class Launcher:
    """Starts sessions.

    `home_root` is the directory of the Docker host that holds the users' homes; `publisher` says at which port of the
    host a session is reached.
    """

    def __init__(
        self,
        sessions: Sessions,
        progress: ProgressCallback,
        *,
        home_root: str | None = None,
        publisher: Publisher | None = None,
        clock: Clock = REAL,
    ) -> None:
        self._sessions = sessions
        self._engine = sessions.engine
        self._progress = progress
        self._home_root = home_root
        self._publisher = publisher or AnyPort()
        self._clock = clock
        self._watch = Watch(sessions.engine, progress, clock)

    def start(self, request: StartRequest) -> Started:
        """Start the application, or find the session that runs under the same grant already.

        Raises what `Sessions.grant` and `planning.plan` raise, `NotFoundError` for a missing image or volume source,
        `ConflictError` when somebody else removes the container meanwhile, `ApplicationExitedError` and
        `ApplicationNotReadyError`; no container is left then. What can be known to be wrong beforehand costs no
        running session that was to be replaced.
        """
        self._engine.require_way_to_endpoints()
        user = self._sessions.entitled_user()
        grant = self._sessions.grant(request.app)
        spec = self._plan(user, grant, request) if request.replace else None
        for attempt in range(ATTEMPTS):
            self._clock.sleep(attempt * PAUSE)
            running = self._clear(grant, replace=request.replace)
            if running is not None and running.state not in RUNNING:
                found = self._join_winner(running.id, request)
            elif running is not None:
                planning.requested(request, grant.application.image, running.labels, grant.policy)
                found = self._wait(running, request)
            else:
                spec = spec or self._plan(user, grant, request)
                found = self._make(user, grant, spec, request)
            if found is not None:
                return found
        raise ConflictError(
            f"Each session of {grant.application.image} that was found running was gone a moment later",
            "Another program starts and stops it; try again when that has ended",
        )

    def _clear(self, grant: Grant, *, replace: bool) -> Container | None:
        """Return the grant's running container; remove those that are over, and with `replace` that one too.

        One that has a seat and is about to be started counts too: nobody but who makes it knows its name.
        """
        name = policy.container_name(self._sessions.realm, self._sessions.user, grant.id)
        running = None
        for container in self._under(grant):
            if replace:
                self._progress(Progress(f"Removing {container.name}"))
                self._sessions.end(container, recording.REPLACED)
            elif container.state in RUNNING:
                running = container
            elif container.name == name or self._seats(grant).is_one(container.name):
                if not self._being_made(container):
                    self._sessions.end(container)
                elif container.name != name:
                    running = running or container
        return running

    def _under(self, grant: Grant) -> list[Container]:
        """Return the user's containers of a grant."""
        return [each for each in self._sessions.containers(stopped=True) if labels.grant_id(each) == grant.id]

    def _seats(self, grant: Grant, count: int = 0) -> Seats:
        return Seats(self._engine, grant, count, self._being_made)

    def _being_made(self, container: Container) -> bool:
        """Tell whether another process may be about to start it; clocks that differ cost a wait, or a second try."""
        age = (self._clock.date() - container.created).total_seconds()
        return container.state == "created" and age <= STALE

    def _plan(self, user: User, grant: Grant, request: StartRequest) -> ContainerSpec:
        image = fetch(self._engine, grant.application.image, request.pull, self._progress, self._clock.closing)
        new_id = secrets.token_hex(16)
        return planning.plan(planning.Order(user, grant, image, request, self._sessions.realm, new_id, self._home_root))

    def _make(self, user: User, grant: Grant, spec: ContainerSpec, request: StartRequest) -> Started | None:
        """Make a container and wait until it answers; `None` where another process came first and is gone again."""
        taken: set[int] = set()
        while True:
            placed = self._publisher.place(spec, user, lambda: self._sessions.containers(stopped=True), taken)
            try:
                with self._until_kept(placed) as container_id:
                    if spec.seats is not None:
                        self._seats(grant, spec.seats).take(container_id, self._under(grant))
                    self._sessions.require_grant(grant.id)
                    self._progress(Progress(f"Starting {spec.image}"))
                    self._engine.start(container_id, spec.network)
                    ready = self._watch.until_ready(container_id, request.timeout)
                    if spec.seats is not None:
                        self._seats(grant).require(ready)
                    self._progress(Progress("It answers"))
                    self._record(ready)
                    return self._started(ready, fresh=True)
            except LackingError as error:
                error.hint = policy.who_changes(grant, error.limit)
                raise
            except NameTakenError as error:
                return self._join_winner(error.by if isinstance(error, TwinError) else spec.name, request)
            except PortTakenError:
                if placed.host_port is None:
                    raise
                taken.add(placed.host_port)

    @contextmanager
    def _until_kept(self, spec: ContainerSpec) -> Iterator[str]:
        """Create the container and give its id; it is removed again unless all goes well."""
        created = None
        try:
            self._progress(Progress(f"Creating {spec.name}"))
            created = self._engine.create(spec)
            try:
                yield created
            except ApplicationExitedError as error:
                if self._is_taken_away(created):
                    raise _removed(spec) from error
                raise
        except NameTakenError as error:
            if created is not None:
                self._undo(spec, error, created)
            raise
        except NotFoundError as error:
            if created is None or self._exists(created):
                self._undo(spec, error, created)
                raise
            raise _removed(spec) from error
        except BaseException as error:
            in_doubt = created is None and (isinstance(error, UnreachableError) or not isinstance(error, SrctlError))
            self._undo(spec, error, created, patience=LATE if in_doubt else 0.0)
            raise

    def _exists(self, container_id: str) -> bool:
        try:
            self._engine.container(container_id)
        except NotFoundError:
            return False
        return True

    def _is_taken_away(self, container_id: str) -> bool:
        """Tell whether a container that has ended is being removed by somebody else, who stopped it for that."""
        limit = self._clock.now() + REMOVAL
        try:
            while self._engine.container(container_id).exit_code in _STOPPED and self._clock.now() < limit:
                self._clock.sleep(0.1)
        except NotFoundError:
            return True
        return False

    def _undo(self, spec: ContainerSpec, reason: BaseException, created: str | None, patience: float = 0.0) -> None:
        """Remove what this start made, or tell in the error that it can't be done."""
        try:
            self._discard(spec, created or spec.name, self._clock.now() + patience)
        except SrctlError as error:
            left = f"{spec.name} may be left behind: srctl session prune removes it, or srctl stop"
            if not isinstance(reason, SrctlError):
                raise InterruptedByUserError(f"Interrupted, and {error.message}", left) from reason
            reason.hint = f"{reason.hint}. {left}" if reason.hint else left

    def _discard(self, spec: ContainerSpec, name: str, limit: float) -> None:
        """Remove the container of this name, or id, if this start made it; it may appear until `limit`."""
        mark = labels.RUNINFO + "url_id"
        while True:
            try:
                container = self._engine.container(name)
                if container.labels.get(mark) == spec.labels[mark]:
                    self._engine.remove(container.id)
            except NotFoundError:
                if self._clock.now() < limit:
                    self._clock.rest(0.1)
                    continue
            return

    def _join_winner(self, name: str, request: StartRequest) -> Started | None:
        """Wait for the container that another process is making under the same name; `None` when it is gone."""
        limit = self._clock.now() + STALE
        self._progress(Progress(f"Another srctl is starting {name}"))
        try:
            while (container := self._engine.container(name)).state not in RUNNING:
                self._check_ours(container)
                if self._clock.now() > limit:
                    self._sessions.end(container)
                    return None
                self._clock.sleep(0.1)
        except NotFoundError:
            return None
        self._check_ours(container)
        return self._wait(container, request)

    def _check_ours(self, container: Container) -> None:
        wanted = labels.selector(self._sessions.realm, self._sessions.user)
        ours = all(container.labels.get(key) == value for key, value in wanted.items())
        if labels.session_id(container) is None or not ours:
            raise ConflictError(
                f"A container named {container.name} is in the way; it is no session of {self._sessions.user!r}",
                f"Look at it on {self._engine.name}: docker inspect {container.name}",
            )

    def _wait(self, running: Container, request: StartRequest) -> Started | None:
        """Wait for a container that is not ours to remove; `None` when it is gone meanwhile."""
        self._progress(Progress("It runs already; waiting until it answers"))
        try:
            container = self._watch.until_ready(running.id, request.timeout)
        except NotFoundError:
            return None
        except ApplicationExitedError:
            if self._is_taken_away(running.id):
                return None
            raise
        except ApplicationNotReadyError as error:
            error.hint = "It was running already and runs on; --replace starts it afresh"
            if request.replace:
                error.hint = "Another srctl has started it meanwhile and it runs on; try again"
            raise
        return self._started(replace(container, image=running.image), fresh=False)

    def _record(self, container: Container) -> None:
        recording.begin(self._sessions.records, self._engine, container, self._sessions.realm)

    def _started(self, container: Container, *, fresh: bool) -> Started:
        session = self._sessions.started(container)
        return Started(session, reached(container) if labels.has_page(container) else None, fresh)


def _removed(spec: ContainerSpec) -> ConflictError:
    return ConflictError(
        f"{spec.name} was removed by somebody else while it started", "Start it again if it is still wanted"
    )
