"""Reach a host: its login, which begins before it is needed, and what speaks to the engine or the gateway there."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from srctl.asking import ErrandPrompter
from srctl.errors import UnreachableError
from srctl.hosts.endpoints import gateway_way, is_gateway
from srctl.models import Host

if TYPE_CHECKING:
    from srctl.hosts.engine import DockerHost
    from srctl.tunnel.connection import SSHConnection
    from srctl.tunnel.prompter import Prompter
    from srctl.tunnel.remote import Remote


class Closing(Protocol):
    """A connection."""

    def close(self) -> None:
        """End it."""


C = TypeVar("C", bound=Closing)


def reach(host: Host, timeout: float, prompter: "Prompter | None", stack: ExitStack) -> "DockerHost":
    """Return what speaks to a host, closed with `stack`; a gateway plays the part of a Docker host.

    A login that is needed for the first request begins at once and goes on while libraries are imported.
    """
    opened: DockerHost
    if is_gateway(host):
        remote = _early(partial(_greeted, host, timeout), prompter, stack)
        from srctl.remote import GatewayHost

        opened = cast("DockerHost", GatewayHost(host, remote))
    else:
        opened = _engine(host, timeout, prompter, stack)
    stack.callback(opened.close)
    return opened


def _engine(host: Host, timeout: float, prompter: "Prompter | None", stack: ExitStack) -> "DockerHost":
    connect: Callable[[], SSHConnection] | None = None
    if host.url.startswith("ssh://"):
        connect = _early(partial(_connected, host.url, timeout, engine=True), prompter, stack)
    elif host.ssh is not None:
        connect = partial(_connected, host.ssh, timeout, prompter, forwards=True)
    from srctl.hosts.engine import DockerHost as Engine

    return Engine(host, connect, timeout)


def _early(call: "Callable[[Prompter | None], C]", prompter: "Prompter | None", stack: ExitStack) -> Callable[[], C]:
    """Begin already what makes a connection; return what waits for it."""
    from srctl.early import Early, Errands

    errands = Errands()
    asking = prompter and ErrandPrompter(errands, prompter)
    early = Early(partial(call, asking), lambda connection: connection.close(), errands)
    stack.callback(early.abandon)
    return early.result


def _connected(url: str, timeout: float, prompter: "Prompter | None", **purpose: bool) -> "SSHConnection":
    from srctl.tunnel.connection import SSHConnection

    return SSHConnection.connect(url, timeout=timeout, prompter=prompter, **purpose)


def _greeted(host: Host, timeout: float, prompter: "Prompter | None") -> "Remote":
    try:
        link = _connected(gateway_way(host.url), timeout, prompter, command=True)
    except UnreachableError as error:
        from srctl.tunnel.errors import LoginNeededError

        if isinstance(error, LoginNeededError):
            raise type(error)(error.message, f"See what is missing: srctl login {host.name}") from error
        raise
    try:
        from srctl.remote import reached

        return reached(link, host.name)
    except BaseException:
        link.close()
        raise
