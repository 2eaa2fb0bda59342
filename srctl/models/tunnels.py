"""Ways to sessions that are held open."""

from dataclasses import dataclass
from datetime import datetime

from srctl.models.engines import Host
from srctl.models.sessions import Endpoint


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
