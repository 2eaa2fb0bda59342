"""Which panes there are, in the order of their numbers; the module of each is loaded when it is shown first."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from srctl.tui.pane import Pane


@dataclass(frozen=True, slots=True)
class PaneKind:
    """A pane: `admin` = for those who administer, `audit` = where a gateway keeps an audit.

    One goes to it by its name, or `also` by the name of something else that is in it.
    """

    name: str
    module: str
    cls: str
    admin: bool = False
    audit: bool = False
    also: tuple[str, ...] = ()

    def load(self) -> "type[Pane]":
        """Return its class."""
        return cast("type[Pane]", getattr(import_module(f"srctl.tui.{self.module}"), self.cls))


PANES = (
    PaneKind("Sessions", "sessions", "SessionsPane"),
    PaneKind("Applications", "applications", "ApplicationsPane"),
    PaneKind("Tunnels", "tunnels", "TunnelsPane"),
    PaneKind("Users", "users", "UsersPane", admin=True, also=("Groups",)),
    PaneKind("Grants", "grants", "GrantsPane", admin=True),
    PaneKind("Images", "images", "ImagesPane", admin=True),
    PaneKind("Hosts", "hosts_pane", "HostsPane", admin=True),
    PaneKind("Everyone", "everyone", "EveryonePane", admin=True),
    PaneKind("Overview", "overview", "OverviewPane", admin=True),
    PaneKind("Audit", "audit", "AuditPane", admin=True, audit=True),
)


def seen_by(admin: bool, audited: bool) -> list[PaneKind]:
    """Return the panes that a person sees."""
    return [kind for kind in PANES if (admin or not kind.admin) and (audited or not kind.audit)]
