"""A tunnel of this process, kept in the registry: its state file as it changes, and its log.

The state is written when it changes and once a second while its numbers do. Once the tunnel is down for good its row
stays; one that is closed leaves nothing.
"""

import os
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from srctl.errors import SrctlError
from srctl.models import Standing, TunnelPlan
from srctl.models import Tunnel as Row
from srctl.shared_files import replace_file
from srctl.tunnel.registry import LARGEST_LOG, Record, Registry, open_regular

_APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT


class Tunnel(Protocol):
    """A tunnel, as `SupervisedTunnel` is."""

    local_port: int

    @property
    def failure(self) -> SrctlError | None:
        """Why it is down for good."""

    @property
    def standing(self) -> Standing:
        """How it stands."""

    def wait(self, timeout: float) -> None:
        """Wait for a change."""

    def close(self) -> None:
        """End it."""


class Log:
    """The log of a tunnel: lines with their times. One that can't be written is no reason for a tunnel to end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, text: str) -> None:
        """Write a line, unless something that is no file stands in its place."""
        line = f"{datetime.now(UTC).isoformat(timespec='milliseconds').replace('+00:00', 'Z')} {text}\n"
        with suppress(OSError):
            with os.fdopen(open_regular(self._path, _APPENDING), "r+b") as stream:
                stream.seek(0, os.SEEK_END)
                stream.write(line.encode(errors="replace"))
                newer = b""
                if (size := stream.tell()) > LARGEST_LOG:
                    stream.seek(size - LARGEST_LOG // 2)
                    newer = stream.read(LARGEST_LOG)
            if newer:
                replace_file(self._path, newer.partition(b"\n")[2])


class RecordedTunnel:
    """Holds a tunnel in the registry from construction until `close`; the caller holds its lock in `claim`."""

    def __init__(self, registry: Registry, plan: TunnelPlan, tunnel: Tunnel, log: Log, claim: ExitStack) -> None:
        """Take over `tunnel` and `claim`. Raises `SrctlError` where it can't be written down, and takes nothing."""
        self.id = plan.id
        self.local_port = tunnel.local_port
        self._registry, self._plan, self._tunnel, self._log, self._claim = registry, plan, tunnel, log, claim
        self._written = tunnel.standing
        try:
            registry.write(plan, self._written)
        except OSError as error:
            what = f"The folder {registry.folder} can't be written to: {error.strerror}"
            raise SrctlError(what, "Make room there, or name another place with XDG_RUNTIME_DIR") from error

    @property
    def failure(self) -> SrctlError | None:
        """Why it is down for good."""
        return self._tunnel.failure

    @property
    def standing(self) -> Standing:
        """How it stands."""
        return self._tunnel.standing

    def row(self) -> Row:
        """Return it as people see it."""
        return Record(self._plan, self.standing, os.getpid(), alive=True).row()

    def wait(self, timeout: float) -> None:
        """Wait until it stands differently, `timeout` seconds at most, and write down how it stands."""
        self._tunnel.wait(timeout)
        standing = self._tunnel.standing
        if not self._registry.lock_of(self.id).exists():
            self._settle_anew()
        elif standing == self._written:
            return
        refused = standing.last_error
        if standing.state == self._written.state == "up" and refused not in (None, self._written.last_error):
            self._log(f"a connection failed: {refused}")
        self._written = standing
        with suppress(OSError):
            self._registry.write(self._plan, standing)

    def _settle_anew(self) -> None:
        """Make folder and lock again: systems remove a user's runtime folder at the last logout."""
        with suppress(SrctlError, OSError):
            self._claim.enter_context(self._registry.held(self.id))

    def close(self) -> None:
        """End it. What failed keeps its row until it is closed by name or a day has passed."""
        if self.failure is not None:
            self.wait(0.0)
        self._tunnel.close()
        if self.failure is None:
            self._registry.forget(self._plan.id)
        self._claim.close()
