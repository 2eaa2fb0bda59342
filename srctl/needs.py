"""What use cases need of the edges, which are handed to them: a Docker host, and the rights that people have."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from srctl.models import (
    Application,
    Container,
    ContainerSpec,
    Counters,
    Endpoint,
    Extension,
    Grant,
    Group,
    Image,
    Limits,
    Policy,
    Progress,
    PublicKey,
    Record,
    StoreStatus,
    User,
)

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

    def logs(self, container_id: str, *, tail: int | None = None, follow: bool = False) -> Iterator[bytes]:
        """Yield a container's output. Raises `NotFoundError`."""

    def events(self, container_id: str) -> Stream:
        """Open a stream of what happens to a container."""

    def changes(self, labels: Mapping[str, str]) -> Stream:
        """Open a stream of what happens to the containers with these labels."""

    def version(self) -> str:
        """Return the engine's version."""

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

    def held(self, claims: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Return those claims (user, grant id) that are true now."""

    @property
    def records(self) -> "Records":
        """What ran, and until when it may."""


class Groups(Protocol):
    """The groups in the accounting database."""

    def groups(self) -> list[Group]:
        """Give all groups by name."""

    def group(self, name: str) -> Group:
        """Give one group. Raises NotFoundError."""

    def add_group(self, name: str) -> Group:
        """Add a group. Raises ConflictError if the name exists or differs only in case, and where a user has it."""

    def remove_group(self, name: str) -> None:
        """Remove a group with its grants. Raises NotFoundError."""

    def join(self, name: str, user: str) -> bool:
        """Take a user into a group; return whether this is new. Raises NotFoundError for either."""

    def leave(self, name: str, user: str) -> None:
        """Take a user out of a group. Raises NotFoundError, also where the user is not in it."""

    def memberships(self, names: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Give the groups of each user who is in one, or of these users only."""


class Records(Protocol):
    """What ran, and until when it may. Writing may raise `UnsupportedError`."""

    def begin(self, record: Record) -> bool:
        """Keep the record of a session; return whether it is new."""

    def end(self, session_id: str, ended: datetime, reason: str, cpu_seconds: float | None = None) -> bool:
        """Note when and why a session ended, and forget its extension; return whether this was not known yet."""

    def reopen(self, session_id: str) -> None:
        """Take back the end of a session that runs again."""

    def running(self, realm: str) -> list[Record]:
        """Give the records of a realm that have no end, oldest first."""

    def notice(self, found: Sequence[Record]) -> None:
        """Keep what was noticed of running sessions."""

    def warn(self, session_id: str, warning: str, warned: datetime) -> bool:
        """Keep what the owner is told from now on; return false where the same is told already."""

    def calm(self, session_ids: Iterable[str]) -> None:
        """Take back what the owners of sessions were told."""

    def warnings(self, session_ids: Iterable[str]) -> dict[str, str]:
        """Give what the owners of sessions are told, by session."""

    def between(self, since: datetime | None, until: datetime | None, user: str | None = None) -> list[Record]:
        """Give the records of what ran in a time, oldest first; of one user only, if one is named."""

    def extend(self, extension: Extension) -> None:
        """Keep a later end of a session; what its owner was told is taken back."""

    def extensions(self, session_ids: Iterable[str]) -> dict[str, Extension]:
        """Give the extensions of sessions, by session."""


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
