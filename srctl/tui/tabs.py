"""The line at the top: the panes by number, who one is, and how the hosts are."""

import time
from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from srctl.tui.columns import placed, width_of
from srctl.tui.state import HostView, State
from srctl.tui.words import plainly

SLOW = 2.0
"""Seconds after which a host that has not answered is called slow."""

LETTERS = (8, 7, 6, 5, 4, 3)
"""Of the name of a pane, where there is no room for all of it."""


class Tabs(Widget):
    """One line. The pane that is shown stands in brackets."""

    class Clicked(Message):
        """The person has clicked on a pane's name."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, names: Sequence[str], state: State) -> None:
        super().__init__()
        self._names = names
        self._state = state
        self._current = 0
        self._said: Sequence[str] = ()
        self._parts: Sequence[str] = ()

    def label(self, names: Sequence[str]) -> None:
        """Show other names."""
        self._names = names
        self.refresh()

    def choose(self, index: int) -> None:
        """Mark a pane as shown."""
        self._current = index
        self.refresh()

    def tick(self) -> None:
        """Draw again what has changed with time."""
        if standing(self._state) != self._said:
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw it."""
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        self._said = standing(self._state)
        self._parts, said = laid_out(self._names, self._current, self._said, width)
        style = self.rich_style
        chosen = style + Style(bold=True, reverse=not style.reverse)
        looks = [chosen if index == self._current else style for index in range(len(self._parts))]
        segments = [Segment(*each) for each in zip(self._parts, looks, strict=True)]
        room = width - sum(map(width_of, self._parts))
        segments.append(Segment(placed(said, max(0, room), right=True), style))
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def on_click(self, event: Click) -> None:
        """Say which pane is meant."""
        left = 0
        for index, text in enumerate(self._parts):
            if left <= event.x < left + width_of(text):
                self.post_message(self.Clicked(index))
            left += width_of(text)


def laid_out(names: Sequence[str], current: int, said: Sequence[str], width: int) -> tuple[list[str], str]:
    """Return the panes and what is said beside them, as much of both as there is room for.

    `said` has what can be said, the longest first. Names are shortened before that is, and left out after it.
    """
    cut = [[name[:letters] for name in names] for letters in LETTERS]
    middle = [[*each[:current], *names[current : current + 1], *each[current + 1 :]] for each in cut]
    short = cut[-1]
    bare = [name if index == current else "" for index, name in enumerate(short)]
    roomy = [f"[{text}]" if index == current else f" {text} " for index, text in enumerate(_numbered(names))]
    named = [_close(each, current) for each in (names, *middle, short)]
    numbers = _close(bare, current)
    choices = [*((each, said[0]) for each in (roomy, *named)), *((named[-1], each) for each in said[1:])]
    for parts, text in [*choices, *((numbers, each) for each in said)]:
        if sum(map(width_of, parts)) + width_of(text) + 3 <= width:
            return parts, text + " "
    if sum(map(width_of, numbers)) > width:
        numbers = [text if index == current else "" for index, text in enumerate(numbers)]
    return numbers, ""


def _close(names: Sequence[str], current: int) -> list[str]:
    """Return a part for each pane; the brackets of the one that is shown stand in place of blanks."""
    return [
        f"[{text}]" if index == current else text if index == current + 1 else f" {text}"
        for index, text in enumerate(_numbered(names))
    ]


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"{number % 10} {name}".strip() for number, name in enumerate(names, 1)]


UP = "● up"
LONGEST = 24
"""Cells that a host's name gets here; one without a name has a URL instead."""


def standing(state: State) -> list[str]:
    """Return who one is and how the hosts are, at length first, then ever shorter."""
    views = state.hosts
    if len(views) == 1:
        [(name, view)] = views.items()
        return [*_who(view, _short(name), _word(view)), _word(view)]
    troubled = [f"{_short(name)} {_word(view)}" for name, view in views.items() if _word(view) != UP]
    up = len(views) - len(troubled)
    users = {view.user for view in views.values() if view.user}
    who = f"{plainly(users.pop())}  " if len(users) == 1 else ""
    count = f"{up} of {len(views)} hosts up"
    shown = ["  ".join([count, *troubled[:most]]) for most in (2, 1) if len(troubled) >= most]
    only = troubled if len(troubled) == 1 else []
    return [*(who + each for each in shown), *shown[-1:], *only, count, f"{up}/{len(views)} up"]


def _who(view: HostView, host: str, word: str) -> Iterator[str]:
    if not view.user:
        yield f"{host} {word}"
        return
    user = plainly(view.user)
    yield f"{user} on {host} {word}"
    yield f"{placed(user, 12).rstrip()} on {placed(host, 12).rstrip()} {word}"
    yield f"{placed(host, 12).rstrip()} {word}"


def _short(name: str) -> str:
    text = plainly(name)
    return text if width_of(text) <= LONGEST else placed(text, LONGEST)


def how(view: HostView) -> tuple[str, str]:
    """Return in words whether a host answers, and the tone of that."""
    since = view.thread.busy_since
    waited = 0.0 if since is None else time.monotonic() - since
    if waited > SLOW:
        return f"? slow {waited:.0f}s", "warn"
    if view.error is not None:
        return "✗ away", "bad"
    return (UP, "good") if view.sessions is not None else ("… connecting", "warn")


def _word(view: HostView) -> str:
    return how(view)[0]
