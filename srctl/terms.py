"""What holds a session in bounds, and what is recorded of it: words of `models.py` that have a page of their own.

Sizes are bytes, lengths of time seconds, times aware datetimes in UTC.
"""

from dataclasses import dataclass
from datetime import datetime

NETWORK = "srctl"
"""The network that sessions live in; it has no traffic between containers."""

ISOLATED = "srctl-isolated"
"""The same without a way to anywhere else."""

NO_NETWORK = "none"
"""What Docker calls having none."""


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
class Counters:
    """What a container has used since it was started: CPU time, and bytes that it sent (`None`: it has no network).

    What it received says less: broadcasts of others are among it.
    """

    cpu_seconds: float
    net_bytes: int | None


@dataclass(frozen=True, slots=True)
class Extension:
    """A later end of a session than its lifetime says; `by` is who asked for it, and `made` when."""

    session_id: str
    ends: datetime
    by: str
    made: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """What `reap` noticed of a running session: when it saw it last, and when somebody used it last.

    `net_bytes` and the record's CPU time are the counters at `sampled`. `warning` is what the owner was told at
    `warned`.
    """

    seen: datetime | None = None
    active: datetime | None = None
    sampled: datetime | None = None
    net_bytes: int | None = None
    warned: datetime | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One session as it stands in the books: who ran what where, from when to when. It outlives all that it names.

    `group` is the group by which the user had the right. `ended` is `None` while it runs, `reason` one word (or
    `exited` with the code). `cpu_seconds` is `None` where nobody has looked.
    """

    session_id: str
    container_id: str
    user: str
    user_id: int | None
    group: str | None
    grant_id: str
    image: str
    host: str
    realm: str
    started: datetime
    ended: datetime | None = None
    reason: str | None = None
    cpu_seconds: float | None = None
    watch: Watch = Watch()
