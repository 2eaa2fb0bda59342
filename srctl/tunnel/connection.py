"""One SSH connection to one host, for everything: the Docker API, port forwards and commands.

Built to be opened early: `connect` may run in a thread while the caller imports what it needs, and paramiko itself is
imported while the TCP connection is being made. Host keys are always checked. After a loss `reconnect` logs in again
with the settings and the key that worked, and never asks anybody.
"""

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from srctl.errors import SrctlError, UsageError
from srctl.tunnel import ahead
from srctl.tunnel.dial import Dialled, ProxyCommand, greet
from srctl.tunnel.errors import ChannelRefusedError, ConnectionLostError
from srctl.tunnel.knocking import persevere
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.settings import Settings, resolve
from srctl.tunnel.target import DEFAULT_SOCKET, SSHTarget, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from srctl.tunnel.channel import Channel
    from srctl.tunnel.keys import Identity
    from srctl.tunnel.transport import Transport

__all__ = [
    "DEFAULT_SOCKET",
    "ChannelRefusedError",
    "ConnectionLostError",
    "Prompter",
    "SSHConnection",
    "SSHTarget",
    "parse_target",
    "resolve",
]

CHANNEL_TIMEOUT = 20.0
"""Seconds that a server may take to open a channel; the far end of a TCP channel may be slow to answer."""

_MOST_HOPS = 8


@dataclass(frozen=True, slots=True)
class _Manner:
    """How to log in: within which time, with whom to ask, and which channels to ask for ahead."""

    timeout: float
    prompter: Prompter | None
    wanted: tuple[ahead.Opening, ...] = ()


class SSHConnection:
    """A logged-in connection. Channels may be opened from any thread; closing it ends them all."""

    def __init__(self, target: SSHTarget, settings: Settings, manner: _Manner, via: "SSHConnection | None") -> None:
        """Use `connect` instead."""
        self.target = target
        self.settings = settings
        self.logins = 0
        """How many times this object has logged in to its host; jump hosts count for themselves."""
        self._timeout = settings.connect_timeout or manner.timeout
        self._wanted = manner.wanted
        self._via = via
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._proxy: ProxyCommand | None = None
        self._proven: Identity | None = None
        self._closed = False

    @classmethod
    def connect(
        cls,
        target: SSHTarget | str,
        *,
        timeout: float = 10.0,
        prompter: Prompter | None = None,
        engine: bool = False,
        forwards: bool = False,
        command: bool = False,
    ) -> "SSHConnection":
        """Open a connection as `ssh` would; `timeout` (seconds) covers TCP and the key exchange.

        `engine`, `forwards` and `command` tell what it is for, the target's Docker socket, port forwards or a command:
        these are ready a round trip earlier. Raises `UsageError` for configuration that cannot be honoured and
        `UnreachableError` for the rest.
        """
        where = parse_target(target) if isinstance(target, str) else target
        sockets = [ahead.streamlocal(where.socket_path or DEFAULT_SOCKET)] if engine else []
        errand = [ahead.ERRAND] if forwards else [ahead.session()] if command else []
        manner = _Manner(timeout, prompter, (*sockets, *errand))
        return cls._follow(where, resolve(where), manner, 0)

    @classmethod
    def _follow(cls, target: SSHTarget, settings: Settings, manner: _Manner, depth: int) -> "SSHConnection":
        """Connect through the jump hosts: the first as its own configuration says, each other through the last."""
        if depth > _MOST_HOPS:
            raise UsageError(
                f"The jump hosts of {target} lead in a circle", "Add `ProxyJump none` for the jump host itself"
            )
        via: SSHConnection | None = None
        onwards = replace(manner, wanted=())
        try:
            for hop in settings.proxy_jump:
                known = resolve(hop)
                if via is None:
                    via = cls._follow(hop, known, onwards, depth + 1)
                else:
                    via = cls._open(hop, replace(known, proxy_jump=(), proxy_command=None), onwards, via)
            return cls._open(target, settings, manner, via)
        except BaseException:
            if via is not None:
                via.close()
            raise

    @classmethod
    def _open(
        cls, target: SSHTarget, settings: Settings, manner: _Manner, via: "SSHConnection | None"
    ) -> "SSHConnection":
        connection = cls(target, settings, manner, via)
        connection._log_in(manner.prompter)
        return connection

    def __enter__(self) -> Self:
        """Return the connection; it closes at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def __str__(self) -> str:
        """Return `user@host`, for messages."""
        return str(self.settings)

    # -- state

    @property
    def alive(self) -> bool:
        """Whether the connection is up, as far as is known; a silent peer is noticed within 8 s."""
        return self._transport is not None and self._transport.is_active()

    @property
    def cause(self) -> str | None:
        """Why the connection is down, in words; `None` while it is up."""
        if self.alive:
            return None
        if self._closed or self._transport is None:
            return "it was closed"
        return self._transport.cause

    @property
    def transport(self) -> "Transport":
        """The transport, for the other modules of this package. Raises `ConnectionLostError` when it is down."""
        transport = self._transport
        if transport is None or not transport.is_active():
            raise ConnectionLostError(f"The SSH connection to {self} is lost: {self.cause}", "Try again")
        return transport

    @property
    def key(self) -> bytes | None:
        """The public key that the login was made with, as SSH writes it; `None` where it was another method."""
        return None if self._proven is None else self._proven.blob

    def when_lost(self, call: "Callable[[], None]") -> "Callable[[], None]":
        """Have `call` run once, on some thread, when the present connection ends; returns what takes that back."""
        transport = self.transport
        transport.when_ended(call)
        return lambda: transport.forget(call)

    # -- channels

    def open_streamlocal(self, path: str) -> "Channel":
        """Open a channel to a unix socket on the host."""
        return self._channel(ahead.streamlocal(path))

    def open_tcp(self, address: str, port: int) -> "Channel":
        """Open a channel to a TCP port as the host sees it."""
        return self._channel(ahead.tcp(address, port))

    def exec(self, command: str) -> "Channel":
        """Start a command on the host; the channel carries its input and output."""
        channel = self._channel(ahead.session())
        self.transport.hurried = True
        from paramiko import SSHException

        try:
            channel.exec_command(command)
        except (SSHException, OSError) as error:
            channel.close()
            if not self.alive:
                raise ConnectionLostError(f"The SSH connection to {self} is lost: {self.cause}") from error
            raise ChannelRefusedError(f"{self} does not run commands for you", reason="prohibited") from error
        return channel

    def hurry(self) -> None:
        """Make small packets travel at once; for connections that carry port forwards. Does not wait."""
        self.transport.hurry()

    def spare(self) -> None:
        """Start no command just to make small packets travel at once: one is about to be started anyway."""
        self.transport.hurried = True

    def _channel(self, wish: ahead.Opening) -> "Channel":
        return self.transport.open(wish, CHANNEL_TIMEOUT)

    # -- life

    def reconnect(self) -> None:
        """Log in again if the connection is down: same settings, the key that worked, no questions."""
        with self._lock:
            if self._closed:
                raise ConnectionLostError(f"The SSH connection to {self} was closed")
            if self.alive:
                return
            if self._via is not None:
                self._via.reconnect()
            self._release()
            self._try(None, time.monotonic() + self._timeout)  # once: who reconnects has a pace of his own

    def again(self) -> "SSHConnection":
        """Return a second connection to the same host: same settings, the key that worked, no questions.

        What a server permits may depend on when one logged in. Raises as `reconnect`.
        """
        via = None if self._via is None else self._via.again()
        second = SSHConnection(self.target, self.settings, _Manner(self._timeout, None), via)
        second._proven = self._proven
        try:
            second._log_in(None)
        except BaseException:
            second.close()
            raise
        return second

    def close(self) -> None:
        """End the connection, its channels, its ProxyCommand and its jump hosts."""
        self._closed = True
        self._release()
        if self._via is not None:
            self._via.close()

    def _release(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None

    def _log_in(self, prompter: Prompter | None) -> None:
        """Log in, at another try where the server is full; a ProxyCommand, which may ask the person, is run once."""
        deadline = time.monotonic() + self._timeout
        if self._via is None and self.settings.proxy_command:
            self._try(prompter, deadline)
        else:
            persevere(partial(self._try, prompter, deadline), deadline)

    def _try(self, prompter: Prompter | None, deadline: float) -> None:
        dialled = None if self._via or self.settings.proxy_command else Dialled(self.settings, deadline)
        from srctl.tunnel.handshake import shake_hands  # while the TCP connection is made

        stream = dialled.result() if dialled is not None else self._stream()
        try:
            self._transport, self._proven = shake_hands(
                stream, self.settings, deadline, prompter, self._proven, self._wanted
            )
        except SrctlError as error:
            raise self._explained(error) from error
        except BaseException:
            self._release()
            raise
        self.logins += 1
        if self._closed:  # by another thread, meanwhile
            self._release()
            raise ConnectionLostError(f"The SSH connection to {self} was closed")
        from srctl.tunnel.liveness import COUNT, INTERVAL

        self._transport.watch(self.settings.alive_interval or INTERVAL, self.settings.alive_count or COUNT)

    def _stream(self) -> Any:
        """Return the way to a host that is not reached by a TCP connection of our own."""
        if self._via is None:
            self._proxy = ProxyCommand(self.settings.proxy_command or "")
            stream = self._proxy.socket
        else:
            from srctl.tunnel.bridge import bridge_to

            stream = bridge_to(self.settings, self._via.transport, str(self._via), self._timeout)
        greet(stream)
        return stream

    def _explained(self, error: SrctlError) -> SrctlError:
        """Add what the ProxyCommand complained about."""
        said = self._proxy.explain() if self._proxy is not None else ""
        self._release()
        return type(error)(f"{error.message} The ProxyCommand says: {said}", error.hint) if said else error
