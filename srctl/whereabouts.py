"""Where a session is, as its engine says at any moment: what a tunnel must know to follow it."""

from collections.abc import Callable
from typing import Protocol

from srctl import labels
from srctl.errors import NotFoundError, NotReadyError, SessionEndedError
from srctl.models import Container, Endpoint
from srctl.needs import Stream


class Engine(Protocol):
    """A Docker host, as far as it is asked here."""

    def container(self, name: str) -> Container:
        """Return one container. Raises `NotFoundError`."""

    def events(self, container_id: str) -> Stream[str]:
        """Open a stream of what happens to a container."""


GONE = "was stopped and removed"
LOST = f"{GONE}, or is not yours to open any more"
"""What is said of a session that is not there; behind a gateway it may only be out of reach."""


class Whereabouts:
    """The whereabouts of one session; `engine` gives its host, which may be connected as late as that.

    `gone` says what became of one that is not there.
    """

    def __init__(
        self, engine: Callable[[], Engine], session_id: str, container_id: str, image: str, gone: str = GONE
    ) -> None:
        self._gone = gone
        self._engine = engine
        self._session_id = session_id
        self._container_id = container_id
        self._image = image

    def locate(self) -> Endpoint:
        """Return where the session listens, as seen from its host: one request.

        Raises `SessionEndedError`, `NotFoundError` for one that was removed, `NotReadyError` for one that has no
        port at the moment, and `UnreachableError`.
        """
        try:
            container = self._engine().container(self._container_id)
        except NotFoundError as error:
            hint = f"Start it again: srctl open {self._image}"
            raise NotFoundError(f"Session {self._session_id} {self._gone}", hint) from error
        if container.state in ("exited", "dead"):
            raise SessionEndedError(
                f"Session {self._session_id} has ended: the application ended with exit code {container.exit_code}",
                f"See why: srctl logs {self._session_id[:12]}",
            )
        endpoint = labels.endpoint(container)
        if endpoint is None:
            raise NotReadyError(f"Session {self._session_id} has no published port yet ({container.state})")
        return endpoint

    def events(self) -> Stream[str]:
        """Open a stream of what happens to the session's container. Raises `UnreachableError`."""
        return self._engine().events(self._container_id)
