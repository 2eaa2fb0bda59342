"""Bring a session to this machine: find or start it, and lead a local port to it.

The local port is bound before the session's endpoint is looked for, and a port that was asked for before anything
else happens, so that a busy one costs nothing. A session that a tunnel leads to already needs no second one. Where
the engine runs on this machine there is nothing to forward and the direct URL serves.
"""

import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from socket import socket
from typing import Protocol

from srctl import labels
from srctl.errors import ConflictError, SrctlError, UnsupportedError
from srctl.models import Endpoint, Progress, Session, Standing, Started, StartRequest, Tunnel
from srctl.needs import ProgressCallback

FIRST_PORT, PORTS = 20000, 12000
"""Sticky ports lie below the ranges from which systems pick ports at random."""


class HeldTunnel(Protocol):
    """A way to a session, by a listener of this machine."""

    local_port: int

    @property
    def failure(self) -> SrctlError | None:
        """Why it is down for good; `None` while it is up, or may be again."""

    @property
    def standing(self) -> Standing:
        """How it stands."""

    def row(self) -> Tunnel | None:
        """Return it as people see it; `None` for one that is in no list."""

    def wait(self, timeout: float) -> None:
        """Wait until it stands differently, `timeout` seconds at most."""

    def close(self) -> None:
        """End it, if it is this process's own."""


class Ways(Protocol):
    """The ways to the sessions of a host."""

    def opening(self, session_id: str) -> AbstractContextManager[None]:
        """Let no other process open a tunnel to the session meanwhile."""

    def serving(self, session_id: str, port: int | None) -> HeldTunnel | None:
        """Return the tunnel that leads to the session already: one in the background, or that at `port`."""

    def bind(self, preferred: int) -> socket:
        """Bind the preferred local port, or another."""

    def lead(self, listener: socket, session: Session, endpoint: Endpoint) -> HeldTunnel:
        """Lead a listener to the session. Raises `UnreachableError`."""

    def direct(self, session: Session, endpoint: Endpoint) -> HeldTunnel:
        """Return the way to a session of this machine."""


class Place(Protocol):
    """A host."""

    @property
    def name(self) -> str:
        """The name that people know it by."""

    @property
    def direct(self) -> bool:
        """Whether endpoints are on this machine."""


class Starter(Protocol):
    """What finds or starts sessions on a host, as `Launcher` does."""

    def bring(self, request: StartRequest) -> Started:
        """Return the session that is meant, or start that application; it answers."""

    def running(self, request: StartRequest) -> str | None:
        """Return the id of the session that `bring` would find, `None` where it would start one."""


@dataclass(frozen=True, slots=True)
class Door:
    """The local port that was asked for: bound, or (`listener` is `None`) in the hands of another tunnel of ours."""

    port: int
    listener: socket | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that can be reached at `url`. `direct` = without a tunnel; `fresh` = it was started for this."""

    session: Session
    url: str
    local_port: int
    tunnel: HeldTunnel
    direct: bool
    fresh: bool


class Opener:
    """Opens sessions."""

    def __init__(self, place: Place, starter: Starter, ways: Ways, progress: ProgressCallback = lambda _: None) -> None:
        self._place = place
        self._starter = starter
        self._ways = ways
        self._progress = progress

    def open(self, request: StartRequest, door: Door | None = None) -> Opened:
        """Open the session that `request.app` names by id (prefix), or start that application.

        `door` is the local port that was asked for, before anything happened; else a port is chosen that is the
        same each time. Raises all that starting raises.
        """
        place = self._place
        if place.direct and door is not None:
            raise UnsupportedError(
                f"Sessions on {place.name} are reached directly, without a tunnel", "Leave out --local-port"
            )
        if door is not None and door.listener is None:
            self._check_ours(request, door.port)
        started = self._starter.bring(request)
        session, endpoint = started.session, started.page
        if place.direct:
            url, tunnel = labels.direct_url(endpoint), self._ways.direct(session, endpoint)
        else:
            tunnel = self._tunnel(session, endpoint, door)
            url = labels.url(endpoint, tunnel.local_port)
        return Opened(replace(session, url=url), url, tunnel.local_port, tunnel, place.direct, started.fresh)

    def _tunnel(self, session: Session, endpoint: Endpoint, door: Door | None) -> HeldTunnel:
        with self._ways.opening(session.id):
            listener = door.listener if door is not None else None
            if listener is None:
                found = self._ways.serving(session.id, door.port if door is not None else None)
                if found is not None:
                    return found
                if door is not None:
                    raise _busy(door.port)
                listener = self._ways.bind(sticky_port(self._place.name, session))
            self._progress(Progress("Leading a tunnel to it"))
            return self._ways.lead(listener, session, endpoint)

    def _check_ours(self, request: StartRequest, port: int) -> None:
        """Raise `ConflictError` unless the port's tunnel leads to the session that is meant; nothing is started."""
        session_id = self._starter.running(request)
        if session_id is None or self._ways.serving(session_id, port) is None:
            raise _busy(port)


def _busy(port: int) -> ConflictError:
    hint = "Choose another with --local-port; srctl tunnel list shows whose it is"
    return ConflictError(f"Port {port} belongs to the tunnel to another session", hint)


def sticky_port(host: str, session: Session) -> int:
    """Return the local port to prefer: the same each time for the same host, user and application."""
    text = "\0".join((host, session.user, session.image))
    return FIRST_PORT + zlib.crc32(text.encode()) % PORTS
