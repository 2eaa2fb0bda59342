"""A gateway in the part of a Docker host, and the calls that it does: what is sent, and what is taken for an answer.

What can be called stands in the table of `calls.py`; arguments and results are checked against the types of the use
cases, whatever the gateway says.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from srctl import pieces, wire
from srctl.calls import CALLS, PROTOCOL, Call
from srctl.clock import Closing, unhindered
from srctl.errors import NotAllowedError
from srctl.models import Container, Endpoint, Host, Progress, Session, Started, StartRequest
from srctl.tunnel.errors import ConnectionLostError
from srctl.tunnel.remote import PATIENCE, Greeting, Pieces, Remote, Speech

if TYPE_CHECKING:
    from srctl.tunnel.connection import SSHConnection

LONG = 600.0
"""Seconds of silence that are borne while something is changed: ending people's connections takes its time."""

_ID = re.compile(r"[0-9a-f]{32}")
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"/[A-Za-z0-9/?&=%:@!$'()*+,;~._#-]*")
Tell = Callable[[Progress], None]


class GatewayHost:
    """A gateway in the part of a Docker host: where sessions are, and the connection that leads to them.

    `reach` logs in and greets; it is called when the gateway is first needed.
    """

    direct = False
    through_gateway = True

    def __init__(self, host: Host, reach: Callable[[], Remote]) -> None:
        self.host = host
        self._reach = reach

    @property
    def name(self) -> str:
        """The name that people know it by."""
        return self.host.name

    @cached_property
    def remote(self) -> Remote:
        """The connection and what speaks on it."""
        return self._reach()

    @cached_property
    def greeting(self) -> Greeting:
        """What the gateway says of itself and of us. Raises `UnreachableError` and `UnsupportedError`."""
        return self.remote.greet()

    @property
    def link(self) -> "SSHConnection":
        """The SSH connection, for requests and tunnels together."""
        return self.remote.link

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint of the key that the login was made with."""
        from srctl.public_keys import fingerprint

        key = self.link.key
        return None if key is None else fingerprint(key)

    def require_way_to_endpoints(self) -> None:
        """There is one."""

    def container(self, container_id: str) -> Container:
        """Return the container of a session that one may open. Raises `NotFoundError`."""
        found: Container = self.call(CALLS["session.container"], container_id)
        return found

    def events(self, container_id: str) -> Pieces:
        """Open a stream of what happens to such a container."""
        return self.words(CALLS["session.events"], container_id)

    def words(self, call: Call, /, *given: Any, **named: Any) -> Pieces:
        """Open a stream of words."""
        return self.remote.stream(call.name, arguments(call, *given, **named))

    def version(self) -> str:
        """Return the version of the engine behind it."""
        return str(self.call(CALLS["host.version"]))

    def call(
        self, call: Call, /, *given: Any, tell: Tell | None = None, closing: Closing = unhindered, **named: Any
    ) -> Any:
        """Have a call done and return what it gives, checked; one that changes nothing is repeated after a loss.

        Raises what it raises there. What is given up here is given up there.
        """
        asked = arguments(call, *given, **named)
        call.signature.prepare()  # while the login goes on
        try:
            said = self.remote.request(call.name, asked, tell, _patience(call, given), closing)
        except ConnectionLostError as error:
            if call.changes:
                hint = "It may have been carried out or not: look before you try again"
                raise ConnectionLostError(error.message, hint) from error
            said = self.remote.request(call.name, asked, tell, _patience(call, given), closing)
        return self._ours(call.signature.load(said))

    def logs(self, call: Call, /, *given: Any, **named: Any) -> pieces.Bytes:
        """Open a stream of bytes; it ends there when it is closed here."""
        return pieces.Bytes(self.remote.stream(call.name, arguments(call, *given, **named)))

    def lead(self, endpoint: Endpoint) -> None:
        """See to it that this login may forward to a session which is new, or another person's.

        What a login may is decided when it is made, so one that is older than the leave is made again: nobody is asked.
        An own slot may have been closed until this session was started there.
        Raises `NotAllowedError` where the gateway does not permit it even so.
        """
        if self.remote.permits(endpoint.address, endpoint.port):
            return
        before, link = self.remote, self.link.again()
        try:
            self.remote = reached(link, self.name)
        except BaseException:
            link.close()
            raise
        before.close()
        if not self.remote.permits(endpoint.address, endpoint.port):
            raise NotAllowedError(
                f"The gateway {self.name} does not lead you to that session any more",
                "The grant, or the leave of whose session it is, was taken back",
            )

    def close(self) -> None:
        """Close what was opened."""
        if "remote" in self.__dict__:
            self.remote.close()
            del self.__dict__["remote"]

    def _ours(self, value: Any) -> Any:
        """Return sessions as they are seen from here: by our name of the host, and without a URL yet."""
        if isinstance(value, Session):
            if not (_ID.fullmatch(value.id) and _CONTAINER.fullmatch(value.container_id)):
                raise wire.nonsense("a session that is none")
            return replace(value, host=self.name, url=None)
        if isinstance(value, Started):
            to = value.endpoint
            if to and (to.scheme not in ("http", "https") or not _PATH.fullmatch(to.path) or not 0 < to.port < 65536):
                raise wire.nonsense("an address that is none")
            return replace(value, session=self._ours(value.session))
        if isinstance(value, list):
            return [self._ours(each) for each in value]
        return value


def reached(link: "SSHConnection", name: str) -> Remote:
    """Return the gateway at the other end, which has greeted. Raises `UnreachableError` and `UnsupportedError`."""
    from importlib.metadata import version

    remote = Remote(link, Speech(version("srctl"), PROTOCOL, wire.load_error), name)
    remote.greet()
    return remote


def arguments(call: Call, *given: Any, **named: Any) -> dict[str, Any]:
    """Return the arguments of a call as they are sent; tuples go as arrays."""
    bound = call.signature.bind(*given, **named)
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in bound.items()}
    return cast("dict[str, Any]", call.signature.dump_arguments(plain))


def _patience(call: Call, given: tuple[Any, ...]) -> float:
    asked = sum(each.timeout for each in given if isinstance(each, StartRequest))
    return (LONG if call.changes else PATIENCE) + asked
