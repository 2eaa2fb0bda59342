"""What use cases need of the edges, which are handed to them: a Docker host, and the rights that people have."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from srctl.models import Application, Container, ContainerSpec, Endpoint, Grant, Image, Progress, User

ProgressCallback = Callable[[Progress], None]


class Stream(Protocol):
    """Words that come as things happen."""

    def __iter__(self) -> Iterator[str]:
        """Return itself."""

    def __next__(self) -> str:
        """Wait for the next one."""

    def close(self) -> None:
        """End it; another thread may wait for it."""


class Engine(Protocol):
    """A Docker host. Every method may raise `UnreachableError`."""

    @property
    def name(self) -> str:
        """The name that people know the host by."""

    @property
    def direct(self) -> bool:
        """Whether endpoints are on this machine."""

    def require_way_to_endpoints(self) -> None:
        """Raise `UnsupportedError` where endpoints of this host can't be reached at all."""

    def containers(self, labels: Mapping[str, str], *, stopped: bool = False) -> list[Container]:
        """Return the containers with these labels; with `stopped` also those that do not run."""

    def container(self, name: str) -> Container:
        """Return one container by id or name. Raises `NotFoundError`."""

    def images(self) -> list[Image]:
        """Return all tagged images."""

    def image(self, reference: str) -> Image:
        """Return one image. Raises `NotFoundError`."""

    def pull(self, reference: str, progress: ProgressCallback) -> None:
        """Pull an image."""

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, return its id. Raises `NameTakenError` and `NotFoundError`."""

    def start(self, container_id: str, network: str) -> None:
        """Start a created container."""

    def stop(self, container_id: str) -> None:
        """End a container gracefully. Raises `NotFoundError`."""

    def remove(self, container_id: str, *, force: bool = True) -> None:
        """Remove a container. Raises `NotFoundError`, and without `force` `ConflictError` for one that runs."""

    def logs(self, container_id: str, *, tail: int | None = None, follow: bool = False) -> Iterator[bytes]:
        """Yield a container's output. Raises `NotFoundError`."""

    def events(self, container_id: str) -> Stream:
        """Open a stream of what happens to a container."""

    def version(self) -> str:
        """Return the engine's version."""

    def probe(self, endpoint: Endpoint, patience: float) -> int | None:
        """Return the HTTP status of an endpoint, `None` when there is none within `patience` seconds.

        Raises `ConnectionRefusedError` where nothing listens.
        """


class Rights(Protocol):
    """What sessions need of the accounting database."""

    def user(self, name: str) -> User:
        """Return a user. Raises `NotFoundError`."""

    def applications(self) -> list[Application]:
        """Return all applications."""

    def grants(self, *, user: str | None = None, image: str | None = None) -> list[Grant]:
        """Return the grants of a user, for an image, or all."""

    def existing_grants(self, ids: Iterable[str]) -> frozenset[str]:
        """Return those of the grant ids that exist."""
