"""The wiring: builds each part from the configuration when it is first asked for, and hands it to the faces.

Heavy libraries are imported inside the properties that need them, so that a command loads only what it uses.
Tests pass their own streams, environment or parts to the constructor.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from srctl import config as configuration
from srctl.asking import Recalling, TerminalPrompter
from srctl.clock import REAL, Clock
from srctl.errors import NotAllowedError, SrctlError
from srctl.output import Output

if TYPE_CHECKING:
    from srctl.accounting import Accounting
    from srctl.calls import AuditTrail
    from srctl.contents import Contents
    from srctl.declaring import Declaring
    from srctl.direct import DirectParts
    from srctl.enforcing import Gateway
    from srctl.hosts.engine import DockerHost
    from srctl.launch import Launcher
    from srctl.metering import Meter
    from srctl.models import Host, Progress, Usage
    from srctl.needs import Store
    from srctl.news import News
    from srctl.opening import Door, Opener
    from srctl.pruning import Leftovers
    from srctl.remote import GatewayHost
    from srctl.sessions import Sessions
    from srctl.sharing import SharedSessions
    from srctl.standins import RemoteParts
    from srctl.tunnel.prompter import Prompter
    from srctl.tunnel.registry import Registry
    from srctl.ways import Ways


class Context:
    """One run of srctl. `flags` are the global options given so far; the configuration is resolved at first use."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        host: "DockerHost | None" = None,
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self.flags: dict[str, Any] = {}
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self._open = ExitStack()
        self._answers: dict[str, Any] = {}
        self.host_name: str | None = None
        """What messages call the host in force, where its own name would say nothing to who reads them."""
        self.given_host = host
        if host is not None:
            self.__dict__["host"] = host
        self.asks: Callable[[dict[str, Any]], Prompter | None] | None = None
        """Makes what asks the person where a face has the terminal to itself; it notes the answers, by question."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def closing(self, close: Callable[[], None]) -> None:
        """Have something of a face's own closed with this context."""
        self._open.callback(close)

    @cached_property
    def config(self) -> configuration.Config:
        """The settings in force. Raises `UsageError`."""
        return configuration.load(self.flags, self.environ)

    @property
    def config_path(self) -> Path:
        """Where the config file is looked for, whatever stands in it."""
        return configuration.chosen_path(self.flags, self.environ)

    @cached_property
    def output(self) -> Output:
        """What prints. Works also where the configuration is broken, so that this can be said."""
        try:
            form = str(self.config.get("output"))
        except Exception:  # whatever it is, the command meets it too, and it must be told
            asked = self.flags.get("output") or self.environ.get("SRCTL_OUTPUT")
            form = asked if asked in configuration.FORMATS else "table"
        return Output(form, self.stdout, self.stderr)

    @property
    def debug(self) -> bool:
        """Whether tracebacks are wanted. Works also where the configuration is broken."""
        try:
            return bool(self.config.get("debug"))
        except Exception:
            return bool(self.flags.get("debug"))

    def show_log(self) -> None:
        """Show on stderr what the libraries log, until this context ends."""
        from srctl.log import shown_by

        self._open.enter_context(shown_by(self.output.note))

    @property
    def interactive(self) -> bool:
        """Whether there is a person who can be asked."""
        return self.stdin.isatty() and self.stderr.isatty()

    @property
    def on_terminal(self) -> bool:
        """Whether a screen can be shown, and keys can be read."""
        return self.stdin.isatty() and self.stdout.isatty()

    @property
    def prompter(self) -> "Prompter | None":
        """What asks the person, as a rule on the terminal; `None` without one."""
        if self.asks is not None:
            return self.asks(self._answers)
        if not self.interactive:
            return None
        return TerminalPrompter(self.stdin, self.stderr, self.output.hidden, self._answers)

    @cached_property
    def store(self) -> "Store":
        """The accounting database, open. Raises `NotFoundError` where there is none."""
        from srctl.db.backends import open_backend

        store = open_backend(self.config.database)
        self._open.callback(store.close)
        return store

    # -- the use cases, done here or by a gateway

    @cached_property
    def through_gateway(self) -> bool:
        """Whether the host in force is a gateway; its URL tells, and nothing is connected to."""
        from srctl.hosts.endpoints import is_gateway, resolve

        if "host" in self.__dict__:
            return bool(getattr(self.host, "through_gateway", False))
        try:
            return is_gateway(resolve(self.config, self.environ))
        except SrctlError:
            if self.config.source("host") in ("flag", "SRCTL_HOST", "file"):
                raise
            return False  # Docker's own settings are wrong; that is said where its engine is needed

    @cached_property
    def parts(self) -> "DirectParts | RemoteParts":
        """The use cases. Raises `NotAllowedError` for options of direct mode that a gateway does not take."""
        if not self.through_gateway:
            from srctl.direct import DirectParts

            return DirectParts(
                lambda: self.host, lambda: self.store, lambda: self.gateway, self.config, lambda: self.local
            )
        for name in ("user", "realm", "db"):
            if name in self.flags:
                hint = f"Leave out --{name}, or name a host that is no gateway with --host"
                raise NotAllowedError(f"--{name} is for direct mode: the gateway knows its own", hint)
        host = cast("GatewayHost", self.host)  # the login begins
        from srctl.standins import RemoteParts

        return RemoteParts(host)

    @property
    def sessions(self) -> "Sessions":
        """What users do."""
        return self.parts.sessions

    @property
    def sharing(self) -> "SharedSessions":
        """How users let others open a session. Raises `UnsupportedError` in direct mode."""
        return self.parts.sharing

    @property
    def accounting(self) -> "Accounting":
        """What administrators do."""
        return self.parts.accounting

    @property
    def declaring(self) -> "Declaring":
        """The database as a whole."""
        return self.parts.declaring

    @property
    def audit(self) -> "AuditTrail":
        """What people did through a gateway."""
        return self.parts.audit

    @cached_property
    def gateway(self) -> "Gateway | None":
        """The gateway on this machine whose database this is; `None` where it is no gateway's."""
        from srctl.logins import FOLDER

        folder = Path(self.config.database).parent / FOLDER
        if "://" in self.config.database or not folder.is_dir():
            return None
        from srctl.db.backends import book_of
        from srctl.enforcing import Gateway
        from srctl.logins.revocation import Revocation

        return Gateway(Revocation(folder), book_of(self.store), self.store)

    def settle(self, before: "Contents", after: "Contents") -> None:
        """End what depended on what a database on this machine held before: at a gateway all connections."""
        if self.gateway is not None:
            from srctl.consequences import withdraw_lost
            from srctl.enforcing import Enforcer

            enforcer = Enforcer(lambda: self.host, self.gateway)
            withdraw_lost(enforcer, before, after)
            enforcer.refuse_all()

    @property
    def leftovers(self) -> "Leftovers":
        """What is left of sessions that do not run any more."""
        return self.parts.leftovers

    def launcher(self, progress: "Callable[[Progress], None]", clock: Clock = REAL) -> "Launcher":
        """Return what starts sessions, and waits by `clock`."""
        return self.parts.launcher(progress, clock)

    def opener(
        self,
        progress: "Callable[[Progress], None]",
        clock: Clock = REAL,
        *,
        background: bool = False,
        stack: ExitStack | None = None,
    ) -> "Opener":
        """Return what opens sessions on this machine, by tunnels of this process or in the background.

        What is in the background for one opening only is closed with `stack`, or with this context.
        """
        from srctl.opening import Opener

        parts = self.parts
        ways = self._background(stack or self._open, clock) if background else None  # it has a process to start
        joiner = parts.joiner(progress, clock)  # a login begins
        return Opener(self.host, joiner, ways or self.ways, progress)

    def news(self, tell: Callable[[], None], lost: Callable[[SrctlError], None], *, all_users: bool = False) -> "News":
        """Have it told whenever the sessions may have changed, on another thread; `lost` hears that nothing tells."""
        from srctl.news import news

        return news(self.sessions, tell, lost, all_users=all_users)

    def meter(self, tell: "Callable[[Usage], None]") -> "Meter":
        """Return what tells, on threads of its own, what sessions take that are watched."""
        from srctl.metering import EngineMeter, GatewayMeter

        return (GatewayMeter if self.through_gateway else EngineMeter)(self.sessions, tell)

    # -- hosts, and the ways to their sessions

    @property
    def local(self) -> bool:
        """Whether the host in force is this machine; its URL tells, and nothing is connected to."""
        if "host" in self.__dict__:
            return self.host.direct
        from srctl.hosts.endpoints import LOCAL_SCHEMES, resolve, scheme

        return scheme(resolve(self.config, self.environ)) in LOCAL_SCHEMES

    @cached_property
    def host(self) -> "DockerHost":
        """The Docker host in force, connected at its first call."""
        from srctl.hosts.endpoints import resolve

        found = resolve(self.config, self.environ)
        return self.host_of(found if self.host_name is None else replace(found, name=self.host_name))

    def host_of(self, host: "Host") -> "DockerHost":
        """Return any host, closed with this context; a gateway plays the part of a Docker host."""
        from srctl.reaching import reach

        return reach(host, self.config.get("connect_timeout"), self.prompter, self._open)

    @cached_property
    def ways(self) -> "Ways":
        """The ways to sessions of the host in force."""
        from srctl.ways import Ways

        return Ways(lambda: self.host, self.config.get("connect_timeout"), self._open, self.output.note)

    def _background(self, stack: ExitStack, clock: Clock) -> "Ways":
        from srctl.ways import BackgroundWays

        asked = self.prompter
        prompter = asked and Recalling(asked, self._answers)
        ways = BackgroundWays(lambda: self.host, self.config.get("connect_timeout"), stack, prompter, clock)
        if not self.local:
            ways.prepare()
        return ways

    @cached_property
    def registry(self) -> "Registry":
        """The tunnels on this machine. Raises `SrctlError` where they can't be kept safely."""
        from srctl.tunnel.registry import Registry

        return Registry()

    def door(self, port: int | None) -> "Door | None":
        """Bind the local port that was asked for, before anything else happens. Raises `ConflictError`."""
        from srctl.opening import Door

        return None if port is None else Door(port, self.ways.claim(port))
