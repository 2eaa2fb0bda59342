"""The use cases where a gateway does them: each is a stand-in whose methods are calls.

This is wiring, like the context; `direct.py` has the same for direct mode. Who one is, and in which realm, the gateway
knows.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from srctl import pieces
from srctl.calls import BY_METHOD, CALLS, AuditTrail
from srctl.clock import REAL, Clock, Closing, unhindered
from srctl.models import Session, Started, StartRequest
from srctl.remote import GatewayHost, Tell
from srctl.tunnel.remote import Pieces

if TYPE_CHECKING:
    from srctl.accounting import Accounting
    from srctl.declaring import Declaring
    from srctl.explaining import Explainer
    from srctl.extending import Extender
    from srctl.groups import Groups
    from srctl.joining import Joiner
    from srctl.launch import Launcher
    from srctl.pruning import Leftovers
    from srctl.reaping import Reaper
    from srctl.sharing import SharedSessions
    from srctl.usage import UsageReport


class StandIn:
    """One object of the table: its methods are calls to the gateway. `tell` hears of progress."""

    def __init__(
        self, gateway: GatewayHost, part: str, tell: Tell | None = None, closing: Closing = unhindered
    ) -> None:
        self._gateway = gateway
        self._part = part
        self._tell = tell
        self._closing = closing

    def __getattr__(self, method: str) -> Any:
        """Return what makes the call."""
        call = BY_METHOD.get((self._part, method))
        if call is None:
            raise AttributeError(f"A gateway has no call for {self._part}.{method}")
        if call.streams:
            return partial(self._gateway.logs, call)
        return partial(self._gateway.call, call, tell=self._tell, closing=self._closing)


class RemoteSessions(StandIn):
    """The sessions that the person has or may open, as the gateway says; `engine` is where they are."""

    def __init__(self, gateway: GatewayHost) -> None:
        super().__init__(gateway, "sessions")
        self.engine = gateway

    @property
    def user(self) -> str:
        """The name that the gateway knows the person by."""
        return self._gateway.greeting.user

    def changes(self, *, all_users: bool = False) -> Pieces:
        """Open a stream that says a word whenever a list may differ, and one once it does so."""
        return self._gateway.words(CALLS["session.changes"], all_users=all_users)

    def stats(self, container_ids: Sequence[str], *, all_users: bool = False) -> pieces.Usages:
        """Open a stream of what the containers of sessions take."""
        return pieces.Usages(self._gateway.words(CALLS["session.stats"], container_ids, all_users=all_users))


class RemoteLeftovers(StandIn):
    """What is left of sessions."""

    def __init__(self, gateway: GatewayHost) -> None:
        super().__init__(gateway, "leftovers")

    def remove(self, session: Session) -> bool:
        """Remove what is left of a session; return false where it runs again and is left alone."""
        named: dict[str, Any] = {"all_users": True} if session.user != self._gateway.greeting.user else {}
        return bool(self._gateway.call(BY_METHOD["leftovers", "clear"], session.id, **named))


class RemoteJoiner(StandIn):
    """Finds or starts sessions there, and sees to it that they can be reached."""

    def __init__(self, gateway: GatewayHost, tell: Tell, closing: Closing = unhindered) -> None:
        super().__init__(gateway, "joiner", tell, closing)

    def bring(self, request: StartRequest) -> Started:
        """Return the session that is meant, or start that application. Raises as `Joiner.bring` does."""
        call = BY_METHOD["joiner", "bring"]
        started: Started = self._gateway.call(call, request, tell=self._tell, closing=self._closing)
        if started.fresh or started.session.user != self._gateway.greeting.user:
            self._gateway.lead(started.page)
        return started


class RemoteParts:
    """The use cases, done by a gateway."""

    def __init__(self, gateway: GatewayHost) -> None:
        self.gateway = gateway

    @property
    def sessions(self) -> "SharedSessions":
        """What users do."""
        return cast("SharedSessions", RemoteSessions(self.gateway))

    @property
    def sharing(self) -> "SharedSessions":
        """How they let others open a session."""
        return self.sessions

    @property
    def user(self) -> str:
        """The name that the gateway knows the person by."""
        return self.gateway.greeting.user

    @property
    def admin(self) -> bool:
        """Whether the person administers the gateway."""
        return self.gateway.greeting.admin

    @property
    def realm(self) -> str | None:
        """Which deployment it is, if the gateway says so."""
        return self.gateway.greeting.realm

    @property
    def accounting(self) -> "Accounting":
        """What administrators do."""
        return cast("Accounting", StandIn(self.gateway, "accounting"))

    @property
    def declaring(self) -> "Declaring":
        """The database as a whole."""
        return cast("Declaring", StandIn(self.gateway, "declaring"))

    @property
    def groups(self) -> "Groups":
        """What they do with groups."""
        return cast("Groups", StandIn(self.gateway, "groups"))

    @property
    def extender(self) -> "Extender":
        """How they have sessions run longer."""
        return cast("Extender", StandIn(self.gateway, "extender"))

    @property
    def reaper(self) -> "Reaper":
        """What ends what is over."""
        return cast("Reaper", StandIn(self.gateway, "reaper"))

    @property
    def usage(self) -> "UsageReport":
        """What was used; by the person alone, for those who do not administer."""
        return cast("UsageReport", StandIn(self.gateway, "usage"))

    @property
    def explainer(self) -> "Explainer":
        """Who may run what, in words."""
        return cast("Explainer", StandIn(self.gateway, "explainer"))

    @property
    def audit(self) -> AuditTrail:
        """What people did."""
        return cast("AuditTrail", StandIn(self.gateway, "audit"))

    @property
    def leftovers(self) -> "Leftovers":
        """What is left of sessions."""
        return cast("Leftovers", RemoteLeftovers(self.gateway))

    def launcher(self, tell: Tell, clock: Clock = REAL) -> "Launcher":
        """Return what starts sessions."""
        return cast("Launcher", StandIn(self.gateway, "launcher", tell, clock.closing))

    def joiner(self, tell: Tell, clock: Clock = REAL) -> "Joiner":
        """Return what finds or starts them."""
        return cast("Joiner", RemoteJoiner(self.gateway, tell, clock.closing))
