"""The process that holds one tunnel in the background: `python -m srctl.holder`, started by `srctl tunnel open`.

It reads what to do from its parent and needs neither configuration nor database. The Docker SDK is imported only
after the tunnel is up: the engine is asked by threads that nobody waits for.
"""

import os
import sys
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

import srctl.tunnel.handshake  # noqa: F401 - what a login needs, before the order comes
from srctl.errors import SrctlError
from srctl.hosts.endpoints import is_gateway, ssh_way
from srctl.models import TunnelPlan
from srctl.tunnel.background import Parent, outlive_terminal
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.record import Log, RecordedTunnel
from srctl.tunnel.registry import Registry
from srctl.tunnel.roles import SWITCH_INTERVAL
from srctl.tunnel.supervisor import SupervisedTunnel
from srctl.whereabouts import GONE, LOST, Whereabouts

if TYPE_CHECKING:
    from srctl.hosts.engine import DockerHost
    from srctl.remote import GatewayHost

BEAT = 1.0
"""Seconds between two looks at the numbers."""


class _EndError(BaseException):
    """This process was told to end."""


class Far:
    """The SSH connection and the engine of a plan's host, or the gateway in its place."""

    def __init__(self, plan: TunnelPlan, parent: Parent) -> None:
        self._plan = plan
        way, prompter = ssh_way(plan.host) or "", parent if parent.interactive else None
        forwards = not is_gateway(plan.host)  # there the first channel is the gateway's own
        self.link = SSHConnection.connect(way, timeout=plan.timeout, prompter=prompter, forwards=forwards)
        if not forwards:
            self.link.spare()  # what happens to the session is asked for at once, by a command
        gone = GONE if forwards else LOST
        self.whereabouts = Whereabouts(lambda: self.engine, plan.session_id, plan.container_id, plan.image, gone)

    @cached_property
    def engine(self) -> "DockerHost | GatewayHost":
        """What knows the session, reached through the connection where its URL says so."""
        if is_gateway(self._plan.host):
            from srctl.remote import GatewayHost, reached

            return GatewayHost(self._plan.host, lambda: reached(self.link, self._plan.host.name))
        from srctl.hosts.engine import DockerHost

        return DockerHost(self._plan.host, lambda: self.link, self._plan.timeout)


def main() -> int:
    """Hold a tunnel until it is closed or its session is gone."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    parent = Parent()
    try:
        outlive_terminal(_end)
        with ExitStack() as claim:
            try:
                tunnel = begun(parent, claim)
            except SrctlError as error:
                parent.failed(error)
                return error.exit_code
            parent.ready()
            os.chdir(os.sep)
            hold(tunnel)
    except _EndError:
        return 0
    except Exception as error:
        from srctl.crash import report

        parent.failed(report(error))
        return 1
    return 0


def begun(parent: Parent, claim: ExitStack) -> RecordedTunnel:
    """Log in, and return the tunnel, which is up. Raises what goes wrong."""
    plan, registry = parent.plan, Registry()
    claim.enter_context(registry.held(plan.id))
    far = Far(plan, parent)
    claim.callback(far.link.close)
    endpoint = far.whereabouts.locate() if parent.locate else plan.endpoint
    log = Log(registry.log_of(plan.id))
    tunnel = SupervisedTunnel(
        parent.listener,
        far.link,
        far.whereabouts,
        endpoint,
        lambda listener, to, waiting: Forward(listener, far.link, to.address, to.port, waiting),
        log,
    )
    return RecordedTunnel(registry, plan, tunnel, log, claim.pop_all())


def hold(tunnel: RecordedTunnel) -> None:
    """Keep the tunnel until it is down for good, or this process is told to end."""
    try:
        while tunnel.failure is None:
            tunnel.wait(BEAT)
    finally:
        tunnel.close()


def _end() -> None:
    outlive_terminal(lambda: None)
    raise _EndError


if __name__ == "__main__":
    sys.exit(main())
