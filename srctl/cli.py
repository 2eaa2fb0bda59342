"""The command line: the tree of commands, and the one place that turns errors into words and exit codes."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Annotated, Any

import typer

from srctl.commands.options import OutputOption, QuietOption, complete_hosts, complete_users, take_flags
from srctl.commands.tree import Root
from srctl.context import Context
from srctl.errors import SrctlError, UsageError

ROOT_HELP = """Run containerised desktops and web applications for people, and reach them over SSH.

First steps: srctl quickstart IMAGE, or for a team: srctl db init, user add, app add, grant add, open.
"""


def tree() -> typer.Typer:
    """Build the root of the tree of commands."""
    root = typer.Typer(
        cls=Root,
        help=ROOT_HELP,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(_global_options)
    return root


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        sys.stdout.write(f"srctl {version('srctl')}\n")
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
        with context, _ending_signals():
            return _run(list(argv), context)
    except SrctlError as error:
        return _fail(context, error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _broken_pipe()
    except Exception as error:
        from srctl.crash import report

        return _fail(context, report(error, context.debug))


def _run(argv: list[str], context: Context) -> int:
    from typer._click.exceptions import ClickException, NoArgsIsHelpError

    try:
        return int(tree()(args=argv, obj=context, prog_name="srctl", standalone_mode=False) or 0)
    except NoArgsIsHelpError as error:
        context.output.stdout.write(error.format_message() + "\n")
        return 0
    except ClickException as error:
        path = getattr(getattr(error, "ctx", None), "command_path", "srctl")
        raise UsageError(error.format_message(), f"See: {path} --help") from error


def _fail(context: Context, error: SrctlError) -> int:
    with contextlib.suppress(BrokenPipeError):
        context.output.error(error)
    if context.debug:
        import traceback

        traceback.print_exception(error.__cause__ or error)
    return error.exit_code


def _broken_pipe() -> int:
    """Whoever read our output has enough: end quietly, and keep the interpreter from complaining at its exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does, so that it cleans up after itself."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> Any:
        raise KeyboardInterrupt

    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def run() -> None:
    """Run as the `srctl` command."""
    sys.exit(main(sys.argv[1:]))
