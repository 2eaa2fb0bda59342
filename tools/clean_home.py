"""A home of its own for srctl: nothing of the user's settings, keys, databases or Docker variables gets in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("srctl")
FOREIGN = ("SRCTL_", "DOCKER_", "XDG_", "SSH_", "PYTEST_", "PYTHON", "PG")
FOREIGN_NAMES = {"NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "LINES", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"}
FOLDERS = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
    "XDG_RUNTIME_DIR": "run",
}


@dataclass(frozen=True)
class Home:
    """The folder, and the environment in which it is everybody's home."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def add_ssh_config(self, section: str) -> None:
        """Append a section to the home's ssh_config."""
        folder = self.path / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "config").open("a") as config:
            config.write(f"{section}\n")
        (folder / "config").chmod(0o600)

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run srctl to its end; without `stdin` it reads nothing. A time-out raises subprocess.TimeoutExpired."""
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.env | dict(env or {}),
            cwd=self.path,
            stdin=subprocess.DEVNULL if stdin is None else None,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start srctl in the background, with both outputs in pipes; the caller ends it."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            env=self.env | dict(env or {}),
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def make(path: Path) -> Home:
    """Make a home in an existing folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    env = {name: value for name, value in kept.items() if name not in FOREIGN_NAMES} | {"HOME": str(path)}
    for name, folder in FOLDERS.items():
        (path / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        env[name] = str(path / folder)
    return Home(path, env)
