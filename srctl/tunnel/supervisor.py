"""Keeps a tunnel alive: one listener, and whatever it takes to lead it to the session.

The listener stays open while the SSH connection is away or the session's container restarts; who connects meanwhile
waits. After each such break the session's endpoint is looked up anew, since published ports move. Nobody is ever
asked: a login that needs a person is a cause, said in words, and tried again at leisure. A session that is gone, or
that one may not open any more, and a host key that does not fit end the tunnel for good.
"""

import random
import socket
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from srctl.errors import NotAllowedError, NotFoundError, SessionEndedError, SrctlError, UnreachableError
from srctl.models import Endpoint, Standing
from srctl.tunnel.errors import ConnectionLostError, HostKeyError, LoginNeededError
from srctl.tunnel.inquiry import inquire
from srctl.tunnel.lookout import Lookout
from srctl.tunnel.roles import Lead, Leading, Link, Pace, Whereabouts, counted
from srctl.tunnel.waiting import Held, WaitingRoom

_NEVER = float("inf")

_AWAITED = "the application has stopped and is waited for"

_LONGEST_NAP = 2.0
"""Seconds between two looks at the forward: its connection may be lost, and be back, just as it is made."""


class SupervisedTunnel:
    """A tunnel that lasts until `close`, or until its session is gone; it owns `listener`."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it holds together
        self,
        listener: socket.socket,
        link: Link,
        session: Whereabouts,
        endpoint: Endpoint,
        lead: Lead,
        log: Callable[[str], None] = lambda _: None,
        pace: Pace | None = None,
    ) -> None:
        """Lead `listener` to `endpoint`. Raises `UnreachableError` when that can't be done at once."""
        self.local_port: int = listener.getsockname()[1]
        self.failure: SrctlError | None = None
        """Why the tunnel is down for good."""
        self._listener, self._link, self._session = listener, link, session
        self._lead, self._log, self._pace = lead, log, pace or Pace()
        self._endpoint = endpoint
        self._changed = threading.Condition()
        self._standing = Standing("up", _now())
        self._forward: Leading | None = None
        self._room: WaitingRoom | None = None
        self._look_at = _NEVER
        self._closing = False
        self._asks = False  # now and then, where listening to the engine is not possible
        self._forget: Callable[[], None] = lambda: None
        self._begin(endpoint)
        self._lookout = Lookout(session.events, self._heard)
        self._lookout.allow(True)
        self._thread = threading.Thread(target=self._supervise, name="srctl-supervisor", daemon=True)
        self._thread.start()

    # -- what others see

    @property
    def standing(self) -> Standing:
        """How it stands now; its numbers count everything since it was made."""
        with self._changed:
            standing, forward = self._standing, self._forward
        return standing if forward is None else counted(standing, forward.stats)

    def row(self) -> None:
        """It is in no list; `RecordedTunnel` is."""

    def wait(self, timeout: float) -> None:
        """Wait until its state or cause is another, `timeout` seconds at most."""
        with self._changed:
            before = self._standing
            self._changed.wait_for(lambda: self._standing is not before, timeout)

    def close(self) -> None:
        """End it and every connection through it, at once; the SSH connection stays."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._lookout.close()
        self._thread.join(1.0)  # it may be in the middle of a login
        self._forget()
        self._drop()
        self._listener.close()

    # -- news, from other threads

    def _lost(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _heard(self, _word: str) -> None:
        """Take what the engine tells; whatever it is, the session must be looked at."""
        with self._changed:
            self._look_at = time.monotonic()
            self._changed.notify_all()

    # -- the thread that acts on them

    def _supervise(self) -> None:
        try:
            while self._news():
                self._restore()
        except Exception as error:  # else it would be dead without a word
            if not self._closing:  # else the listener was closed under us
                self._log("".join(traceback.format_exception(error)))
                what = f"Something went wrong that should not have: {type(error).__name__}"
                self._give_up(SrctlError(what, "Please report it with what srctl tunnel logs says"))
        finally:
            self._drop()

    def _news(self) -> bool:
        """Wait for something to do; return false when there will be nothing more."""
        with self._changed:
            while not self._closing and self.failure is None:
                now = time.monotonic()
                if not self._works() or self._look_at <= now:
                    return True
                self._changed.wait(min(_LONGEST_NAP, self._look_at - now))
        return False

    def _works(self) -> bool:
        return self._forward is not None and self._forward.state == "up" and self._link.alive

    def _restore(self) -> None:
        """Bring the tunnel to where the session is now, however often that must be tried."""
        tries, ended = 0, _NEVER
        while not self._closing:
            pause = self._pace.pauses[min(tries, len(self._pace.pauses) - 1)]
            try:
                self._settle()
                return
            except SessionEndedError as error:
                ended = min(ended, time.monotonic() + self._pace.grace)
                if time.monotonic() >= ended:
                    self._give_up(error)
                    return
                pause = min(pause, max(0.0, ended - time.monotonic()))
                self._interrupt(_AWAITED)
            except (HostKeyError, NotFoundError, NotAllowedError) as error:
                self._give_up(error)
                return
            except LoginNeededError as error:
                pause = self._pace.login
                self._interrupt(f"needs login: {error.message}")
            except SrctlError as error:
                self._interrupt(error.message)
            tries += 1
            self._sleep(time.monotonic() + pause * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret

    def _settle(self) -> None:
        """Try once; leave a forward that works and leads to the right place alone."""
        with self._changed:
            self._look_at, works = _NEVER, self._works()
        if not works and self._forward is not None:
            cause = self._link.cause or self._forward.cause or "it ended"
            self._interrupt(f"the SSH connection was lost: {cause}")
            self._asks = False
        self._link.reconnect()
        self._lookout.allow(not self._asks)
        endpoint = self._located()
        if self._closing or (works and endpoint == self._endpoint):
            return
        if works:
            self._interrupt(f"the session has moved to port {endpoint.port}")
        self._begin(endpoint)

    def _located(self) -> Endpoint:
        """Ask the engine, without its stream if need be: that may have the only session that the server allows."""
        for listening in (True, False):
            try:
                found = inquire(self._session, self._link, self._pace.engine)
            except ConnectionLostError:
                raise
            except UnreachableError as error:
                problem = error.message
                self._lookout.allow(False)
            else:
                self._asks = self._asks or not listening
                if self._asks:
                    self._look_later()
                return found
        self._log(f"the engine can't be asked where the session is: {problem}")
        self._lookout.allow(not self._asks)
        self._look_later()
        return self._endpoint

    def _look_later(self) -> None:
        with self._changed:
            self._look_at = min(self._look_at, time.monotonic() + self._pace.pauses[-1])

    def _begin(self, endpoint: Endpoint) -> None:
        """Lead the listener, and who waits, to the endpoint. Raises `UnreachableError`, and then they wait on."""
        held = self._room.take() if self._room is not None else []
        self._room = None
        try:
            forward = self._lead(self._listener, endpoint, [each.connection for each in held])
        except SrctlError:
            self._hold(held)
            raise
        with self._changed:
            self._forward, self._endpoint = forward, endpoint
            again = self._standing.state != "up"
            if again:
                count = self._standing.reconnects + 1
                self._standing = replace(self._standing, state="up", since=_now(), cause=None, reconnects=count)
            self._changed.notify_all()
        self._forget()
        self._forget = self._link.when_lost(self._lost)
        self._log(f"up{' again' if again else ''}: port {self.local_port} leads to {endpoint.address}:{endpoint.port}")

    def _interrupt(self, cause: str) -> None:
        """Stop forwarding, and let who connects wait."""
        self._lookout.allow(self._link.alive and not self._asks)
        if not self._stands(cause):
            return
        forward = self._forward
        if forward is not None:
            forward.close()
            with self._changed:
                self._standing, self._forward = counted(self._standing, forward.stats, over=True), None
        if self._room is None:
            self._hold([])

    def _stands(self, cause: str) -> bool:
        """Note why the tunnel is not up; return false when it is being closed."""
        with self._changed:
            if self._closing:
                return False
            before = self._standing
            if before.state != "reconnecting":
                self._standing = replace(before, state="reconnecting", since=_now(), cause=cause, last_error=cause)
            else:
                self._standing = replace(before, cause=cause)
            self._changed.notify_all()
        if before.cause != cause:
            self._log(f"reconnecting: {cause}")
        return True

    def _hold(self, held: list[Held]) -> None:
        self._room = WaitingRoom(self._listener, held, self._pace.patience)

    def _give_up(self, error: SrctlError) -> None:
        self._log(f"down: {error.message}")
        self._drop()
        self._listener.close()
        with self._changed:
            self.failure = error
            why = error.message
            self._standing = replace(self._standing, state="down", since=_now(), cause=why, last_error=why)
            self._changed.notify_all()

    def _drop(self) -> None:
        """End what is open."""
        with self._changed:
            forward, self._forward = self._forward, None
            room, self._room = self._room, None
        if forward is not None:
            forward.close()
            with self._changed:
                self._standing = counted(self._standing, forward.stats, over=True)
        if room is not None:
            room.close()

    def _sleep(self, until: float) -> None:
        """Wait until a moment, or until the session should be looked at, or the end."""
        with self._changed:
            while not self._closing and (left := min(until, self._look_at) - time.monotonic()) > 0:
                self._changed.wait(left)


def _now() -> datetime:
    return datetime.now(UTC)
