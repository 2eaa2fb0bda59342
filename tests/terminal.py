"""A terminal with srctl on it, as a person has it: tmux draws the screen, and keys are pressed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.clean_home import PROGRAM, Home
from tools.processes import wait_until

SCRIPT = """
trap : INT
stty -g >"$0.before"
if [ -n "$1" ]; then exec 3>"$1"; else exec 3>&1; fi
shift
"$@" >&3
code=$?
stty -g >"$0.after"
echo "[exit $code]"
exec cat
"""
ENDED = re.compile(r"\[exit (\d+)\]")


@dataclass(frozen=True)
class Terminal:
    """Two terminals: the one on which srctl runs, and another to which its stdout can go."""

    home: Home
    folder: Path
    env: Mapping[str, str]

    def run(self, *arguments: str, data_elsewhere: bool = False) -> None:
        """Start srctl; with `data_elsewhere` its stdout is the other terminal."""
        self.start(str(PROGRAM), *arguments, data_elsewhere=data_elsewhere)

    def start(self, program: str, *arguments: str, data_elsewhere: bool = False) -> None:
        """Start another program in its place."""
        other = self._tmux("display-message", "-p", "-t", ":data", "#{pane_tty}").strip() if data_elsewhere else ""
        command = ["sh", "-c", SCRIPT, str(self.folder / "modes"), other, program, *arguments]
        self._tmux("new-window", "-n", "run", "-c", str(self.home.path), *command)

    def type(self, text: str) -> None:
        """Type a text and press Enter."""
        self._tmux("send-keys", "-t", ":run", "-l", text)
        self.press("Enter")

    def press(self, key: str) -> None:
        """Press a key, by tmux's name for it."""
        self._tmux("send-keys", "-t", ":run", key)

    def screen(self, window: str = "run") -> list[str]:
        """Return the lines that are to be seen, without empty ones at the end."""
        return self._tmux("capture-pane", "-p", "-t", f":{window}").rstrip().split("\n")

    def wait_for(self, *texts: str, limit: float = 60) -> list[str]:
        """Return the screen once all of these are to be seen on it."""

        def seen() -> list[str] | None:
            lines = self.screen()
            return lines if all(text in "\n".join(lines) for text in texts) else None

        try:
            return wait_until(seen, f"{texts} on the screen", limit=limit)
        except Exception as error:
            raise AssertionError(f"{error}:\n" + "\n".join(self.screen())) from error

    def end(self, limit: float = 60) -> int:
        """Wait until srctl has ended; return its exit code."""
        self.wait_for("[exit ", limit=limit)
        found = ENDED.search("\n".join(self.screen()))
        assert found is not None
        return int(found[1])

    @property
    def left(self) -> list[str]:
        """What srctl has left on the screen."""
        return [line for line in self.screen() if not ENDED.search(line)]

    @property
    def sane(self) -> bool:
        """Whether the terminal has its modes and its cursor again."""
        before, after = ((self.folder / f"modes.{when}").read_text() for when in ("before", "after"))
        return before == after and self._tmux("display-message", "-p", "-t", ":run", "#{cursor_flag}").strip() == "1"

    @property
    def cooked(self) -> bool:
        """Whether what was there before is to be seen again, and the mouse is the terminal's own."""
        flags = "#{alternate_on}#{mouse_any_flag}#{keypad_flag}"
        return self._tmux("display-message", "-p", "-t", ":run", flags).strip() == "000"

    @property
    def process(self) -> int:
        """The id of the process of srctl."""
        shell = self._tmux("display-message", "-p", "-t", ":run", "#{pane_pid}").strip()
        [child] = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(child)

    def resize(self, width: int, height: int) -> None:
        """Make the terminal smaller or larger."""
        self._tmux("resize-window", "-t", ":run", "-x", str(width), "-y", str(height))

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-f", "/dev/null", "-S", str(self.folder / "socket"), *arguments]
        done = subprocess.run(command, env=dict(self.env), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def terminal(
    home: Home, env: Mapping[str, str] | None = None, *, width: int = 100, height: int = 24
) -> Iterator[Terminal]:
    """Give a terminal of this size; whatever runs on it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="srctl-tty-"))
    everything = home.env | dict(env or {}) | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    made = Terminal(home, folder, everything)
    size = ["-x", str(width), "-y", str(height)]
    try:
        made._tmux("new-session", "-d", "-n", "data", *size, "sh", "-c", "stty -echo; exec cat")
        made._tmux("set-option", "-g", "status", "off")
        yield made
    finally:
        made._tmux("kill-server")
        shutil.rmtree(folder)
