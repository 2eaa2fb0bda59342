"""What people start, open and share, and what is noted of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from srctl.errors import NotAllowedError
from srctl.models.rights import Policy


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
    seats_left: int | None = None
    """How many more sessions may run under its grant, whoever's they are; `None` where they are not counted."""


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
