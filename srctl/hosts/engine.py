"""The calls to one Docker engine, in srctl's own words.

One method is one request of the Engine API unless its docstring says more. The SDK is used for transport and
framing only; its high-level objects inspect every container they list and are not used.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from srctl.clock import Closing, unhindered
from srctl.errors import (
    ConflictError,
    NameTakenError,
    NotFoundError,
    SrctlError,
    UnsupportedError,
)
from srctl.hosts import create, networks, parse, pulling, refusals, transport
from srctl.hosts.endpoints import LOCAL_SCHEMES, scheme
from srctl.hosts.events import CHANGES, WORDS, Events, Pieces, labelled
from srctl.hosts.facts import Facts
from srctl.hosts.faults import translated
from srctl.hosts.readiness import http_status, local_dial
from srctl.hosts.sdk import docker
from srctl.hosts.stats import Stats
from srctl.models import Container, ContainerSpec, Endpoint, Host, Image
from srctl.needs import ProgressCallback

if TYPE_CHECKING:
    from srctl.hosts.ssh_adapter import SSHConnection

API_VERSION = "1.41"
"""What we speak unless the engine refuses it and names another: asking first would cost a request each time."""

STOP_GRACE = 5
"""Seconds that an application has to end by itself before it is killed."""

START_TRIES = 4
"""How often a container is started: several processes may make its network at once, or take the port given to it."""

STREAMS_BY_COMMAND = 4
"""Streams at once where each takes a command on the far side: sshd allows 10 on one login (`MaxSessions`)."""

_SUPPORTED = re.compile(r"(?:Maximum|Minimum) supported API version is ([0-9]+\.[0-9]+)")
T = TypeVar("T")


class DockerHost(Facts):
    """One Docker host, connected at the first call. Every method may raise `UnreachableError`.

    `connect` opens the SSH connection to its machine, `None` where none is known; `timeout` is in seconds.
    """

    def __init__(self, host: Host, connect: Callable[[], "SSHConnection"] | None, timeout: float = 10.0) -> None:
        self.host = host
        self._connect = connect
        self._timeout = timeout
        self._version = API_VERSION

    @property
    def name(self) -> str:
        """The name that people know the host by."""
        return self.host.name

    @property
    def direct(self) -> bool:
        """Whether endpoints of this host can be reached from this machine without a tunnel."""
        return scheme(self.host) in LOCAL_SCHEMES

    @property
    def most_streams(self) -> int | None:
        """How many streams may be open at once, `None` for any number: a login has few channels for commands."""
        if scheme(self.host) != "ssh" or "_api" not in self.__dict__:
            return None
        return STREAMS_BY_COMMAND if self._api.get_adapter(self._api.base_url).by_command else None

    def require_way_to_endpoints(self) -> None:
        """Raise `UnsupportedError` where endpoints of this host can't be reached, directly or through SSH."""
        if not self.direct and self._connect is None:
            raise UnsupportedError(
                f"{self.name} is reached by {scheme(self.host)}:// and no SSH way to it is known",
                f"Name one: srctl host add {'NAME' if '://' in self.name else self.name} {self.host.url} --ssh URL",
            )

    @cached_property
    def link(self) -> "SSHConnection":
        """The SSH connection for API and tunnels together. Raises `UnsupportedError` where no SSH URL is known."""
        self.require_way_to_endpoints()
        if self._connect is None:
            raise UnsupportedError(f"{self.name} needs no SSH connection")
        return self._connect()

    @cached_property
    def _api(self) -> Any:
        link = self.link if scheme(self.host) == "ssh" else None
        return transport.client(self.host, link, self._version, self._timeout)

    def close(self) -> None:
        """Close what was opened."""
        if "_api" in self.__dict__:
            self._api.close()
            del self.__dict__["_api"]
        if "link" in self.__dict__:
            self.link.close()
            del self.__dict__["link"]

    def _call(self, call: Callable[[Any], T]) -> T:
        """Make a call; where the engine refuses our API version, take the one that it names and call again."""
        with translated(self.host):
            try:
                return call(self._api)
            except docker.errors.APIError as error:
                supported = _SUPPORTED.search(str(error.explanation or ""))
                if supported is None or self._version == supported[1]:
                    raise
                self._version = supported[1]
                self._api.close()
                del self.__dict__["_api"]
                return call(self._api)

    def containers(
        self, labels: Mapping[str, str], *, stopped: bool = False, ids: Sequence[str] = ()
    ) -> list[Container]:
        """Return the containers that carry all these labels; with `stopped` also those that do not run.

        With `ids` only those of them.
        """
        filters = {"label": labelled(labels), **({"id": list(ids)} if ids else {})}
        read = parse.listed_container
        return self._call(lambda api: parse.listed(api.containers(all=stopped, filters=filters), read))

    def container(self, name: str) -> Container:
        """Return one container by id or name. Raises `NotFoundError`."""
        return self._call(lambda api: parse.inspected_container(api.inspect_container(name)))

    def images(self) -> list[Image]:
        """Return all tagged images."""
        return self._call(lambda api: parse.listed(api.images(), parse.listed_image))

    def image(self, reference: str) -> Image:
        """Return one image. Raises `NotFoundError`."""
        try:
            return self._call(lambda api: parse.inspected_image(api.inspect_image(reference)))
        except NotFoundError as error:
            hint = f"Bring it there: docker pull {reference}"
            raise NotFoundError(f"There is no image {reference} on {self.name}", hint) from error

    def pull(self, reference: str, progress: ProgressCallback, closing: Closing = unhindered) -> None:
        """Pull an image with the credentials of the Docker config, telling progress layer by layer."""
        pulling.pull(lambda: self._pulled(reference), self.host, reference, progress, closing)

    def _pulled(self, reference: str) -> Pieces[dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "docker-credential-")  # an error follows
            stream = self._call(lambda api: api.pull(reference, stream=True, decode=True))
        return Pieces(stream, self._pieces(stream))

    def create(self, spec: ContainerSpec) -> str:
        """Create the container and return its id.

        Raises `NameTakenError`, `NotFoundError` for a missing image or volume source, and `LackingError` for more CPUs
        than there are.
        """
        try:
            made = self._call(lambda api: api.create_container_from_config(create.body(spec), spec.name))
        except ConflictError as error:
            raise NameTakenError(error.message, error.hint) from error
        except SrctlError as error:
            refusals.check_lacking(self.name, error)
            missing = re.search(r"bind source path does not exist:? ?(.*)", error.message)
            if missing is None:
                raise
            raise NotFoundError(
                f"The volume source {missing[1] or '?'} does not exist on the Docker host {self.name}",
                "Make the directory there, or change the grant",
            ) from error
        return str(made["Id"])

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name. Raises `NameTakenError` and `NotFoundError`."""
        try:
            self._call(lambda api: api.rename(container_id, name))
        except ConflictError as error:
            raise NameTakenError(error.message, error.hint) from error

    def start(self, container_id: str, network: str) -> None:
        """Start a created container; two requests more where its network is not there yet.

        Raises `PortTakenError` where the port is taken; one that the engine chooses is another each time. Raises
        `LackingError` where there are no such GPUs.
        """
        for left in reversed(range(START_TRIES)):
            try:
                self._call(lambda api: api.start(container_id))
                return
            except SrctlError as error:
                if left and self._mended(network, error.message):
                    continue
                refusals.check_port(self.name, error)
                refusals.check_lacking(self.name, error)
                raise

    def _mended(self, network: str, problem: str) -> bool:
        """Tell whether another try may go well; do something about the sessions' network if that is the problem."""
        if refusals.PORT_TAKEN.search(problem):
            return True
        if f"network {network} " not in problem:
            return False
        if "ambiguous" in problem:
            networks.drop_twins(self._call, network)
            return True
        if "not found" in problem:
            networks.make(self._call, network)
            return True
        return False

    def stop(self, container_id: str) -> None:
        """Ask the application to end, and kill it after `STOP_GRACE` seconds. Raises `NotFoundError`."""
        self._call(lambda api: api.stop(container_id, timeout=STOP_GRACE))

    def remove(self, container_id: str, *, force: bool = True) -> None:
        """Remove the container with its anonymous volumes. Raises `NotFoundError`.

        With `force` one that runs is killed; without it is left alone, and `ConflictError` raised.
        """
        try:
            self._call(lambda api: api.remove_container(container_id, v=True, force=force))
        except ConflictError as error:
            if "already in progress" not in error.message:
                raise

    def logs(self, container_id: str, *, tail: int | None = None, follow: bool = False) -> Pieces[bytes]:
        """Open a stream of what the application wrote, in pieces; one inspect more. Raises `NotFoundError`."""
        count = "all" if tail is None else tail
        stream = self._call(lambda api: api.logs(container_id, stream=True, follow=follow, tail=count))
        return Pieces(stream, self._pieces(stream))

    def events(self, container_id: str) -> Events:
        """Open a stream of what happens to a container: one request."""
        return self._events({"container": [container_id], "event": list(WORDS)})

    def changes(self, labels: Mapping[str, str]) -> Events:
        """Open a stream of what happens to the containers that carry all these labels: one request."""
        return self._events({"label": labelled(labels), "event": list(CHANGES)})

    def stats(self, container_id: str) -> Stats:
        """Open a stream of what a container takes: one request. Raises `NotFoundError`."""
        return Stats(self.host, container_id, self._call(lambda api: api.stats_lines(container_id)))

    def _events(self, filters: dict[str, list[str]]) -> Events:
        stream = self._call(lambda api: api.events(decode=True, filters={"type": ["container"], **filters}))
        return Events(stream, self._pieces(stream))

    def _pieces(self, stream: Iterator[T]) -> Iterator[T]:
        """Yield what a stream brings; it is left to its connection to end it, since the SDK can't over SSH."""
        with translated(self.host):
            for piece in stream:  # noqa: UP028 - `yield from` would close it
                yield piece

    def probe(self, endpoint: Endpoint, patience: float) -> int | None:
        """Ask the endpoint as its host would; return the HTTP status, `None` without one in `patience` seconds.

        Raises `ConnectionRefusedError` when nothing listens. Not a request of the Engine API.
        """
        return http_status(endpoint, local_dial if self.direct else self._dial, patience)

    def _dial(self, address: str, port: int) -> Any:
        from srctl.hosts.ssh_adapter import open_endpoint

        return open_endpoint(self.link, address, port)
