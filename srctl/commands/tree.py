"""The tree of commands, as a table: where each command is, and its line in `srctl --help`.

A module of commands is imported when one of its commands is used, so that `srctl --help` and every short command
load and build as little as they need.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

from srctl.commands.lean import Noun
from srctl.commands.options import noun


@dataclass(frozen=True, slots=True)
class Entry:
    """A command of the root: a module of `srctl.commands` (a noun), or one verb in it."""

    name: str
    module: str
    verb: str | None
    text: str


SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Every day": (
        Entry("open", "session", "open", "Open an application in your browser, and hold the tunnel."),
        Entry("start", "session", "start", "Start an application and wait until it answers."),
        Entry("ps", "session", "list", "List your sessions."),
        Entry("logs", "session", "logs", "Print what an application wrote."),
        Entry("stop", "session", "stop", "Stop sessions and remove their containers."),
        Entry("tui", "tui", "tui", "Show it all on one screen; srctl alone on a terminal does that too."),
        Entry("whoami", "login", "whoami", "Show whom the gateway takes you for."),
        Entry("status", "status", "status", "Show the numbers: users, applications, grants, sessions."),
    ),
    "Nouns": (
        Entry("session", "session", None, "The sessions: containers that run for users."),
        Entry("tunnel", "tunnel", None, "The tunnels: local ports that lead to sessions."),
        Entry("user", "user", None, "The people who may use srctl, and their SSH keys."),
        Entry("group", "group", None, "The groups: people who are granted applications together."),
        Entry("app", "app", None, "The applications: Docker images that can be granted."),
        Entry("grant", "grant", None, "The grants: who may run which application, and how."),
        Entry("host", "host", None, "The Docker hosts, and gateways to them."),
        Entry("audit", "audit", None, "What people did through a gateway."),
        Entry("db", "db", None, "The accounting database."),
        Entry("gateway", "gateway", None, "The gateway on this machine: grants enforced by sshd."),
        Entry("config", "config", None, "The configuration."),
    ),
    "Rights and use": (
        Entry("whocan", "explain", "whocan", "List who may start an application."),
        Entry("why", "explain", "why", "Say why a user may start an application, or may not."),
        Entry("usage", "time", "usage", "Count sessions, hours and CPU hours."),
        Entry("reap", "time", "reap", "End sessions that are past their time, unused or without their grant."),
    ),
    "Everything at once": (
        Entry("export", "declare", "export", "Write who may run what as one file."),
        Entry("plan", "declare", "plan", "Show what a file would change."),
        Entry("apply", "declare", "apply", "Make the database as a file says."),
    ),
    "Setup": (
        Entry("quickstart", "status", "quickstart", "Set up all for an image and yourself, and open it."),
        Entry("login", "login", "login", "Log in to a gateway, or see what is missing."),
        Entry("ssh-config", "ssh_config", "ssh-config", "Show what your ssh configuration says of a host, and where."),
        Entry("completion", "completion", "completion", "Print the completion script of a shell."),
    ),
}
ENTRIES = {entry.name: entry for entries in SECTIONS.values() for entry in entries}


class Root(Noun):
    """The root of the tree, which loads its branches when they are used."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands: Any = dict.fromkeys(ENTRIES)  # the names are what a mistyped one is compared with

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as the base class calls it
        """Return the names in the order of the help."""
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as the base class calls it
        """Load one command; `None` for a name that there is not."""
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        app = import_module(f"srctl.commands.{entry.module}").app
        return typer.main.get_group(app) if entry.verb is None else _only(app, entry.verb)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as the base class calls it
        """Write the help's list of commands from the table."""
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.text) for entry in entries])


def _only(app: typer.Typer, verb: str) -> Any:
    """Build one command of a group and none of its others, which takes a good part of a short command's time."""
    alone = noun("")
    alone.registered_commands = [command for command in app.registered_commands if command.name == verb]
    return typer.main.get_group(alone).commands[verb]


def leaves() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name (`grant add`), for documentation and tests."""
    root: Any = Root(name="srctl")
    for name, entry in ENTRIES.items():
        command = root.get_command(None, name)
        yield from _below(name, command) if entry.verb is None else ((name, command),)


def _below(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _below(f"{path} {name}", command)
        else:
            yield f"{path} {name}", command
