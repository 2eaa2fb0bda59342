"""The use cases of direct mode, built from an engine and the accounting database.

This is wiring, like the context; `remote.py` has the same for a gateway. What only a gateway can do is refused here.
"""

from collections.abc import Callable
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
    from srctl.db.store import SqlStore
    from srctl.enforcing import Gateway
    from srctl.hosts.engine import DockerHost
    from srctl.joining import Joiner
    from srctl.launch import Launcher
    from srctl.pruning import Leftovers
    from srctl.sessions import Sessions
    from srctl.sharing import SharedSessions

Tell = Callable[[Progress], None]


class DirectParts:
    """The use cases on one host; what they need is opened when it is needed.

    `open_gateway` gives the gateway whose database it is, where it is one's.
    """

    def __init__(
        self,
        open_host: "Callable[[], DockerHost]",
        open_store: "Callable[[], SqlStore]",
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

    def _store_if_any(self) -> "SqlStore | None":
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
        from srctl.enforcing import Enforcer

        return Accounting(self._open_store(), self._image, Enforcer(self._open_host, self._open_gateway()))

    def _image(self, reference: str) -> Image:
        return self._open_host().image(reference)

    @property
    def audit(self) -> "AuditTrail":
        """What people did through the gateway whose database this is."""
        return self._open_store().book

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
