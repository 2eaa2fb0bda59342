"""The command line: the tree of commands, and the one place that turns errors into words and exit codes."""

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import FrameType
from typing import Annotated, Any

import typer

from srctl.commands.options import OutputOption, QuietOption, complete_hosts, complete_users, take_flags
from srctl.commands.tree import Root
from srctl.config import FORMATS
from srctl.context import Context
from srctl.errors import InterruptedByUserError, SrctlError, UsageError
from srctl.output import ReaderGoneError

ROOT_HELP = """Run containerised desktops and web applications for people, and reach them over SSH.

First steps: srctl quickstart IMAGE, or for a team: srctl db init, user add, app add, grant add, open.
"""


COMPLETION = "_SRCTL_COMPLETE"
"""The environment variable by which a shell asks for completions."""


def tree() -> typer.Typer:
    """Build the root of the tree of commands."""
    root = typer.Typer(
        cls=Root,
        help=ROOT_HELP,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(_global_options)
    return root


def _version(ctx: typer.Context, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        ctx.obj.output.verbatim(f"srctl {version('srctl')}\n")
        raise typer.Exit


def _global_options(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: typer.Context,
    config: Annotated[str | None, typer.Option("--config", metavar="FILE", help="Config file.")] = None,
    db: Annotated[str | None, typer.Option("--db", metavar="URL|PATH", help="Accounting database.")] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME|URL", help="Docker host.", autocompletion=complete_hosts)
    ] = None,
    realm: Annotated[str | None, typer.Option("--realm", metavar="NAME", help="Which deployment.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Act as this user.", autocompletion=complete_users)
    ] = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and a log.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    flags = {"config": config, "db": db, "host": host, "realm": realm, "user": user, "output": output}
    take_flags(ctx.obj, flags | {"quiet": quiet, "debug": debug})


def main(argv: Sequence[str], context: Context | None = None) -> int:
    """Run a command and return its exit code; every error is told here and nowhere else."""
    context = context or Context()
    try:
        with context, _ending_signals(), _streams(context):
            return _run(list(argv), context)
    except SrctlError as error:
        return _fail(context, error)
    except KeyboardInterrupt:
        return _fail(context, InterruptedByUserError("Interrupted"))
    except ReaderGoneError:
        return 0
    except Exception as error:
        from srctl.crash import report

        return _fail(context, report(error))


def _run(argv: list[str], context: Context) -> int:
    from typer._click.exceptions import ClickException, NoArgsIsHelpError

    if COMPLETION in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    try:
        words = _with_flags(argv, context.on_terminal)
        code = int(tree()(args=words, obj=context, prog_name="srctl", standalone_mode=False) or 0)
    except NoArgsIsHelpError as error:
        context.output.verbatim(error.format_message() + "\n")
        return 0
    except ClickException as error:
        context.flags.update(_asked_format(argv))
        path = getattr(getattr(error, "ctx", None), "command_path", "srctl")
        raise UsageError(error.format_message(), f"See: {path} --help") from error
    except SystemExit as end:
        return int(end.code or 0)
    if code == InterruptedByUserError.exit_code:
        raise KeyboardInterrupt
    return code


def _with_flags(argv: list[str], on_terminal: bool) -> list[str]:
    """Read `srctl help COMMAND` and `srctl version`, which many programs have, as the flags that we have.

    srctl alone shows the screen where there is one, and the help elsewhere.
    """
    match argv:
        case ["help", *words]:
            return [*words, "--help"]
        case ["version"]:
            return ["--version"]
        case [] if on_terminal:
            return ["tui"]
    return argv


def _asked_format(argv: Sequence[str]) -> dict[str, str]:
    """Return the format that a command line asks for which could not be parsed, so that its error comes in it."""
    asked = {}
    for word, following in pairwise([*argv, ""]):
        name, sign, value = word.partition("=")
        if word in ("-q", "--quiet"):
            asked["output"] = "ids"
        elif name == "--output":
            asked["output"] = value if sign else following
        elif word.startswith("-o"):
            asked["output"] = word[2:] or following
    return {name: value for name, value in asked.items() if value in FORMATS}


def _fail(context: Context, error: SrctlError) -> int:
    trace = ""
    if context.debug:
        import traceback

        trace = "".join(traceback.format_exception(error.__cause__ or error))
    context.output.error(error, trace)
    return error.exit_code


@contextlib.contextmanager
def _streams(context: Context) -> Iterator[None]:
    """Let what Typer prints (help, completions) go where our own output goes."""
    if context.stdout is sys.stdout:
        yield
        return
    with contextlib.redirect_stdout(context.stdout):
        yield


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, so that it cleans up after itself.

    A signal that is ignored, as under `nohup`, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> Any:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


def run() -> None:
    """Run as the `srctl` command."""
    for name in ("stdin", "stdout", "stderr"):
        _make_ready(name)
    context = Context()
    # Python tells what an object's end fails with, such as one whose making Ctrl-C broke off. That is for who debugs.
    sys.unraisablehook = lambda said: sys.__unraisablehook__(said) if context.debug else None
    code = main(sys.argv[1:], context)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # What is left can't be written; without this the interpreter would try again at its end, and end with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _make_ready(name: str) -> None:
    """Replace a standard stream that the caller closed; let output never fail for a character it can't encode."""
    stream = getattr(sys, name)
    if stream is None:
        setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115 - for good
    elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
