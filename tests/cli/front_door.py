"""Run srctl in this process as the shell would, with streams and an environment of the test's own."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from srctl.cli import main
from srctl.context import Context
from srctl.hosts.engine import DockerHost
from tests.fakes import FakeEngine


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error object that stderr holds, alone."""
        return cast("dict[str, Any]", json.loads(self.err)["error"])

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.out.splitlines()


@dataclass
class FrontDoor:
    """Calls `srctl.cli.main`; `engine` stands in for the Docker host where one is given."""

    home: Path
    environ: dict[str, str]
    engine: FakeEngine | None = None

    def __call__(
        self, *argv: str, stdin: str = "", env: Mapping[str, str] | None = None, terminal: bool = False
    ) -> Ran:
        """Run a command; on a `terminal` all three streams are one."""
        kind = Terminal if terminal else io.StringIO
        out, err = kind(), kind()
        context = Context(
            self.environ | dict(env or {}),
            stdin=kind(stdin),
            stdout=out,
            stderr=err,
            host=cast("DockerHost | None", self.engine),
        )
        code = main(list(argv), context)
        return Ran(code, out.getvalue(), err.getvalue())

    def ok(self, *argv: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run a command that must end well."""
        ran = self(*argv, env=env)
        assert ran.code == 0, ran
        return ran

    def json(self, *argv: str, env: Mapping[str, str] | None = None) -> Any:
        """Run a command that must end well, and return what it prints as JSON."""
        return self.ok(*argv, "-o", "json", env=env).json

    def add(self, *argv: str) -> str:
        """Run an `add` that must end well, and return the one line that it prints."""
        [line] = self.ok(*argv).lines
        return line

    @property
    def config(self) -> Path:
        """Where the config file is by default."""
        return self.home / ".config/srctl/config.toml"

    @property
    def database(self) -> Path:
        """Where the database is by default."""
        return self.home / ".local/share/srctl/srctl.db"

    def with_database(self, source: Path) -> FrontDoor:
        """Put a copy of a database where it is by default."""
        self.database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, self.database)
        self.database.chmod(0o600)
        return self

    def write_config(self, text: str) -> Path:
        """Write the default config file."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)
        return self.config

    def files(self) -> set[Path]:
        """Return all files below the home."""
        return {path for path in self.home.rglob("*") if path.is_file()}
