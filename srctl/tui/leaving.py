"""The end of the screen: what is asked before, and what is still seen to afterwards."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from srctl.context import Context
from srctl.models import Tunnel
from srctl.tui.dialogs import Answer, Choice
from srctl.tui.words import plainly
from srctl.tui.work import Work

PATIENCE = 5.0
"""Seconds to undo what is given up; an engine that hangs gets no more."""

SHORT = 0.5
"""Seconds for what can't be given up and is about to end."""

_WORK = (Answer("stay", "s", "Stay here"), Answer("give-up", "g", "Give it up and leave"))
_TUNNELS = (Answer("keep", "k", "Keep them"), Answer("close", "c", "Close them"), Answer("stay", "s", "Stay here"))

Works = Sequence[Work[Any]]


def of_work(works: Works) -> Choice | None:
    """Return what is asked about work that would be given up, `None` where there is none."""
    titles = [plainly(work.title) for work in works if work.yielding]
    return Choice("This goes on. Give it up?", titles, _WORK) if titles else None


def of_tunnels(tunnels: Sequence[Tunnel] | None) -> Choice | None:
    """Return what is asked about living tunnels in the background, `None` where there are none."""
    living = [each for each in tunnels or () if each.background and each.pid is not None]
    if not living:
        return None
    many = f"{len(living)} tunnels run" if len(living) > 1 else "A tunnel runs"
    question = f"{many} in the background. What shall become of that?"
    return Choice(question, [plainly(f"{each.url}  {each.image}") for each in living], _TUNNELS)


def close_tunnels(identifiers: Sequence[str], context: Context, _tell: Callable[..., None]) -> None:
    """Close tunnels. Raises as `closing`."""
    from srctl.tui.tunnels import closing

    for identifier in identifiers:
        closing(context, identifier)


def settle(works: Works, note: Callable[[str], None]) -> None:
    """Give up what goes on, and wait a while for it to be undone; `note` hears what may be left."""
    yielding = [work for work in works if work.yielding]
    limit = time.monotonic() + (PATIENCE if yielding else SHORT)
    for work in yielding:
        work.give_up()
    for work in yielding:
        if not work.over.wait(SHORT):
            note(f"Giving up: {work.title}")
    for work in works:
        ended = work.over.wait(max(0.0, limit - time.monotonic()))
        hint = work.error.hint if work.error is not None else ""
        if not ended and work.yielding:
            note(f"{work.title} may have left something behind; srctl ps --all shows what there is")
        elif work.yielding and hint:
            note(f"{work.title}: {hint}")
