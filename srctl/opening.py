"""Bring a session into the browser of this machine: find or start it, and lead a local port to it.

The local port is bound before the session's endpoint is looked for, and a port that was asked for before anything
else happens, so that a busy one costs nothing. Where the engine runs on
this machine there is nothing to forward and the direct URL serves.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from socket import socket
from typing import Protocol

from srctl import labels
from srctl.errors import NotFoundError, UnsupportedError
from srctl.launch import Launcher
from srctl.models import Container, Endpoint, Session, Started, StartRequest
from srctl.sessions import Sessions

FIRST_PORT, PORTS = 20000, 12000
"""Sticky ports lie below the ranges from which systems pick ports at random."""

_SESSION = re.compile(r"[0-9a-fA-F]{4,32}|srctl-[A-Za-z0-9_.-]+")
"""What may be a session's id, or the name of its container."""


class Traffic(Protocol):
    """What went through a tunnel."""

    @property
    def connections(self) -> int:
        """Connections that are open now."""

    @property
    def connections_total(self) -> int:
        """Connections so far."""

    @property
    def bytes_in(self) -> int:
        """Bytes that came from the session."""

    @property
    def bytes_out(self) -> int:
        """Bytes that went to the session."""


class Tunnel(Protocol):
    """A listener that leads to a session's endpoint."""

    @property
    def cause(self) -> str | None:
        """Why no connection can be made through it any more; `None` while it is up."""

    @property
    def stats(self) -> Traffic:
        """What went through it."""

    def close(self) -> None:
        """End it, and every connection through it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that can be reached at `url`; `tunnel` is `None` where none is needed."""

    session: Session
    url: str
    local_port: int
    tunnel: Tunnel | None
    fresh: bool


class Opener:
    """Opens sessions; `bind` makes the listener and `forward` leads it to an endpoint of the host."""

    def __init__(
        self,
        sessions: Sessions,
        launcher: Launcher,
        *,
        bind: Callable[[int | None, int], socket],
        forward: Callable[[socket, Endpoint], Tunnel],
    ) -> None:
        self._sessions = sessions
        self._launcher = launcher
        self._bind = bind
        self._forward = forward

    def open(self, request: StartRequest, listener: socket | None = None) -> Opened:
        """Open the session that `request.app` names by id (prefix), or start that application.

        `listener` is the local port that was asked for, bound by the caller before anything happened; else a port
        is chosen that is the same each time. Raises all that starting raises.
        """
        engine = self._sessions.engine
        if engine.direct and listener is not None:
            raise UnsupportedError(
                f"Sessions on {engine.name} are reached directly, without a tunnel", "Leave out --local-port"
            )
        started = self._started(request)
        session, endpoint = started.session, started.endpoint
        if engine.direct:
            url = labels.direct_url(endpoint)
            return Opened(replace(session, url=url), url, endpoint.port, None, started.fresh)
        if listener is None:
            listener = self._bind(None, sticky_port(engine.name, session))
        port = listener.getsockname()[1]
        url = labels.url(endpoint, port)
        return Opened(replace(session, url=url), url, port, self._forward(listener, endpoint), started.fresh)

    def _started(self, request: StartRequest) -> Started:
        container = self._named(request.app)
        if container is None:
            return self._launcher.start(request)
        return self._launcher.join(container, request)

    def _named(self, text: str) -> Container | None:
        """Return the container of the session whose id begins so; an application of exactly this name goes first."""
        try:
            known = self._sessions.named_grants(text)
        except NotFoundError:
            return self._sessions.container(text)
        if known or not _SESSION.fullmatch(text):
            return None
        try:
            return self._sessions.container(text)
        except NotFoundError:
            return None


def sticky_port(host: str, session: Session) -> int:
    """Return the local port to prefer: the same each time for the same host, user and application."""
    text = "\0".join((host, session.user, session.image))
    return FIRST_PORT + zlib.crc32(text.encode()) % PORTS
