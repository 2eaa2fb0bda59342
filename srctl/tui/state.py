"""All that the screen knows: what the hosts have said last, and the tunnels. Panes read it, handlers write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from srctl.context import Context
from srctl.errors import SrctlError
from srctl.models import Application, Available, EngineInfo, Grant, Group, Image, Session, Tunnel
from srctl.tui.host import HostThread
from srctl.tui.kept import Kept
from srctl.tui.meters import Meters
from srctl.tui.mishaps import Mishaps
from srctl.tui.rates import Rate
from srctl.tui.words import joined

if TYPE_CHECKING:
    from srctl.accounting import UserDetails

FLAGS = ("config", "db", "realm", "user")
"""The global options that every command line must repeat."""


@dataclass
class HostView:
    """A host as it is shown; its sessions are those that it told last. `None` = it has told nothing yet."""

    thread: HostThread
    user: str | None = None
    sessions: Sequence[Session] | None = None
    applications: Sequence[Available] | None = None
    error: SrctlError | None = None
    """Why it can't be asked."""
    refusal: SrctlError | None = None
    """Why nobody knows what may be started there."""
    url: str = ""
    """How it is reached, without a password."""
    took: float | None = None
    """Seconds that its last answer took."""
    everyone: Sequence[Session] | None = None
    """The sessions of all users, as they were when a pane that needs them was shown last."""
    machine: EngineInfo | None = None
    """What its engine and its machine are, as it was told last."""
    images: Sequence[Image] | None = None
    images_error: SrctlError | None = None
    """Why nobody knows the images."""
    governed: bool = True
    """Whether the accounting database that is administered says what may be started there."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the accounting database held when it was read last; each user has the own grants with it, and the groups."""

    realm: str | None
    users: "Sequence[UserDetails]"
    applications: Sequence[Application]
    granted: Mapping[str, int] = field(default_factory=dict)
    """How many grants there are, by image."""
    groups: Sequence[Group] = ()
    shared: Mapping[str, Sequence[Grant]] = field(default_factory=dict)
    """What is granted to groups, by their names."""


@dataclass
class State:
    """The hosts by name, the first one in force, and the tunnels; `None` = nobody has looked yet."""

    context: Context
    readonly: bool = False
    hosts: dict[str, HostView] = field(default_factory=dict)
    tunnels: Sequence[Tunnel] | None = None
    tunnels_error: SrctlError | None = None
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """What goes through those tunnels in which something moves, by their ids."""
    admin: bool = False
    """Whether the person administers: the accounting database of this machine, or a gateway."""
    books: Books | None = None
    books_error: SrctlError | None = None
    mishaps: Mishaps = field(default_factory=Mishaps)
    terminal: TextIO | None = None
    """What the screen is drawn on, where that is known."""
    meters: Meters = field(default_factory=Meters)
    """What sessions in view take."""
    kept: Kept = field(default_factory=Kept)
    """What is remembered from one run to the next."""
    themes: Sequence[str] = ()
    """The themes that can be chosen; none where the terminal has no colours."""
    audited: bool = False
    """Whether the accounting database is a gateway's, which keeps an audit."""
    edition: int = 0
    """Counts up when the accounting database may have changed."""

    @property
    def several(self) -> bool:
        """Whether it must be said which host is meant."""
        return len(self.hosts) > 1

    @property
    def office_host(self) -> str | None:
        """The gateway whose accounting database is administered; `None` for that of this machine."""
        return next(iter(self.hosts)) if self.context.through_gateway else None

    def session(self, key: str) -> Session | None:
        """Return a session by host and id."""
        host, _, identifier = key.partition("\0")
        view = self.hosts.get(host)
        return next((each for each in (view and view.sessions) or () if each.id == identifier), None)

    def tunnel_to(self, session: Session) -> Tunnel | None:
        """Return the tunnel that leads to a session: the living one, else one that is down."""
        found = [t for t in self.tunnels or () if (t.host, t.session_id) == (session.host, session.id)]
        return min(found, key=lambda tunnel: tunnel.state == "down", default=None)

    def command(self, *words: str, host: str | None = None) -> str:
        """Return the command line that does the same in this run's place."""
        flags = self.context.flags
        before = [part for name in FLAGS if name in flags for part in (f"--{name}", str(flags[name]))]
        if host is not None and (self.hosts and host != next(iter(self.hosts))):
            words = (*words, "--host", host)
        elif host is not None and "host" in flags:
            words = (*words, "--host", str(flags["host"]))
        return joined(["srctl", *before, *words])
