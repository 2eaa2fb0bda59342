"""What `open` does once a session can be reached: say where, start the browser, hold until the person ends it."""

import json
import webbrowser

from srctl import browsing, views
from srctl.context import Context
from srctl.models import Tunnel
from srctl.opening import Opened
from srctl.output import plain
from srctl.sizes import in_words

BEAT = 1.0
"""Seconds between two looks at the numbers of the tunnel."""


def hold(context: Context, opened: Opened, *, browser: bool, row: Tunnel | None = None) -> None:
    """Print the URL, start the browser, and hold the tunnel until Ctrl-C or SIGTERM; the session runs on.

    As JSON what was opened is printed, or the tunnel's `row`. A lost connection is made again meanwhile. Raises why
    the tunnel is down for good: `NotFoundError` when the session is gone, `UnreachableError` when its host shows
    another key.
    """
    try:
        _announce(context, opened, browser=browser, row=row)
        while opened.tunnel.failure is None:
            context.output.status(_standing(opened))
            opened.tunnel.wait(BEAT)
        raise opened.tunnel.failure
    except KeyboardInterrupt:
        context.output.status(None)
        context.output.note(f"Closed; the session runs on. srctl stop {opened.session.id[:12]} ends it")
    finally:
        context.output.status(None)
        opened.tunnel.close()


def _announce(context: Context, opened: Opened, *, browser: bool, row: Tunnel | None) -> None:
    output = context.output
    if not opened.fresh:
        output.note(f"It runs already as {opened.session.id}")
    if row is not None and output.format == "json":
        output.line(json.dumps(plain(views.tunnel(row))))
    elif row is not None and row.id is not None and output.format == "ids":
        output.line(row.id)
    elif output.format == "json":
        said = {"session": views.session(opened.session), "url": opened.url, "local_port": opened.local_port}
        output.line(json.dumps(plain(said)))
    else:
        output.line(opened.url)
    if browser and browsing.graphical(context.environ):
        webbrowser.open(opened.url)
    elif browser:
        output.note(f"No browser here. On your own machine: {browsing.from_laptop(context.environ, opened.url)}")


def _standing(opened: Opened) -> str:
    if opened.direct:
        return "Reached directly, without a tunnel  Ctrl-C ends this, the session runs on"
    standing = opened.tunnel.standing
    if standing.state != "up":
        return f"127.0.0.1:{opened.local_port}  {standing.state}: {standing.cause}"
    return (
        f"127.0.0.1:{opened.local_port}  {standing.connections} open, {standing.connections_total} in all  "
        f"{in_words(standing.bytes_in)} in, {in_words(standing.bytes_out)} out  Ctrl-C closes the tunnel"
    )
