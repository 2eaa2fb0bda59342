"""The wiring: builds each part from the configuration when it is first asked for, and hands it to the faces.

Heavy libraries are imported inside the properties that need them, so that a command loads only what it uses.
Tests pass their own streams, environment or parts to the constructor.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from srctl import config as configuration
from srctl.asking import ErrandPrompter, Recalling, TerminalPrompter
from srctl.errors import NotFoundError
from srctl.models import Host, Image, Progress
from srctl.output import Output

if TYPE_CHECKING:
    from srctl.accounting import Accounting
    from srctl.db.store import SqlStore
    from srctl.enforcing import Gateway
    from srctl.hosts.engine import DockerHost
    from srctl.launch import Launcher
    from srctl.opening import Door, Opener
    from srctl.sessions import Sessions
    from srctl.tunnel.connection import SSHConnection
    from srctl.tunnel.prompter import Prompter
    from srctl.tunnel.registry import Registry
    from srctl.ways import Ways


LOGINS = "logins"
"""The folder beside a gateway's database that says who is logged in."""


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
        if host is not None:
            self.__dict__["host"] = host

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

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
    def prompter(self) -> TerminalPrompter | None:
        """What asks the person on the terminal; `None` without one."""
        if not self.interactive:
            return None
        return TerminalPrompter(self.stdin, self.stderr, self.output.hidden, self._answers)

    @cached_property
    def store(self) -> "SqlStore":
        """The accounting database, open. Raises `NotFoundError` where there is none."""
        from srctl.db.store import open_store

        store = open_store(self.config.database)
        self._open.callback(store.close)
        return store

    @property
    def accounting(self) -> "Accounting":
        """What administrators do."""
        from srctl.accounting import Accounting
        from srctl.enforcing import Enforcer

        return Accounting(self.store, self._image, Enforcer(lambda: self.host, self.gateway))

    @cached_property
    def gateway(self) -> "Gateway | None":
        """The gateway on this machine whose database this is; `None` where it is no gateway's."""
        folder = Path(self.config.database).parent / LOGINS
        if not folder.is_dir():
            return None
        from srctl.enforcing import Gateway
        from srctl.logins.revocation import Revocation

        return Gateway(Revocation(folder), self.store.book, self.store)

    def _image(self, reference: str) -> Image:
        return self.host.image(reference)

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

        return self.host_of(resolve(self.config, self.environ))

    def host_of(self, host: Host) -> "DockerHost":
        """Return any host, closed with this context.

        The SSH login of an `ssh://` host begins at once and goes on while the Docker SDK is imported.
        """
        way = host.url if host.url.startswith("ssh://") else host.ssh
        connect: Callable[[], SSHConnection] | None = None
        if way == host.url:
            from srctl.early import Early, Errands

            errands, asked = Errands(), self.prompter
            prompter = asked and ErrandPrompter(errands, asked)
            login = partial(self._connect, way, prompter, engine=True)
            early = Early(login, lambda connection: connection.close(), errands)
            self._open.callback(early.abandon)
            connect = early.result
        elif way is not None:
            connect = partial(self._connect, way, self.prompter)
        from srctl.hosts.engine import DockerHost

        opened = DockerHost(host, connect, self.config.get("connect_timeout"))
        self._open.callback(opened.close)
        return opened

    def _connect(self, url: str, prompter: "Prompter | None", *, engine: bool = False) -> "SSHConnection":
        from srctl.tunnel.connection import SSHConnection

        timeout = self.config.get("connect_timeout")
        return SSHConnection.connect(url, timeout=timeout, prompter=prompter, engine=engine, forwards=not engine)

    @cached_property
    def sessions(self) -> "Sessions":
        """What users do. Works without a database, as far as none is needed."""
        from srctl.sessions import Sessions

        host = self.host
        if not self.local:  # while the network is waited for
            Thread(target=import_module, args=("srctl.db.store",), name="srctl-import", daemon=True).start()
        return Sessions(host, self._store_if_any, user=self.config.user, realm=self.config.get("realm"))

    def _store_if_any(self) -> "SqlStore | None":
        try:
            return self.store
        except NotFoundError:
            return None

    def launcher(self, progress: Callable[[Progress], None]) -> "Launcher":
        """Return what starts sessions."""
        from srctl.launch import Launcher

        return Launcher(self.sessions, progress, home_root=self.config.get("home_root"))

    def opener(self, progress: Callable[[Progress], None], *, background: bool = False) -> "Opener":
        """Return what opens sessions on this machine, by tunnels of this process or in the background."""
        from srctl.joining import Joiner
        from srctl.opening import Opener

        ways = self._background if background else None  # it has a process to start
        joiner = Joiner(self.sessions, self.launcher(progress), progress)  # a login begins
        return Opener(self.sessions.engine, joiner, ways or self.ways)

    @cached_property
    def ways(self) -> "Ways":
        """The ways to sessions of the host in force."""
        from srctl.ways import Ways

        return Ways(lambda: self.host, self.config.get("connect_timeout"), self._open, self.output.note)

    @cached_property
    def _background(self) -> "Ways":
        from srctl.ways import BackgroundWays

        asked = self.prompter
        prompter = asked and Recalling(asked, self._answers)
        ways = BackgroundWays(lambda: self.host, self.config.get("connect_timeout"), self._open, prompter)
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
