"""The step that starts the timer of `srctl reap`, after all that it needs is there."""

import os
from dataclasses import dataclass

from srctl.installation.schedule import TIMER
from srctl.installation.steps import Standing, Undo
from srctl.installation.system import find, must, run


@dataclass(frozen=True, slots=True)
class Started:
    """The timer runs, where systemd does; where it does not, as in a container, there is nothing to start."""

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"The timer {TIMER}, started"

    @property
    def content(self) -> str | None:
        """The command."""
        return f"systemctl start {TIMER}\n"

    def standing(self) -> Standing:
        """Ask systemd."""
        if not _has_systemd() or run("systemctl", "is-active", "--quiet", TIMER).code == 0:
            return Standing.DONE
        return Standing.MISSING

    def make(self) -> Undo:
        """Start it."""
        must("systemctl", "daemon-reload")
        must("systemctl", "start", TIMER)
        return lambda: run("systemctl", "stop", TIMER)

    def remove(self) -> bool:
        """Stop it, while its units are there."""
        return _has_systemd() and self.standing() is Standing.DONE and run("systemctl", "stop", TIMER).code == 0


def _has_systemd() -> bool:
    return os.path.isdir("/run/systemd/system") and find("systemctl") is not None
