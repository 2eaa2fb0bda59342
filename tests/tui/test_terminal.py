"""The screen and its terminal: no colours where there are none, and a sane terminal after whatever happens to it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal, terminal
from tools.clean_home import PROGRAM, Home
from tools.processes import wait_until

SGR = re.compile(rb"\x1b\[([\d;:]*)m")
NOWHERE = ("tui", "--host", "unix:///nowhere/docker.sock")
CONTINUED = """
import os, signal, sys
from srctl.tui.main import MainScreen
MainScreen.remember = lambda _: os.kill(os.getpid(), signal.SIGCONT)
from srctl.__main__ import run
run()
"""
"""The screen, told to go on while it ends, as a terminal that is closed does."""


@pytest.fixture
def screen(home: Home) -> Iterator[Terminal]:
    """A terminal on which the screen is shown."""
    with terminal(home, width=80, height=24) as screen:
        screen.run(*NOWHERE)
        screen.wait_for("✗ away", "q quit")
        yield screen


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "vt100"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_no_code_of_a_colour_is_sent_to_a_terminal_without_colours(
    home: Home, environ: dict[str, str], coloured: bool
) -> None:
    steps = (b"quit", b"?"), (b"Everywhere", b"q"), (b"quit", b":zz\r"), (b"nothing called", b"\x03")
    drawn = seen(home.env | {"COLORTERM": ""} | environ, *steps)
    codes = {code for found in SGR.findall(drawn) for code in re.split(rb"[;:]", found)}
    colours = {code for code in codes if code and (30 <= int(code) <= 49 or 90 <= int(code) <= 107)}
    assert bool(colours) == coloured
    assert b"7" in codes  # the row under the cursor, at least, is seen without colours too


def seen(env: dict[str, str], *steps: tuple[bytes, bytes]) -> bytes:
    """Return what the screen sends to a terminal of its own: each step is what is waited for, and keys."""
    child, handle = begun(env)
    drawn = b""
    for text, keys in steps:
        drawn += until(handle, text)
        os.write(handle, keys)
    with contextlib.suppress(OSError):  # which is how a terminal says that nobody is there any more
        while more := os.read(handle, 1 << 16):
            drawn += more
    os.close(handle)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return drawn


def begun(env: dict[str, str], *, deaf: bool = False) -> tuple[int, int]:
    """Show the screen on a terminal of its own, with `deaf` without heed of SIGHUP; return process and terminal."""
    child, handle = pty.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if deaf else signal.SIG_DFL)
        os.execve(PROGRAM, ["srctl", *NOWHERE], env)  # noqa: S606
    return child, handle


def until(handle: int, text: bytes) -> bytes:
    """Read from a terminal until a text has come."""
    drawn = b""
    while text not in drawn:
        assert select.select([handle], [], [], 30)[0], f"{text!r} in {drawn!r}"
        drawn += os.read(handle, 1 << 16)
    return drawn


@pytest.mark.parametrize("deaf", [False, True], ids=["told", "not told"])
def test_the_screen_ends_with_its_terminal(home: Home, deaf: bool) -> None:
    child, handle = begun(home.env | {"TERM": "xterm-256color"}, deaf=deaf)
    until(handle, "✗ away".encode())
    [screen] = Path(f"/proc/{child}/task/{child}/children").read_text().split()
    os.close(handle)
    ended = wait_until(lambda: os.waitpid(child, os.WNOHANG)[1] or None, "the end", limit=20)
    assert os.waitstatus_to_exitcode(ended) == 130
    assert not Path(f"/proc/{screen}").exists()


def test_a_screen_that_is_killed_leaves_the_terminal_as_it_was(screen: Terminal) -> None:
    [child] = Path(f"/proc/{screen.process}/task/{screen.process}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    assert screen.end() == 128 + signal.SIGKILL
    assert screen.sane
    assert screen.cooked


def test_the_screen_ends_with_the_process_that_waits_for_it(screen: Terminal) -> None:
    [child] = Path(f"/proc/{screen.process}/task/{screen.process}/children").read_text().split()
    os.kill(screen.process, signal.SIGKILL)
    assert screen.end() == 128 + signal.SIGKILL
    wait_until(lambda: screen.cooked or None, "the screen of before")
    wait_until(lambda: not Path(f"/proc/{child}").exists() or None, "the end of the screen")


def test_a_signal_to_the_process_that_waits_ends_the_screen(screen: Terminal) -> None:
    os.kill(screen.process, signal.SIGINT)
    assert screen.end() == 130
    assert screen.sane
    assert screen.cooked


def test_a_signal_to_go_on_while_it_ends_begins_nothing_anew(home: Home) -> None:
    child, handle = pty.fork()
    if child == 0:
        command = [sys.executable, "-c", CONTINUED, *NOWHERE]
        os.execve(sys.executable, command, home.env | {"TERM": "xterm-256color"})  # noqa: S606
    until(handle, "✗ away".encode())
    [screen] = Path(f"/proc/{child}/task/{child}/children").read_text().split()
    try:
        os.write(handle, b"q")
        with contextlib.suppress(OSError):  # which is how a terminal says that nobody is there any more
            while select.select([handle], [], [], 10)[0]:
                os.read(handle, 1 << 16)
        assert not Path(f"/proc/{screen}").exists()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(screen), signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(handle)
