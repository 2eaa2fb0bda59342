"""What use cases need of the edges, which are handed to them: a Docker host, and the rights that people have."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from srctl.books import Groups, Records
from srctl.clock import Closing, unhindered
from srctl.models import (
    Application,
    Container,
    ContainerSpec,
    Counters,
    Endpoint,
    EngineInfo,
    Grant,
    GrantPage,
    Image,
    Limits,
    Policy,
    Progress,
    PublicKey,
    StoreStatus,
    Usage,
    User,
)

ProgressCallback = Callable[[Progress], None]

T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol[T_co]):
    """What comes as things happen: words, or pieces of a text."""

    def __iter__(self) -> Iterator[T_co]:
        """Return itself."""

    def __next__(self) -> T_co:
        """Wait for the next one."""

    def close(self) -> None:
        """End it; another thread may wait for it."""


class UsageStream(Protocol):
    """What a container takes, as time goes by."""

    def __iter__(self) -> Iterator[Usage]:
        """Return itself."""

    def __next__(self) -> Usage:
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

    @property
    def most_streams(self) -> int | None:
        """How many streams may be open at once, `None` for any number."""

    def require_way_to_endpoints(self) -> None:
        """Raise `UnsupportedError` where endpoints of this host can't be reached at all."""

    def containers(
        self, labels: Mapping[str, str], *, stopped: bool = False, ids: Sequence[str] = ()
    ) -> list[Container]:
        """Return the containers with these labels, with `ids` only those; with `stopped` also if they do not run."""

    def container(self, name: str) -> Container:
        """Return one container by id or name. Raises `NotFoundError`."""

    def images(self) -> list[Image]:
        """Return all tagged images."""

    def image(self, reference: str) -> Image:
        """Return one image. Raises `NotFoundError`."""

    def pull(self, reference: str, progress: ProgressCallback, closing: Closing = unhindered) -> None:
        """Pull an image."""

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, return its id. Raises `NameTakenError` and `NotFoundError`."""

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name. Raises `NameTakenError` and `NotFoundError`."""

    def start(self, container_id: str, network: str) -> None:
        """Start a created container."""

    def stop(self, container_id: str) -> None:
        """End a container gracefully. Raises `NotFoundError`."""

    def remove(self, container_id: str, *, force: bool = True) -> None:
        """Remove a container. Raises `NotFoundError`, and without `force` `ConflictError` for one that runs."""

    def counters(self, container_id: str) -> Counters | None:
        """Return what a container has used; `None` for one that does not run. Raises `NotFoundError`."""

    def deaths(self, labels: Mapping[str, str], since: datetime) -> dict[str, datetime]:
        """Return when containers with these labels ended last, by id, as far as the engine remembers."""

    def logs(self, container_id: str, *, tail: int | None = None, follow: bool = False) -> Stream[bytes]:
        """Open a stream of a container's output. Raises `NotFoundError`."""

    def events(self, container_id: str) -> Stream[str]:
        """Open a stream of what happens to a container."""

    def changes(self, labels: Mapping[str, str]) -> Stream[str]:
        """Open a stream of what happens to the containers with these labels."""

    def stats(self, container_id: str) -> UsageStream:
        """Open a stream of what a container takes, about once a second. Raises `NotFoundError`."""

    def version(self) -> str:
        """Return the engine's version."""

    def info(self) -> EngineInfo:
        """Return what the engine says of itself and of its machine."""

    def probe(self, endpoint: Endpoint, patience: float) -> int | None:
        """Return the HTTP status of an endpoint, `None` when there is none within `patience` seconds.

        Raises `ConnectionRefusedError` where nothing listens.
        """


class Rights(Protocol):
    """What sessions need of the accounting database. A user's grants are the own ones and those of groups."""

    def user(self, name: str) -> User:
        """Return a user. Raises `NotFoundError`."""

    def applications(self) -> list[Application]:
        """Return all applications."""

    def grants(self, *, user: str | None = None, group: str | None = None, image: str | None = None) -> list[Grant]:
        """Return the grants that a user has, those of a group, for an image, or all."""

    def grants_by_id(self, ids: Iterable[str]) -> dict[str, Grant]:
        """Return those of the grants that exist, by their ids."""

    def held(self, claims: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Return those claims (user, grant id) that are true now."""

    @property
    def records(self) -> Records:
        """What ran, and until when it may."""


class Store(Protocol):
    """The accounting database. Images carry their tag; any method may raise the errors of a database that fails."""

    @property
    def groups(self) -> Groups:
        """The groups of users."""

    @property
    def records(self) -> Records:
        """What ran, and until when it may."""

    def user(self, name: str) -> User:
        """Give the user of exactly this name. Raises NotFoundError."""

    def users(self) -> list[User]:
        """Give all users by name."""

    def add_user(self, name: str, admin: bool = False) -> User:
        """Add a user. Raises ConflictError if the name exists or differs only in case from one that does."""

    def remove_user(self, name: str) -> None:
        """Remove a user with grants and keys. Raises NotFoundError."""

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Refuse a person or let them in again. Raises NotFoundError."""

    def set_admin(self, name: str, admin: bool) -> None:
        """Let a person administer through a gateway, or no longer. Raises NotFoundError."""

    def add_key(self, user: str, key: PublicKey) -> PublicKey:
        """Add a key. Raises NotFoundError for the user, ConflictError if the key belongs to another user."""

    def keys(self, user: str) -> list[PublicKey]:
        """Give the keys of a user, oldest first. Raises NotFoundError for the user."""

    def key_counts(self) -> Mapping[str, int]:
        """Give how many keys users have, by name; those without any are left out."""

    def remove_key(self, user: str, fingerprint: str) -> None:
        """Remove one key of a user. Raises NotFoundError for the user or the key."""

    def application(self, image: str) -> Application:
        """Give the application of this image. Raises NotFoundError."""

    def applications(self) -> list[Application]:
        """Give all applications by image."""

    def add_application(self, application: Application) -> Application:
        """Add an application; `id` and `created` are given by the store. Raises ConflictError if it is there."""

    def remove_application(self, image: str) -> None:
        """Remove an application with its grants. Raises NotFoundError."""

    def set_defaults(self, image: str, defaults: Limits) -> Application:
        """Give an application other defaults. Raises NotFoundError."""

    def add_grant(self, image: str, user: str | None, policy: Policy, *, group: str | None = None) -> Grant:
        """Grant to a user or a group; the same grant again is the one that stands. Raises NotFoundError.

        For the application first.
        """

    def grants(self, *, user: str | None = None, group: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants that a user has, those of a group, of an application, or all; unknown names have none."""

    def grant_page(self, after: str, most: int) -> GrantPage:
        """Give at most so many grants of users in short, by id, from the one that follows the id `after`."""

    def replace_grant(self, before: Grant, policy: Policy, *, keep: bool) -> Grant:
        """Put another policy in the place of a grant's; without `keep` it is a new grant with a new id.

        Raises NotFoundError if it is gone, ConflictError if it has changed or the user has such a grant beside it.
        """

    def remove_grant(self, grant_id: str) -> None:
        """Remove a grant by its full id. Raises NotFoundError."""

    def find_grants(self, id_prefix: str) -> list[Grant]:
        """Give the grants whose id starts so, by id."""

    def grants_by_id(self, ids: Iterable[str]) -> dict[str, Grant]:
        """Give those of the grants that exist, by their ids."""

    def held(self, claims: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Give those claims (user, grant id) that are true: alone or by a group, and not expired."""

    def status(self) -> StoreStatus:
        """Give revision and counts."""

    def close(self) -> None:
        """Give back what the store holds."""
