"""Show srctl at work on this machine: `make demo`.

A Docker engine (the one that runs here, or a private one), a private SSH server and a home of its own stand in
for a Docker host and a laptop; every srctl command is shown with what it prints. Ctrl-C, SIGTERM and SIGHUP
take down all that this started, and nothing else. Without a terminal the page is fetched through the tunnel
instead of opened, and the demo ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tools import clean_home, debian, engine, images
from tools.clean_home import Home
from tools.debian import SetupError
from tools.engine import Engine
from tools.lab import Lab, lab
from tools.sshd import private_sshd

USER = "ada"
CLEAR_LINE = "\r\x1b[K"  # srctl shows how the tunnel stands on the line where the cursor is
GRAPHICAL = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


@dataclass(frozen=True)
class Stage:
    """What the demo plays on."""

    home: Home
    engine: Engine
    image: str


def main() -> int:
    """Play the demo; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        with lab() as run, ExitStack() as undo:
            play(set_up(run, undo), undo)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        say("Interrupted. All that was started here is taken down.")
        return 130
    say("Taken down: the tunnel, the session, the SSH server and all that was started here.")
    return 0


def interrupt(*_: Any) -> None:
    """Treat a signal like Ctrl-C."""
    raise KeyboardInterrupt


def set_up(run: Lab, undo: ExitStack) -> Stage:
    """Start what srctl needs around it."""
    if sys.platform != "linux":
        raise SetupError("The demo needs Linux; a virtual machine will do. srctl itself also runs elsewhere.")
    where = find_engine() or undo.enter_context(said("A private Docker engine", engine.private_engine(run)))
    say(f"Docker engine: {where.url}")
    image = images.build("desktop", where.url)
    undo.callback(clean_up, where, networks(where))
    server = undo.enter_context(private_sshd(run))
    say(f"SSH server: {server.host}, port {server.port}, with throw-away keys")
    home = clean_home.make(run.make("home"))
    home.add_ssh_config(server.client_config("laboratory"))
    home.env["SRCTL_REALM"] = f"demo-{run.id}"  # other sessions in this engine are none of our business
    undo.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
    return Stage(home, where, image)


def find_engine() -> Engine | None:
    """Return the machine's own engine; None when a private one has to be started, which may not be possible."""
    found = engine.reachable()
    if found is not None and found.url.startswith("unix://"):
        return found
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        how = (
            "sudo make demo" if debian.is_debian() else "Docker (https://docs.docker.com/engine/install), and start it"
        )
        raise SetupError(
            f"No Docker engine answers at {engine.DEFAULT_URL}, or this account may not use it. Try: {how}"
        )
    return None


@contextlib.contextmanager
def said(what: str, part: contextlib.AbstractContextManager[Engine]) -> Iterator[Engine]:
    """Say that a part is being started, and how long it took."""
    started = time.monotonic()
    with part as value:
        say(f"{what} is up after {time.monotonic() - started:.1f} s")
        yield value


def play(stage: Stage, undo: ExitStack) -> None:
    """Run the commands of an administrator, then those of the user."""
    address = f"ssh://laboratory{stage.engine.socket}"
    srctl(stage, "db", "init")
    srctl(stage, "host", "add", "laboratory", address)
    srctl(stage, "host", "use", "laboratory")
    srctl(stage, "user", "add", USER)
    srctl(stage, "app", "add", stage.image)
    srctl(stage, "grant", "add", stage.image, USER)
    undo.callback(stop_sessions, stage)
    open_desktop(stage)


def srctl(stage: Stage, *arguments: str) -> str:
    """Run a command in sight; return what it printed on stdout."""
    say(f"\n$ srctl {shlex.join(arguments)}")
    done = stage.home.run(*arguments, timeout=120)
    say((done.stdout + done.stderr).rstrip())
    if done.returncode != 0:
        raise SetupError(f"That command failed with exit code {done.returncode}.")
    return done.stdout


def open_desktop(stage: Stage) -> None:
    """Open the desktop, and hold it until Ctrl-C or, without a terminal, until its page has been fetched."""
    arguments = ["--user", USER, "open", stage.image, "--no-browser"]
    say(f"\n$ srctl {shlex.join(arguments)}")
    command = [str(clean_home.PROGRAM), *arguments]
    with subprocess.Popen(
        command, env=stage.home.env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise SetupError(f"srctl open ended with exit code {process.wait()}.")
            say(f"{CLEAR_LINE}{url}" if sys.stderr.isatty() else url)
            show(url)
            if sys.stdin.isatty():
                process.wait()
        except KeyboardInterrupt:
            say("")
        finally:
            process.send_signal(signal.SIGTERM)


def show(url: str) -> None:
    """Open the URL in a browser, or fetch it where nobody watches."""
    if not sys.stdin.isatty():
        say(fetch(url))
    elif any(os.environ.get(name) for name in GRAPHICAL) and os.geteuid() != 0 and webbrowser.open(url):
        say("Your browser opens it. Ctrl-C ends the demo.")
    else:
        say("Open this address in your browser. Ctrl-C ends the demo.")


def fetch(url: str) -> str:
    """Fetch a page; return a sentence about what came."""
    with urllib.request.urlopen(url, timeout=30) as response:
        body = response.read()
        title = re.search(rb"<title>(.*?)</title>", body, re.DOTALL)
        name = title[1].decode(errors="replace").strip() if title else "no title"
        return f'Fetched through the tunnel: HTTP {response.status}, "{name}", {len(body)} bytes.'


def stop_sessions(stage: Stage) -> None:
    """Stop what is still running, in sight."""
    listed = stage.home.run("--user", USER, "-q", "ps", timeout=60).stdout.split()
    for session in listed:
        with contextlib.suppress(SetupError):
            srctl(stage, "--user", USER, "stop", session[:8])


def networks(where: Engine) -> set[str]:
    """Return the ids of the engine's networks."""
    with where.client() as client:
        return {network["Id"] for network in client.networks()}


def clean_up(where: Engine, before: set[str]) -> None:
    """Remove the network that srctl made in an engine that stays; the image stays, for the next time."""
    from docker.errors import APIError

    if where.private:
        return
    with where.client() as client:
        for network in client.networks(filters={"label": "io.srctl.network"}):
            if network["Id"] not in before:
                with contextlib.suppress(APIError):  # somebody else's session has joined it
                    client.remove_network(network["Id"])
    say("The image srctl/desktop stays in your engine; `docker rmi srctl/desktop` removes it.")


def say(text: str) -> None:
    """Print a line at once; a terminal that has gone away must not keep anything from being taken down."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
