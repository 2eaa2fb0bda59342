"""Wait until the application in a container answers, or say why it does not.

Whether it does is asked of the application itself, on its host's side; a container that ends is noticed at once.
"""

from srctl import labels
from srctl.clock import Clock
from srctl.errors import (
    ApplicationExitedError,
    ApplicationNotReadyError,
    ConflictError,
    NotFoundError,
    SrctlError,
)
from srctl.models import Container, Endpoint, Progress
from srctl.needs import Engine, ProgressCallback
from srctl.sessions import RUNNING

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
LOOK_AGAIN = 1.0
"""Seconds after which the container's state is read anew although its port still answers something."""

PROBE = 3.0
"""Seconds that an application has to answer one request; one that is slower is asked again."""

LOG_LINES = 20


class Watch:
    """Watches containers of one engine."""

    def __init__(self, engine: Engine, progress: ProgressCallback, clock: Clock) -> None:
        self._engine = engine
        self._progress = progress
        self._clock = clock

    def until_ready(self, container_id: str, timeout: float) -> Container:
        """Return the container as soon as its application answers, within `timeout` seconds.

        The port is asked first, and the container's state when the port is closed. One without a network is ready as
        soon as it runs. Raises `ApplicationExitedError`, `ApplicationNotReadyError`, `ConflictError` for a paused
        container and `NotFoundError` for one that is gone.
        """
        limit = self._clock.now() + timeout
        container, looked = self._engine.container(container_id), self._clock.now()
        pause = FIRST_PAUSE
        self._progress(Progress("Waiting until the application answers"))
        while True:
            self._check_runs(container)
            if container.state in RUNNING and not labels.has_page(container):
                return container
            ready, closed = self._answers(container, limit)
            if ready:
                return container
            now = self._clock.now()
            if now >= limit:
                raise self._not_ready(container, timeout)
            self._clock.sleep(min(pause, limit - now))
            pause = min(pause * 1.25, LONGEST_PAUSE)
            if closed or self._clock.now() - looked > LOOK_AGAIN:
                container, looked = self._engine.container(container_id), self._clock.now()

    def _check_runs(self, container: Container) -> None:
        if container.state == "paused":
            raise ConflictError(f"{container.name} is paused", f"Go on with it: docker unpause {container.name}")
        if container.state not in (*RUNNING, "created"):
            raise self._exited(container)

    def _answers(self, container: Container, limit: float) -> tuple[bool, bool]:
        """Return whether the application is ready, and whether nothing listens at all."""
        endpoint = labels.endpoint(container)
        if endpoint is None:
            return False, True
        try:
            patience = min(PROBE, max(limit - self._clock.now(), FIRST_PAUSE))
            return is_ready(endpoint, self._engine.probe(endpoint, patience)), False
        except ConnectionRefusedError:
            return False, True

    def _exited(self, container: Container) -> ApplicationExitedError:
        log = self._last_lines(container)
        image = container.labels.get(labels.EXTRA + "image") or container.image
        return ApplicationExitedError(
            f"{image} ended before it answered, with exit code {container.exit_code}",
            "Its last lines are above" if log else "It wrote nothing",
            log,
        )

    def _not_ready(self, container: Container, timeout: float) -> ApplicationNotReadyError:
        log = self._last_lines(container)
        image = container.labels.get(labels.EXTRA + "image") or container.image
        return ApplicationNotReadyError(
            f"{image} did not answer within {timeout:g} seconds",
            f"Give it more with --timeout; {'its last lines are above' if log else 'it wrote nothing'}",
            log,
        )

    def _last_lines(self, container: Container) -> list[str]:
        try:
            written = b"".join(self._engine.logs(container.id, tail=LOG_LINES))
        except SrctlError:
            return []
        return written.decode("utf-8", "replace").splitlines()[-LOG_LINES:]


def is_ready(endpoint: Endpoint, status: int | None) -> bool:
    """Tell whether the HTTP status means that the application runs."""
    if status is None:
        return False
    return status < 500 if endpoint.lenient else 200 <= status < 400


def reached(container: Container) -> Endpoint:
    """Return where a container's application is reached. Raises `NotFoundError` for one that publishes nothing."""
    endpoint = labels.endpoint(container)
    if endpoint is None:
        raise NotFoundError(f"{container.name} has no published port")
    return endpoint
