"""What threads tell the screen. They touch no widget: each posts one of these, and its handler does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textual.message import Message

from srctl.errors import SrctlError
from srctl.models import Available, EngineInfo, Image, Session, Tunnel
from srctl.tui.rates import Rate
from srctl.tui.work import Work


@dataclass
class SessionsListed(Message):
    """A host has answered."""

    host: str
    user: str
    """Whom the host takes the person for."""
    sessions: Sequence[Session]
    admin: bool = False
    """Whether the person administers what the host is reached by."""
    took: float | None = None
    """Seconds that it took to answer."""


@dataclass
class EveryoneListed(Message):
    """A host has told the sessions of all users, as far as the person may see them."""

    host: str
    sessions: Sequence[Session]


@dataclass
class MachineTold(Message):
    """A host has told what its engine and its machine are."""

    host: str
    machine: EngineInfo


@dataclass
class HostLost(Message):
    """A host can't be asked at the moment."""

    host: str
    error: SrctlError


@dataclass
class ApplicationsListed(Message):
    """What the person may start on a host; `error` tells why nobody knows."""

    host: str
    applications: Sequence[Available]
    error: SrctlError | None = None


@dataclass
class ImagesListed(Message):
    """The images that a host has; `error` tells why nobody knows them."""

    host: str
    images: Sequence[Image]
    error: SrctlError | None = None


@dataclass
class TunnelsListed(Message):
    """The tunnels on this machine have changed; `error` tells why nobody knows them."""

    tunnels: Sequence[Tunnel]
    error: SrctlError | None = None
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """Of those in which something moves."""


@dataclass
class BooksWanted(Message):
    """What is in the accounting database is to be read, or read again."""


@dataclass
class BooksChanged(Message):
    """The accounting database may have changed."""


@dataclass
class BooksOutdated(Message):
    """What is being read of the accounting database, if it is, may be old when it has been read."""


@dataclass
class Progressed(Message):
    """Work has come a step further."""

    work: Work[Any]


@dataclass
class Ended(Message):
    """Work has ended, with a result or with an error."""

    work: Work[Any]
    result: Any = None
    error: SrctlError | None = None


@dataclass
class Wanted(Message):
    """The person wants work to be done."""

    work: Work[Any]


@dataclass
class Reachable(Message):
    """A session can be opened at `url`; `browser` tells whether one was started here.

    Without `told` it is only said in passing.
    """

    title: str
    url: str
    browser: bool
    told: bool = True


@dataclass
class Copied(Message):
    """The person wants a text in the clipboard."""

    text: str


@dataclass
class Failed(Message):
    """Something went wrong, and the person must know."""

    error: SrctlError


@dataclass
class Said(Message):
    """Something is worth knowing."""

    text: str
    hint: str = ""
