"""What people may run, and within which limits: users, groups, applications, grants."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a session may take. `None` means: what the application's defaults say, and without those no limit.

    `gpus` is `all`, a count, or `0` for none; `network` is `none`, `isolated` or `bridge`.
    """

    cpus: float | None = None
    memory: int | None = None
    gpus: str | None = None
    shm_size: int | None = None
    pids: int | None = None
    network: str | None = None
    read_only: bool | None = None
    max_sessions: int | None = None
    max_lifetime: int | None = None
    idle_timeout: int | None = None
    expires: datetime | None = None
    """From then on the grant permits nothing; an application's defaults have none."""


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the Docker host that a grant mounts into the container; mode is `ro` or `rw`."""

    source: str
    target: str
    mode: str


@dataclass(frozen=True, slots=True)
class Policy(Limits):
    """What a grant permits, and within which limits."""

    allow_home: bool = False
    allow_view: bool = False
    allow_startup_data: bool = False
    license: str | None = None
    volumes: tuple[Volume, ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """A person in the accounting database. `id` is never reused; below 0 it is made of the name, for lack of one."""

    id: int
    name: str
    created: datetime
    admin: bool = False
    disabled: bool = False

    @property
    def lasting_id(self) -> int:
        """The id for what outlives the person's row: homes, and the labels of sessions; 0 where there is none."""
        return max(self.id, 0)


@dataclass(frozen=True, slots=True)
class Group:
    """People who are granted applications together; `members` are names of users, in their order."""

    id: int
    name: str
    created: datetime
    members: tuple[str, ...] = ()
    grants: int = 0
    """How many grants it has."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An SSH public key: `blob` is its base64 body, `fingerprint` is `SHA256:...` as `ssh-keygen -l` prints it."""

    type: str
    blob: str
    fingerprint: str
    comment: str = ""
    added: datetime | None = None
    last_used: datetime | None = None
    """When a command of the person last came through a gateway with it."""


@dataclass(frozen=True, slots=True)
class Application:
    """A Docker image registered for use. `None` means: what the image itself says.

    `image` carries its tag or digest; `shm_size` is in bytes; `gpus` is `all` or a count. `defaults` are the limits of
    each grant that sets none.
    """

    image: str
    id: int = 0
    title: str | None = None
    port: int | None = None
    path: str | None = None
    scheme: str | None = None
    profile: str | None = None
    shm_size: int | None = None
    gpus: str | None = None
    created: datetime | None = None
    defaults: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Grant:
    """The right of `user`, or of each member of `group`, to run `application` under `policy`; one of both is `None`.

    `id` is 32 hexadecimal digits and never reused.
    """

    id: str
    user: str | None
    application: Application
    policy: Policy
    created: datetime
    group: str | None = None

    @property
    def holder(self) -> str:
        """Who has it, as people type it: the user's name, or that of the group after an `@`."""
        return f"@{self.group}" if self.user is None else self.user


@dataclass(frozen=True, slots=True)
class GrantPage:
    """Grants in short, by id: of each the id, the ids of user and application, the number of its policy, since when.

    `more` tells whether others follow.
    """

    policies: tuple[Policy, ...]
    lines: tuple[tuple[str, int, int, int, datetime], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """State of the accounting database. `pending` lists the migrations that `db upgrade` would apply.

    What has no schema has neither `revision` nor `head`.
    """

    url: str
    revision: str | None
    head: str | None
    pending: tuple[str, ...]
    users: int | None
    applications: int | None
    grants: int | None
