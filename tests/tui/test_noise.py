"""Whatever writes to the terminal while the screen is on it disturbs nothing, and can be read."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.terminal import terminal
from tests.tui.stage import Stage
from tools.clean_home import Home
from tools.processes import wait_until

ROOT = Path(__file__).parents[2]


def test_nothing_else_writes_to_the_terminal(stage: Stage, home: Home, tmp_path: Path) -> None:
    begin, done = tmp_path / "begin", tmp_path / "done"
    with terminal(home, stage.lab.environ | {"PYTHONPATH": str(ROOT)}, width=80, height=24) as screen:
        screen.start(sys.executable, "-m", "tests.tui.noisy", str(begin), str(done))
        before = screen.wait_for("Nothing runs for you", "● up", "4 Use")
        begin.touch()
        wait_until(done.exists, "all noise", limit=20)
        assert screen.screen() == before
        screen.press("E")
        screen.wait_for("noise: from a child", "noise: from its stderr")
        shown = "\n".join(screen.screen())
        assert "written to 2, 19" in shown
        assert r"\u001b[2J" in shown
        screen.press("q")
        screen.wait_for("Nothing runs for you")
        screen.press("q")
        assert screen.end() == 0
        assert screen.left == []
        assert screen.sane
