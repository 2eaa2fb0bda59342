"""A socket of this process that leads to a TCP port as an SSH host sees it: how one connection goes through another."""

import socket
import threading

from srctl.errors import UnreachableError
from srctl.tunnel.errors import ChannelRefusedError, ConnectionLostError
from srctl.tunnel.pump.wire import Tally
from srctl.tunnel.settings import Settings
from srctl.tunnel.transport import Transport


def bridge_to(settings: Settings, transport: Transport, jump: str, timeout: float) -> socket.socket:
    """Return a socket that leads to the host of `settings` through the jump host `jump`. Raises `UnreachableError`."""
    try:
        return bridge(transport, settings.hostname, settings.port, timeout)
    except ChannelRefusedError as error:
        raise UnreachableError(
            f"The jump host {jump} cannot reach {settings.hostname}, port {settings.port}: {error.message}",
            f"Does `ssh {settings.alias}` work?",
        ) from error


def bridge(transport: Transport, address: str, port: int, timeout: float) -> socket.socket:
    """Return the socket; `timeout` is in seconds. Raises `ChannelRefusedError` and `ConnectionLostError`."""
    ours, theirs = socket.socketpair()
    answered, problems = threading.Event(), list[str]()

    def answer(problem: str | None) -> None:
        problems.extend([problem] if problem else [])
        answered.set()

    streams = transport.packetizer.streams
    asked = transport.packetizer.call(lambda: streams.connect(theirs, (address, port), Tally(), answer))
    if asked and answered.wait(timeout) and not problems:
        return ours
    ours.close()
    if not asked:
        theirs.close()
    if not transport.is_active():
        raise ConnectionLostError(f"The SSH connection is lost: {transport.cause}")
    raise ChannelRefusedError(problems[0] if problems else f"The SSH server did not answer within {timeout:g} s")
