"""How commands are declared: `noun` makes a group, `verb` a command in it.

Every verb also takes the global options that people type last (`-o`, `-q`, `--host`, `--user`), unless it has an
option of that name itself, as `grant list --user` has.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

import typer

from srctl import text_files
from srctl.commands.lean import Noun, Verb
from srctl.context import Context
from srctl.errors import SrctlError, UsageError
from srctl.outcome import Outcome

F = TypeVar("F", bound=Callable[..., None])
R = TypeVar("R")


def complete_hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of hosts."""
    from srctl.commands.completion import hosts

    return hosts(ctx, incomplete)


def complete_users(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of users."""
    from srctl.commands.completion import users

    return users(ctx, incomplete)


def complete_groups(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of groups."""
    from srctl.commands.completion import groups

    return groups(ctx, incomplete)


def complete_holders(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete who can have a grant: users, and groups after an `@`."""
    if incomplete.startswith("@"):
        return [f"@{name}" for name in complete_groups(ctx, incomplete[1:])]
    return complete_users(ctx, incomplete)


def complete_applications(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the images of applications."""
    from srctl.commands.completion import applications

    return applications(ctx, incomplete)


def complete_sessions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the ids of sessions."""
    from srctl.commands.completion import sessions

    return sessions(ctx, incomplete)


def complete_tunnels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the ids of tunnels."""
    from srctl.commands.completion import tunnels

    return tunnels(ctx, incomplete)


def complete_openable(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete what can be opened: applications and sessions."""
    return complete_applications(ctx, incomplete) + complete_sessions(ctx, incomplete)


def complete_formats(incomplete: str) -> list[str]:
    """Complete the formats of output."""
    from srctl.config import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


OutputOption = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="FORMAT", help="table, json, csv or ids.", autocompletion=complete_formats),
]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Print ids or names only (the format ids).")]
HostOption = Annotated[
    str | None, typer.Option("--host", metavar="NAME|URL", help="The Docker host.", autocompletion=complete_hosts)
]
UserOption = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Act as this user.", autocompletion=complete_users)
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="OPTION", help="Take an option back, e.g. --without cpus (repeatable)."),
]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
PortOption = Annotated[
    int | None, typer.Option("--local-port", metavar="N", min=1, max=65535, help="Port to open on this machine.")
]

_SHARED: dict[str, tuple[Any, Any]] = {
    "output": (OutputOption, None),
    "quiet": (QuietOption, False),
    "host": (HostOption, None),
    "user": (UserOption, None),
}


def take_flags(context: Context, flags: dict[str, Any]) -> None:
    """Note the global options that were given; `--quiet` is the format `ids`."""
    if flags.pop("quiet", False):
        flags["output"] = "ids"
    context.flags.update({name: value for name, value in flags.items() if value not in (None, False)})


def noun(text: str) -> typer.Typer:
    """Make a group of commands."""
    return typer.Typer(cls=Noun, help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def verb(group: typer.Typer, name: str, **options: Any) -> Callable[[F], F]:
    """Declare a command; its function is given our `Context` first."""

    def register(function: F) -> F:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        names = {parameter.name for parameter in own}
        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for key, (kind, default) in _SHARED.items()
            if key not in names
        ]

        @functools.wraps(function)
        def command(ctx: typer.Context, **values: Any) -> None:
            take_flags(ctx.obj, {parameter.name: values.pop(parameter.name) for parameter in shared})
            if ctx.obj.debug:
                ctx.obj.show_log()
            function(ctx.obj, **values)

        first = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        keyword_only = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        command.__signature__ = inspect.Signature([first, *keyword_only, *shared])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in [first, *own, *shared]}
        group.command(name, cls=Verb, **options)(command)
        return function

    return register


def confirm(context: Context, yes: bool, question: str) -> None:
    """Ask before something is destroyed. Raises `UsageError` where nobody can be asked, `SrctlError` for a no."""
    if yes:
        return
    prompter = context.prompter
    if prompter is None:
        raise UsageError(f"Nobody can be asked: {question}", "Say yes beforehand with --yes")
    if not prompter.confirm(f"{question} [y/N]"):
        raise SrctlError("Nothing was done")


def on_screen(context: Context) -> bool:
    """Tell whether a person reads the table, who is served with the beginning of an id."""
    return context.output.format == "table" and context.stdout.isatty()


def require_change(afresh: bool, given: bool, without: Sequence[str] | None) -> None:
    """Raise `UsageError` where nothing is said that is to change."""
    if not (afresh or given or without):
        raise UsageError("Nothing is said that is to change", "Give options, e.g. --cpus 2, or --without cpus")


def read_text(context: Context, file: str, errors: str = "strict", largest: int = text_files.LARGEST) -> str:
    """Return the text of a file; `-` is stdin. Raises `UsageError` and `SrctlError`."""
    if file == "-":
        return text_files.read_stream(context.stdin, "What stands on stdin", largest)
    return text_files.read(file, errors, largest)


def tell(outcome: Outcome[R], show: Callable[[Iterable[R]], None]) -> None:
    """Show what went well, then raise what did not."""
    if outcome.done or not outcome.errors:
        show(outcome.done)
    outcome.check()
