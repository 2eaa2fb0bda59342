"""What Docker hosts have, and what they are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NETWORK = "srctl"
"""The network that sessions live in; it has no traffic between containers."""

ISOLATED = "srctl-isolated"
"""The same without a way to anywhere else."""

NO_NETWORK = "none"
"""What Docker calls having none."""


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
class Usage:
    """What a container takes at a moment: `cpu` in percent of one core, `memory` and its `limit` in bytes.

    `None` is what its engine does not tell, which is so for `cpu` at the beginning of a stream.
    """

    container_id: str
    cpu: float | None = None
    memory: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """What a container has used since it was started: CPU time, and bytes that it sent (`None`: it has no network).

    What it received says less: broadcasts of others are among it.
    """

    cpu_seconds: float
    net_bytes: int | None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine and its machine: cores, bytes of memory, all containers that run there, and the machine's own name."""

    version: str
    system: str
    cores: int
    memory: int
    running: int
    machine: str = ""
