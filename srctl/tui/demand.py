"""What is asked of the hosts for the pane that is shown, and for no other."""

from srctl.tui.host import Needs, Watched
from srctl.tui.pane import Pane
from srctl.tui.state import State


def need(state: State, pane: Pane) -> None:
    """Have it asked for what the pane needs besides the person's own sessions."""
    for view in state.hosts.values():
        view.thread.need(Needs(pane.NEEDS_EVERYONE, pane.NEEDS_MACHINES))


def watch(state: State, pane: Pane, *, covered: bool) -> None:
    """Have it told what the sessions in view take; of those under a screen that covers all, nothing."""
    from srctl.sessions import MOST_WATCHED  # not before the first picture

    watched = () if covered else pane.watched()[:MOST_WATCHED]
    for name, view in state.hosts.items():
        containers = sorted(each.container_id for each in watched if each.host == name)
        view.thread.watch(Watched(tuple(containers), pane.NEEDS_EVERYONE))
