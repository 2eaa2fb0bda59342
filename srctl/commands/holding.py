"""What `open` does once a session can be reached: say where, start the browser, hold until the person ends it."""

import json
import os
import shutil
import sys
import time
import webbrowser
from itertools import count
from urllib.parse import urlsplit

from srctl.commands import views
from srctl.config import login_name
from srctl.context import Context
from srctl.errors import NotFoundError, UnreachableError
from srctl.opening import Opened
from srctl.output import plain

BEAT = 1.0
"""Seconds between two looks at the tunnel."""

LOOK = 5
"""Beats between two looks at the session: one request of the Engine API each."""


def hold(context: Context, opened: Opened, *, browser: bool) -> None:
    """Print the URL, start the browser, and hold the tunnel until Ctrl-C or SIGTERM; the session runs on.

    Raises `UnreachableError` when the tunnel ends by itself and `NotFoundError` when the session does.
    """
    try:
        _announce(context, opened, browser=browser)
        for beat in count(1):
            _check_tunnel(opened)
            if beat % LOOK == 0:
                _check_session(context, opened)
            context.output.status(_standing(opened))
            time.sleep(BEAT)
    except KeyboardInterrupt:
        context.output.status(None)
        context.output.note(f"Closed; the session runs on. srctl stop {opened.session.id[:12]} ends it")
    finally:
        context.output.status(None)
        if opened.tunnel is not None:
            opened.tunnel.close()


def _announce(context: Context, opened: Opened, *, browser: bool) -> None:
    output = context.output
    if not opened.fresh:
        output.note(f"It runs already as {opened.session.id}")
    if output.format == "json":
        said = {"session": views.session(opened.session), "url": opened.url, "local_port": opened.local_port}
        output.line(json.dumps(plain(said)))
    else:
        output.line(opened.url)
    if browser and graphical(context):
        webbrowser.open(opened.url)
    elif browser:
        output.note(f"No browser here. On your own machine: {from_laptop(context, opened)}")


def graphical(context: Context) -> bool:
    """Tell whether a browser with windows can be started here."""
    if sys.platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in context.environ
    if not (context.environ.get("DISPLAY") or context.environ.get("WAYLAND_DISPLAY")):
        return False
    return "BROWSER" in context.environ or any(map(shutil.which, ("xdg-open", "firefox", "chromium", "google-chrome")))


def from_laptop(context: Context, opened: Opened) -> str:
    """Return the `ssh -L` line that brings the session to the machine from which the person came here."""
    port = urlsplit(opened.url).port
    here = context.environ.get("SSH_CONNECTION", "").split()
    host = here[2] if len(here) == 4 else os.uname().nodename if hasattr(os, "uname") else "THIS-HOST"
    return f"ssh -L {port}:127.0.0.1:{port} {login_name()}@{host}, then open {opened.url}"


def _check_session(context: Context, opened: Opened) -> None:
    """Raise `NotFoundError` when the session has ended; an engine that is away for a moment says nothing of it."""
    try:
        container = context.host.container(opened.session.container_id)
    except UnreachableError:
        return
    except NotFoundError as error:
        raise NotFoundError(
            f"Session {opened.session.id} was stopped and removed", f"Start it again: srctl open {opened.session.image}"
        ) from error
    if container.state in ("exited", "dead"):
        raise NotFoundError(
            f"Session {opened.session.id} has ended with exit code {container.exit_code}",
            f"See why: srctl logs {opened.session.id[:12]}",
        )


def _check_tunnel(opened: Opened) -> None:
    if opened.tunnel is not None and opened.tunnel.cause is not None:
        raise UnreachableError(
            f"The tunnel broke: {opened.tunnel.cause}",
            f"The session runs on; open it again with: srctl open {opened.session.id[:12]}",
        )


def _standing(opened: Opened) -> str:
    if opened.tunnel is None:
        return "Reached directly, without a tunnel  Ctrl-C ends this, the session runs on"
    stats = opened.tunnel.stats
    return (
        f"127.0.0.1:{opened.local_port}  {stats.connections} open, {stats.connections_total} in all  "
        f"{_size(stats.bytes_in)} in, {_size(stats.bytes_out)} out  Ctrl-C closes the tunnel"
    )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
