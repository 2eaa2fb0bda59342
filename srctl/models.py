"""The words of srctl as plain values: what use cases pass around and faces show.

All are frozen. Rows of the database and objects of the Docker SDK never leave their edge; they become these.
Times are aware datetimes in UTC, sizes are bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from srctl.entry import AuditEntry as AuditEntry  # noqa: PLC0414 - one of the words
from srctl.errors import NotAllowedError
from srctl.terms import ISOLATED as ISOLATED  # noqa: PLC0414 - words as well
from srctl.terms import NETWORK as NETWORK  # noqa: PLC0414
from srctl.terms import NO_NETWORK as NO_NETWORK  # noqa: PLC0414
from srctl.terms import Counters as Counters  # noqa: PLC0414
from srctl.terms import Extension as Extension  # noqa: PLC0414 - words as well
from srctl.terms import Group as Group  # noqa: PLC0414
from srctl.terms import Limits as Limits  # noqa: PLC0414
from srctl.terms import Record as Record  # noqa: PLC0414
from srctl.terms import Watch as Watch  # noqa: PLC0414

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


@dataclass(frozen=True, slots=True)
class Host:
    """A Docker host as configured. `ssh` is the SSH URL for tunnels where the engine is reached by `tcp://`.

    `source` tells who knows it: `config`, `context` (Docker's own), `environment`, `flag` or `default`.
    `tls_dir` is the folder with `ca.pem`, `cert.pem` and `key.pem`; `tls_verify` tells whether the server is checked.
    """

    name: str
    url: str
    source: str
    default: bool = False
    ssh: str | None = None
    tls_dir: str | None = None
    tls_verify: bool = True


@dataclass(frozen=True, slots=True)
class Image:
    """An image as its engine describes it; `labels` and `env` come from outside and may hold anything."""

    id: str
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """A published TCP port: `container_port` inside is reached at `address`:`port` on the host."""

    container_port: int
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Container:
    """A container as its engine lists it. `state` is Docker's own word.

    `exit_code`, and when its process ended last (`finished`), are known after an inspect only.
    """

    id: str
    name: str
    image: str
    image_id: str
    state: str
    labels: Mapping[str, str]
    created: datetime
    bindings: tuple[Binding, ...] = ()
    exit_code: int | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount of a container. `kind` is `bind` (source must exist), `directory` (made when missing) or `volume`."""

    kind: str
    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Hardening:
    """How a container is confined. Sizes are bytes; `tmpfs` lists paths; `cpus` counts cores, 0 = no limit."""

    read_only: bool = False
    user: str | None = None
    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    pids: int = 4096
    memory: int = 0
    cpus: float = 0.0
    shm_size: int | None = None
    gpus: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """All that the engine must know to create a session's container. `port` is the application's container port."""

    name: str
    image: str
    labels: Mapping[str, str]
    env: Mapping[str, str]
    port: int
    network: str
    mounts: tuple[Mount, ...] = ()
    hardening: Hardening = Hardening()
    address: str = "127.0.0.1"
    """Where the port is published, a loopback address."""
    host_port: int | None = None
    """The port there; `None` lets the engine choose."""
    seats: int | None = None
    """How many sessions of its grant may run at once, whoever's they are; `None`: any number."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a session's web server listens, as seen from its host, and what to ask it."""

    address: str
    port: int
    scheme: str = "http"
    path: str = "/"
    lenient: bool = False
    """Any status under 500 counts as ready (images that do not know the protocol)."""


@dataclass(frozen=True, slots=True)
class Session:
    """A container that srctl's labels describe. Field by field as in the public JSON."""

    id: str
    grant_id: str
    user: str
    image: str
    title: str
    host: str
    realm: str
    status: str
    address: str | None
    port: int | None
    url_path: str
    url: str | None
    container_id: str
    container_name: str
    image_id: str
    image_outdated: bool | None
    granted: bool | None
    created: datetime
    shared_with: tuple[str, ...] = ()
    ends: datetime | None = None
    """When its time is over; `None` where it has no end."""
    warning: str | None = None
    """What its owner should know: that it will be ended, and why."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container takes at a moment: `cpu` in percent of one core, `memory` and its `limit` in bytes.

    `None` is what its engine does not tell, which is so for `cpu` at the beginning of a stream.
    """

    container_id: str
    cpu: float | None = None
    memory: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine and its machine: cores, bytes of memory, all containers that run there, and the machine's own name."""

    version: str
    system: str
    cores: int
    memory: int
    running: int
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """Leave for `guest` to open a session of `owner`, which is reached at the slot of the owner's address."""

    session_id: str
    owner: str
    guest: str
    slot: int
    created: datetime
    expires: datetime | None = None


class SharedSlot(NamedTuple):
    """A slot to which guests were let: the id of its owner, the port, and the guest's id (`None`: every guest)."""

    owner_id: int
    slot: int
    guest_id: int | None = None


@dataclass(frozen=True, slots=True)
class Available:
    """An application that a user may start, with what it offers and the session that runs it already."""

    grant_id: str
    image: str
    title: str
    description: str
    type: str | None
    policy: Policy
    configurables: tuple[str, ...]
    image_present: bool
    session_id: str | None
    image_size: int | None = None
    """In bytes, where the image is there."""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a person asks of `start`. `app` is an image, a title or a grant id (prefix); `timeout` is in seconds."""

    app: str
    settings: Mapping[str, str] = field(default_factory=dict)
    startup_data: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    pull: str = "missing"
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """The outcome of `start`: `fresh` is false where a running session was found.

    `endpoint` is `None` where the grant gives no network, and so no page.
    """

    session: Session
    endpoint: Endpoint | None
    fresh: bool

    @property
    def page(self) -> Endpoint:
        """Where its page is. Raises `NotAllowedError` where there is none."""
        if self.endpoint is None:
            raise no_page(self.session.id)
        return self.endpoint


def no_page(session_id: str) -> NotAllowedError:
    """Return the error for a session that can't be opened."""
    return NotAllowedError(
        f"Session {session_id} has no page: its grant gives it no network (--network none)",
        f"srctl logs {session_id[:12]} shows what it writes; an administrator can grant it with another --network",
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of long work, for a face to show. `item` is an image layer; `current` and `total` are bytes."""

    step: str
    item: str | None = None
    current: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tunnel stands: `up`, `reconnecting` or `down`, and since when.

    `cause` tells why it is not up. `last_error` is what went wrong last, and stays when it is up again.
    """

    state: str
    since: datetime
    cause: str | None = None
    reconnects: int = 0
    connections: int = 0
    connections_total: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class TunnelPlan:
    """All that a process needs to hold a tunnel; `id` is 32 hexadecimal digits, `timeout` seconds to connect.

    `endpoint` is where the session was last. `background` tells that the tunnel has a process of its own.
    """

    id: str
    session_id: str
    container_id: str
    image: str
    host: Host
    local_port: int
    url: str
    endpoint: Endpoint
    timeout: float
    background: bool


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel, field by field as in the public JSON. `id`, `since` and `pid` are null where none is needed."""

    id: str | None
    session_id: str
    image: str
    host: str
    local_port: int
    url: str
    state: str
    since: datetime | None
    reconnects: int
    bytes_in: int
    bytes_out: int
    last_error: str | None
    pid: int | None
    cause: str | None
    background: bool
