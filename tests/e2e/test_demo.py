"""The demo as a newcomer runs it: alone, and on a terminal until Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tools import processes

DEMO = [sys.executable, "-m", "tools.demo"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo find no engine of this machine, so that it starts one of its own."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")


@contextmanager
def terminal() -> Iterator[int]:
    """Give a terminal's end on which nobody types."""
    keyboard, end = pty.openpty()
    try:
        yield end
    finally:
        os.close(keyboard)
        os.close(end)


def read_until(output: IO[str], pattern: str) -> str:
    """Read lines until one matches; return all."""
    lines: list[str] = []
    for line in output:
        lines.append(line)
        if re.search(pattern, line):
            break
    return "".join(lines)


def assert_nothing_left(output: str) -> None:
    """Assert that no process and no file of the run that the output tells of is there."""
    (run,) = set(re.findall(r"run-(sl[0-9a-f]{6})", output))
    assert processes.marked(run) == []
    assert not list(Path("/").glob(f"var/cache/srctl-lab/run-{run}"))
    assert not Path(f"/sys/class/net/{run}").exists()


@pytest.mark.usefixtures("elsewhere")
def test_without_a_terminal_the_demo_fetches_the_page_and_leaves_nothing() -> None:
    done = subprocess.run(
        DEMO, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Fetched through the tunnel: HTTP 200, "noVNC"' in done.stdout
    assert "$ srctl grant add" in done.stdout
    assert_nothing_left(done.stdout)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_on_a_terminal_the_demo_holds_until_it_is_told_to_end(number: signal.Signals) -> None:
    with (
        terminal() as keyboard,
        subprocess.Popen(DEMO, cwd=ROOT, stdin=keyboard, stdout=subprocess.PIPE, text=True) as demo,
    ):
        assert demo.stdout is not None
        shown = read_until(demo.stdout, "Ctrl-C ends the demo")
        demo.send_signal(number)
        shown += demo.stdout.read()
    assert demo.returncode == 0, shown
    assert "Taken down" in shown
    assert_nothing_left(shown)
