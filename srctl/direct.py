"""The use cases of direct mode, built from an engine and the accounting database.

This is wiring, like the context; `standins.py` has the same for a gateway. What only a gateway can do is refused here.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from srctl.clock import REAL, Clock
from srctl.config import Config
from srctl.errors import NotFoundError, UnsupportedError
from srctl.models import Image, Progress

if TYPE_CHECKING:
    from srctl.accounting import Accounting
    from srctl.calls import AuditTrail
    from srctl.declaring import Declaring
    from srctl.enforcing import Enforcer, Gateway
    from srctl.explaining import Explainer
    from srctl.extending import Extender
    from srctl.groups import Groups
    from srctl.hosts.engine import DockerHost
    from srctl.joining import Joiner
    from srctl.launch import Launcher
    from srctl.needs import Store
    from srctl.pruning import Leftovers
    from srctl.reaping import Reaper
    from srctl.sessions import Sessions
    from srctl.sharing import SharedSessions
    from srctl.usage import UsageReport

Tell = Callable[[Progress], None]


class DirectParts:
    """The use cases on one host; what they need is opened when it is needed.

    `open_gateway` gives the gateway whose database it is, where it is one's.
    """

    def __init__(
        self,
        open_host: "Callable[[], DockerHost]",
        open_store: "Callable[[], Store]",
        open_gateway: "Callable[[], Gateway | None]",
        config: Config,
        is_local: Callable[[], bool],
    ) -> None:
        self._open_host = open_host
        self._open_store = open_store
        self._open_gateway = open_gateway
        self._config = config
        self._is_local = is_local

    @property
    def user(self) -> str:
        """Who acts."""
        return self._config.user

    @property
    def admin(self) -> bool:
        """Whoever reads the database of this machine administers it."""
        return True

    @property
    def realm(self) -> str:
        """Which deployment."""
        return str(self._config.get("realm"))

    @cached_property
    def sessions(self) -> "Sessions":
        """What users do. Works without a database, as far as none is needed."""
        from srctl.sessions import Sessions

        host = self._open_host()
        if not self._is_local():  # while the network is waited for
            Thread(target=import_module, args=("srctl.db.store",), name="srctl-import", daemon=True).start()
        return Sessions(host, self._store_if_any, user=self.user, realm=self._config.get("realm"))

    def _store_if_any(self) -> "Store | None":
        try:
            return self._open_store()
        except NotFoundError:
            return None

    @property
    def sharing(self) -> "SharedSessions":
        """Sharing needs somebody who lets others in. Raises `UnsupportedError`."""
        raise UnsupportedError(
            "Sessions are shared through a gateway only: without one whoever reaches the host reaches them all",
            "srctl host add NAME gateway://HOST, where a gateway is installed",
        )

    @property
    def accounting(self) -> "Accounting":
        """What administrators do."""
        from srctl.accounting import Accounting

        return Accounting(self._open_store(), self._image, self.enforcer)

    @property
    def groups(self) -> "Groups":
        """What they do with groups."""
        from srctl.groups import Groups

        return Groups(self._open_store(), self.enforcer)

    @property
    def declaring(self) -> "Declaring":
        """The database as a whole."""
        from srctl.db.backends import archive_of
        from srctl.declaring import Declaring

        store = self._open_store()
        return Declaring(archive_of(store), store, self.enforcer)

    @property
    def explainer(self) -> "Explainer":
        """Who may run what, in words."""
        from srctl.explaining import Explainer

        return Explainer(self._open_store())

    @property
    def extender(self) -> "Extender":
        """How users have sessions run longer."""
        from srctl.extending import Extender

        return Extender(self.sessions)

    @property
    def reaper(self) -> "Reaper":
        """What ends what is over."""
        from srctl.lifetimes import Rules
        from srctl.reaping import Reaper

        warning = timedelta(seconds=self._config.get("reap_warning"))
        rules = Rules(warning, self._config.get("reap_ungranted"))
        return Reaper(self.sessions, self._open_store(), self.enforcer, self._open_gateway(), rules)

    @property
    def usage(self) -> "UsageReport":
        """What was used."""
        from srctl.usage import UsageReport

        return UsageReport(self._open_store().records)

    @property
    def enforcer(self) -> "Enforcer":
        """What ends what depends on what is taken away."""
        from srctl.enforcing import Enforcer

        return Enforcer(self._open_host, self._open_gateway(), self._open_store().records)

    def _image(self, reference: str) -> Image:
        return self._open_host().image(reference)

    @property
    def audit(self) -> "AuditTrail":
        """What people did through the gateway whose database this is."""
        from srctl.db.backends import book_of

        return book_of(self._open_store())

    @property
    def leftovers(self) -> "Leftovers":
        """What is left of sessions."""
        from srctl.pruning import Leftovers

        return Leftovers(self.sessions)

    def launcher(self, tell: Tell, clock: Clock = REAL) -> "Launcher":
        """Return what starts sessions."""
        from srctl.launch import Launcher

        return Launcher(self.sessions, tell, home_root=self._config.get("home_root"), clock=clock)

    def joiner(self, tell: Tell, clock: Clock = REAL) -> "Joiner":
        """Return what finds or starts them."""
        from srctl.joining import Joiner

        return Joiner(self.sessions, self.launcher(tell, clock), tell, clock=clock)
