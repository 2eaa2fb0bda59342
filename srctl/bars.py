"""Progress of long work on a terminal: the step in words, and a bar for each layer of a pull.

Rich is loaded with this module, so it is imported when there is something to draw. It leaves nothing on the screen.
"""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Live
from rich.text import Text

from srctl.models import Progress

DONE = ("Pull complete", "Already exists")
"""What Docker says of a layer that needs no bar any more."""


class _Sized(ProgressColumn):
    """A column that is empty for work whose size nobody knows."""

    def __init__(self, column: ProgressColumn) -> None:
        self._column = column
        super().__init__()

    def render(self, task: Task) -> Any:
        """Draw the column."""
        return self._column.render(task) if task.total else Text()


class Bars:
    """The drawing, which begins at once."""

    def __init__(self, console: Console) -> None:
        words = TextColumn("{task.description}", markup=False)
        self._live = Live(
            SpinnerColumn(), words, _Sized(BarColumn()), _Sized(DownloadColumn()), console=console, transient=True
        )
        self._tasks: dict[str, Any] = {}
        self.start()

    def start(self) -> None:
        """Draw, also after a stop."""
        self._live.start()

    def stop(self) -> None:
        """Take everything off the screen."""
        self._live.stop()

    def show(self, text: str, progress: Progress) -> None:
        """Show a step, or how far a layer is, as `text`."""
        key = progress.item or ""
        if key not in self._tasks:
            self._tasks[key] = self._live.add_task(text, total=None)
        self._live.update(
            self._tasks[key],
            description=text,
            completed=progress.current,
            total=progress.total,
            visible=progress.step not in DONE,
        )
