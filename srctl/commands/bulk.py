"""Many at once: names, or what one would type after a command, line by line from stdin.

Empty lines, and lines that begin with `#`, are left out. Each line is done for itself, and what fails is told with its
number.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

import typer

from srctl.accounting import Accounting
from srctl.commands.options import read_text
from srctl.context import Context
from srctl.errors import SrctlError, UsageError
from srctl.outcome import Outcome, try_each

STDIN = "-"
"""What stands in the place of an argument that comes from stdin."""

_LARGEST = 64 * 1024**2

R = TypeVar("R")
Made = tuple[str, Mapping[str, Any]]
"""The id or name of what was made, and its row."""


def names(context: Context, given: list[str]) -> list[str]:
    """Return the names that were given; those on stdin stand in the place of a dash. Raises `UsageError`."""
    if given.count(STDIN) > 1:
        raise UsageError("Stdin can be read once only", "Give one -")
    return [name for each in given for name in ([text for _, text in _lines(context)] if each == STDIN else [each])]


def each_name(context: Context, action: Callable[[str], R]) -> Outcome[R]:
    """Do the action for each name on stdin."""
    return try_each(_lines(context), lambda line: _told(line[0], lambda: action(line[1])))


def each_line(context: Context, group: typer.Typer, name: str) -> Outcome[Made]:
    """Run a command that makes something once for each line on stdin: its arguments and options, as in a shell."""
    command: Any = typer.main.get_group(group).commands[name]
    return try_each(_lines(context), lambda line: _told(line[0], lambda: _run(context, command, line[1])))


def show(context: Context, made: Iterable[Made]) -> None:
    """Print what was made."""
    context.output.made_all(list(made))


def _lines(context: Context) -> list[tuple[int, str]]:
    text = read_text(context, STDIN, largest=_LARGEST).removeprefix("\ufeff")  # as programs of Windows write it
    numbered = enumerate(text.split("\n"), 1)
    stripped = ((number, line.strip(" \t\r")) for number, line in numbered)
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _told(number: int, action: Callable[[], R]) -> R:
    try:
        return action()
    except SrctlError as error:
        raise type(error)(f"line {number}: {error.message}", error.hint) from error


def _run(context: Context, command: Any, line: str) -> Made:
    from typer._click.exceptions import ClickException

    run = _Line(context)
    try:
        words = shlex.split(line)
        with command.make_context(command.name, words, obj=run) as parsed:
            command.invoke(parsed)
    except ClickException as error:
        raise UsageError(error.format_message()) from error
    except (ValueError, typer.Exit) as error:
        raise UsageError("This can't be read as words of a shell", "Close each quote") from error
    return run.result


class _Line:
    """What a command gets in the place of the context: it is to make one thing, and to leave everything else alone."""

    debug = False

    def __init__(self, context: Context) -> None:
        self.flags: dict[str, Any] = {}
        self.result: Made = ("", {})
        self._context = context

    @property
    def accounting(self) -> Accounting:
        """What administrators do."""
        if self.flags:
            raise UsageError(
                f"--{min(self.flags)} is not for a line", "Give it once, to the command that reads the lines"
            )
        return self._context.accounting

    @property
    def output(self) -> "_Line":
        """What is told of what was made."""
        return self

    def made(self, name: str, row: Mapping[str, Any]) -> None:
        """Keep what was made."""
        self.result = (name, row)

    def verbatim(self, text: str) -> NoReturn:
        """Refuse to print help."""
        del text
        raise UsageError("--help is not for a line", "See: srctl grant add --help")

    @property
    def stdin(self) -> NoReturn:
        """Refuse to be read: it is where the lines come from."""
        raise UsageError("The lines come from stdin, so nothing else can")
