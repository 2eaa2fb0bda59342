"""How a session is reached from this machine: by a tunnel of this process, one in the background, or directly.

This is wiring, like the context: it puts together SSH connections, the engine and the registry of tunnels.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from srctl.clock import REAL, Clock
from srctl.errors import ConflictError, NotFoundError, SessionEndedError, SrctlError, UnreachableError
from srctl.hosts.endpoints import is_gateway
from srctl.labels import url
from srctl.models import Endpoint, Session, Standing, Tunnel, TunnelPlan
from srctl.opening import HeldTunnel
from srctl.tunnel.ports import bind_local
from srctl.tunnel.registry import Record, Registry
from srctl.whereabouts import GONE, LOST, Whereabouts

if TYPE_CHECKING:
    from srctl.hosts.engine import DockerHost
    from srctl.tunnel.background import Child
    from srctl.tunnel.prompter import Prompter

GRACE = 3.0
"""Seconds for a container on this machine that stopped to be started again."""

_LOOK = 0.25


class Ways:
    """The ways to sessions of one host; what is opened is closed with `stack`. `note` says what is worth knowing."""

    def __init__(
        self,
        host: "Callable[[], DockerHost]",
        timeout: float,
        stack: ExitStack,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._timeout = timeout
        self._stack = stack
        self._note = note
        self._unlisted: SrctlError | None = None

    @cached_property
    def registry(self) -> Registry | None:
        """The registry; `None` where it can't be kept, which hinders no tunnel of this process."""
        try:
            registry = Registry()
            registry.prepare()
        except SrctlError as error:
            self._unlisted = error
            return None
        return registry

    def claim(self, port: int) -> socket.socket | None:
        """Bind a local port; `None` for one that a tunnel of ours has. Raises `ConflictError` for a busy one."""
        try:
            return self._kept(bind_local(port))
        except ConflictError:
            if self.registry is None or self.registry.at_port(port) is None:
                raise
            return None

    def bind(self, preferred: int) -> socket.socket:
        """Bind the preferred local port, or another."""
        return self._kept(bind_local(None, preferred=preferred))

    def _kept(self, listener: socket.socket) -> socket.socket:
        self._stack.callback(listener.close)
        return listener

    def opening(self, session_id: str) -> AbstractContextManager[None]:
        """Let no other process open a tunnel to the session meanwhile."""
        return nullcontext() if self.registry is None else self.registry.opening(self._host().host.url, session_id)

    def serving(self, session_id: str, port: int | None) -> HeldTunnel | None:
        """Return the tunnel that leads to the session already: one in the background, or that at `port`."""
        if self.registry is None:
            return None
        here = self._host().host.url
        if port is None:
            found = self.registry.serving(here, session_id)
        else:
            found = self.registry.at_port(port)
            if found is not None and (found.plan.host.url, found.plan.session_id) != (here, session_id):
                found = None
        return None if found is None else TunnelElsewhere(self.registry, found)

    def direct(self, session: Session, endpoint: Endpoint) -> HeldTunnel:
        """Return the way to a session of this machine."""
        way = DirectWay(self._whereabouts(session, GONE), endpoint.port)
        self._stack.callback(way.close)
        return way

    def lead(self, listener: socket.socket, session: Session, endpoint: Endpoint) -> HeldTunnel:
        """Lead a listener to the session, by this process. Raises `UnreachableError`."""
        from srctl.tunnel.forward import Forward
        from srctl.tunnel.record import Log, RecordedTunnel
        from srctl.tunnel.roles import SWITCH_INTERVAL
        from srctl.tunnel.supervisor import SupervisedTunnel

        sys.setswitchinterval(SWITCH_INTERVAL)
        plan, link, registry = (
            self._plan(listener, session, endpoint, background=False),
            self._host().link,
            self.registry,
        )
        log = Log(Path(os.devnull) if registry is None else registry.log_of(plan.id))
        with ExitStack() as claim:
            if registry is not None:
                claim.enter_context(registry.held(plan.id))
            tunnel: HeldTunnel = SupervisedTunnel(
                listener,
                link,
                self._whereabouts(session, LOST if is_gateway(plan.host) else GONE),
                endpoint,
                lambda door, to, waiting: Forward(door, link, to.address, to.port, waiting),
                log,
            )
            self._stack.callback(tunnel.close)
            if registry is not None:
                tunnel = RecordedTunnel(registry, plan, tunnel, log, claim.pop_all())
                self._stack.callback(tunnel.close)
        if self._unlisted is not None:
            why = f"{self._unlisted.message}. {self._unlisted.hint}"
            self._note(f"srctl tunnel list does not show this tunnel: {why}")
        return tunnel

    def _whereabouts(self, session: Session, gone: str) -> Whereabouts:
        return Whereabouts(self._host, session.id, session.container_id, session.image, gone)

    def _plan(self, listener: socket.socket, session: Session, endpoint: Endpoint, *, background: bool) -> TunnelPlan:
        host, port = self._host().host, listener.getsockname()[1]
        if host.tls_dir is not None:
            host = replace(host, tls_dir=str(Path(host.tls_dir).expanduser().absolute()))
        return TunnelPlan(
            id=os.urandom(16).hex(),
            session_id=session.id,
            container_id=session.container_id,
            image=session.image,
            host=host,
            local_port=port,
            url=url(endpoint, port),
            endpoint=endpoint,
            timeout=self._timeout,
            background=background,
        )


class BackgroundWays(Ways):
    """The same, but tunnels get processes of their own; `prompter` asks what they must know before they are up."""

    def __init__(
        self,
        host: "Callable[[], DockerHost]",
        timeout: float,
        stack: ExitStack,
        prompter: "Prompter | None",
        clock: Clock = REAL,
    ) -> None:
        super().__init__(host, timeout, stack)
        self._prompter = prompter
        self._clock = clock

    @cached_property
    def _child(self) -> "Child":
        from srctl.tunnel.background import Child

        child = Child()
        self._stack.callback(child.discard)
        return child

    def prepare(self) -> None:
        """Start the process already: it imports what it needs while the session is looked for."""
        self._child  # noqa: B018 - made at the first look

    @cached_property
    def registry(self) -> Registry:
        """The registry, without which there is nothing in the background. Raises `SrctlError`."""
        return Registry()

    def lead(self, listener: socket.socket, session: Session, endpoint: Endpoint) -> HeldTunnel:
        """Start a process that leads the listener to the session. Raises whatever it meets."""
        plan = self._plan(listener, session, endpoint, background=True)
        try:
            self._child.hold(plan, listener, self._prompter, closing=self._clock.closing)
        except BaseException:
            self.registry.forget(plan.id)
            raise
        record = self.registry.read(plan.id)
        if record is None:
            raise NotFoundError("The tunnel was closed as soon as it was up")
        return TunnelElsewhere(self.registry, record)


class TunnelElsewhere:
    """A tunnel that another process holds; it is looked at, and left alone."""

    def __init__(self, registry: Registry, record: Record) -> None:
        self.id: str | None = record.plan.id
        self.local_port = record.plan.local_port
        self.failure: SrctlError | None = None
        """Why it is gone."""
        self._registry = registry
        self._record = record

    @property
    def standing(self) -> Standing:
        """How it stood when it was last looked at."""
        return self._record.standing

    def row(self) -> Tunnel:
        """Return it as people see it."""
        return self._record.row()

    def wait(self, timeout: float) -> None:
        """Look at it until it stands differently, `timeout` seconds at most."""
        limit = time.monotonic() + timeout
        before = self._record
        while self.failure is None and self._record == before:
            found = self._registry.read(before.plan.id)
            if found is None:
                self.failure = NotFoundError("The tunnel was closed by another command", "Open it again")
            else:
                self._record = found
                if not found.alive:
                    self.failure = NotFoundError(f"The tunnel is down: {found.standing.cause}", "Open it again")
            if time.monotonic() + _LOOK > limit:
                break
            time.sleep(_LOOK)

    def close(self) -> None:
        """Leave it alone."""


class DirectWay:
    """The way to a session of this machine: nothing is forwarded, but its end is noticed."""

    def __init__(self, session: Whereabouts, port: int) -> None:
        from srctl.tunnel.lookout import Lookout

        self.id: str | None = None
        self.local_port = port
        self.failure: SrctlError | None = None
        """Why it can't be reached any more."""
        self.standing = Standing("up", datetime.now(UTC))
        self._session = session
        self._news: list[str] = []
        self._ended: float | None = None
        self._lookout = Lookout(session.events, self._news.append)
        self._lookout.allow(True)

    def wait(self, timeout: float) -> None:
        """Wait for the end of the session, `timeout` seconds at most."""
        limit = time.monotonic() + timeout
        while time.monotonic() < limit and self.failure is None:
            if self._news or self._ended is not None:
                self._news.clear()
                self._look()
            time.sleep(min(_LOOK, max(0.0, limit - time.monotonic())))

    def _look(self) -> None:
        try:
            self._session.locate()
            self._ended = None
        except SessionEndedError as error:
            now = time.monotonic()
            self._ended = now if self._ended is None else self._ended
            if now - self._ended >= GRACE:
                self.failure = error
        except UnreachableError:
            return
        except NotFoundError as error:
            self.failure = error
        except SrctlError:
            return

    def row(self) -> None:
        """It is in no list."""

    def close(self) -> None:
        """Stop looking."""
        self._lookout.close()
