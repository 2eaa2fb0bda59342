"""`srctl tui`: the screen, for whoever wants to look at sessions all day."""

import gc
from typing import Annotated

import typer

from srctl.commands.options import noun, verb
from srctl.context import Context
from srctl.errors import UsageError

app = noun("The screen.")


@verb(app, "tui")
def tui(
    context: Context,
    readonly: Annotated[bool, typer.Option("--readonly", help="Only look: change nothing.")] = False,
) -> None:
    """Show sessions, applications and tunnels on one screen, and keep them up to date."""
    if not context.on_terminal:
        raise UsageError("The screen needs a terminal, on stdin and on stdout", "Other commands do the same in scripts")
    from srctl.tui import guard

    guard.split()
    gc.disable()  # until the first picture is drawn: what is loaded for that stays, and looking through it takes time
    from srctl.tui.app import run

    run(context, readonly=readonly)
