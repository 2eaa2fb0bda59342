"""Processes that load forwards, started and ended by tests."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds that a load may take at most."""


@dataclass(frozen=True)
class Far:
    """The far end: a TCP port, and a unix socket with an API."""

    port: int
    path: str


class Load:
    """A process of `fire_load`; the end of the block ends it."""

    def __init__(self, role: str, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.integration.fire_load", role, *map(str, arguments)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def line(self) -> str:
        """Return the next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def finished(self) -> bool:
        """Wait until it is done and has found everything in order."""
        _, complaint = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, complaint[-2000:]
        return True

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._process.poll() is None

    @property
    def resident(self) -> int:
        """The bytes of memory that it occupies."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS:"))


@contextlib.contextmanager
def far_end() -> Iterator[Far]:
    """Serve until the end of the block."""
    with Load("far") as load:
        port, path = load.line().split()
        yield Far(int(port), path)
