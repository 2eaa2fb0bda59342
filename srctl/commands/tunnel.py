"""`srctl tunnel`: local ports that lead to sessions, in this terminal or in the background."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from srctl import views
from srctl.commands.options import PortOption, complete_openable, complete_tunnels, noun, on_screen, tell, verb
from srctl.commands.requests import Replace, Timeout, start_request
from srctl.context import Context
from srctl.errors import UsageError
from srctl.models import Tunnel
from srctl.outcome import try_each

if TYPE_CHECKING:
    from srctl.opening import Opened
    from srctl.tunnel.registry import Record

app = noun("The tunnels: local ports that lead to sessions.")

LOOK = 0.25
"""Seconds between two looks at a log that is followed."""

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The tunnel's id (or its beginning).", autocompletion=complete_tunnels)
]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", autocompletion=complete_tunnels)]


@verb(app, "open")
def open_tunnel(
    context: Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="APP|ID", help="Image, title or grant id; or a session's id.", autocompletion=complete_openable
        ),
    ],
    local_port: PortOption = None,
    background: Annotated[bool, typer.Option("--background", help="Return when it is up, and keep it up.")] = False,
    timeout: Timeout = None,
    replace: Replace = False,
) -> None:
    """Open a tunnel to a session, which is started if needed.

    Without --background it is held until Ctrl-C, as `open --no-browser` does. Where the engine runs on this machine
    no tunnel is needed: the session's own URL is printed.
    """
    from srctl.commands import holding

    request = start_request(context, target, timeout, replace)
    door = context.door(local_port)
    with context.output.progress() as progress:
        opened = context.opener(progress, background=background).open(request, door)
    if background or opened.direct:
        row = _row(opened)
        context.output.made(row.url if row.id is None or context.output.format != "ids" else row.id, views.tunnel(row))
    else:
        holding.hold(context, opened, browser=False, row=_row(opened))


@verb(app, "list")
def list_tunnels(context: Context) -> None:
    """List the tunnels on this machine, also those that are down since a day at most."""
    rows = [views.tunnel(record.row()) for record in context.registry.records()]
    columns = ("id", "image", "host", "state", "url", "since", "reconnects", "last_error")
    if on_screen(context):
        rows = [row | {"id": row["id"][:12]} for row in rows]
    context.output.rows(rows, ids="id", columns=columns, keys=views.TUNNEL)


@verb(app, "close")
def close(
    context: Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", autocompletion=complete_tunnels)] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Close all.")] = False,
) -> None:
    """Close tunnels at once; the sessions run on."""
    from srctl.tunnel import ending

    registry = context.registry
    if ids and everything:
        raise UsageError("Tunnels are closed by name or with --all, not both", "Leave out one of the two")
    if not ids and not everything:
        raise UsageError("Name the tunnels to close, or say --all", "srctl tunnel list shows them")
    names = [record.plan.id for record in registry.records()] if everything else ids or []

    def end(prefix: str) -> str:
        record = registry.find(prefix)
        ending.close(registry, record)
        return record.plan.id

    tell(try_each(names, end), context.output.removed)


@verb(app, "logs")
def logs(
    context: Context,
    tunnel: Id,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more happens.")] = False,
) -> None:
    """Print what happened to a tunnel: when it was up, why it was not, and which connections failed."""
    record = context.registry.find(tunnel)
    for text in _followed(context, record) if follow else [_text(context, record)]:
        context.output.raw(text)


@verb(app, "restart")
def restart(context: Context, ids: Ids) -> None:
    """Close tunnels and open them again in the background, with the same ids and ports."""
    from srctl.tunnel import ending

    def again(prefix: str) -> str:
        record = context.registry.find(prefix)
        ending.restart(context.registry, record, context.prompter)
        return record.plan.id

    tell(try_each(ids, again), context.output.removed)


def _row(opened: "Opened") -> Tunnel:
    """Return the row of what was opened; it has no id and no process where nothing is forwarded."""
    row = opened.tunnel.row()
    if row is not None:
        return row
    standing = opened.tunnel.standing
    return Tunnel(
        id=None,
        session_id=opened.session.id,
        image=opened.session.image,
        host=opened.session.host,
        local_port=opened.local_port,
        url=opened.url,
        state=standing.state,
        since=None,
        reconnects=0,
        bytes_in=0,
        bytes_out=0,
        last_error=None,
        pid=None,
        cause=None,
        background=False,
    )


def _text(context: Context, record: "Record") -> str:
    return context.registry.log(record.plan.id).decode("utf-8", "replace")


def _followed(context: Context, record: "Record") -> Iterator[str]:
    """Yield the log as it grows, until the tunnel is gone; of one that was cut meanwhile what is new is told."""
    seen = ""
    while True:
        alive = context.registry.is_held(record.plan.id)
        text = _text(context, record)
        if text and not text.startswith(seen):
            last = seen.rstrip("\n").rpartition("\n")[2]
            known, found, rest = text.partition(f"{last}\n")
            seen, text = (known + found, known + found + rest) if found else ("", text)
        if new := text[len(seen) :]:
            yield new
            seen = text
        if not alive:
            return
        time.sleep(LOOK)
