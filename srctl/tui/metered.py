"""What panes of sessions share: their rows, and in them what the sessions in view take, once a second."""

from abc import abstractmethod
from collections.abc import Sequence

from srctl import limits
from srctl.models import Session, Usage
from srctl.tui.columns import Column, Row
from srctl.tui.meters import NOTHING, SLOTS, bars
from srctl.tui.pane import Fact, Pane
from srctl.tui.state import HostView, State
from srctl.tui.words import OVER, STATES, TONES, amount, left, percent, plainly

AWAY = "? host away"
WIDTH = 8
"""Bars in a cell."""

CPU = Column("CPU", drop=6)
PERCENT = Column("CPU%", drop=7, right=True)
MEMORY = Column("MEM", drop=5, right=True)
LEFT = Column("LEFT", drop=1, right=True, spare=True)
RUNNING = "running"
_NONE = (("-", "-", "-"), (None, None, None))
_UNKNOWN = (("-", NOTHING * WIDTH, "-"), (None, None, None))


class MeteredPane(Pane):
    """A pane whose rows are sessions; of those that run and are in view it is told what they take."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._known: dict[str, Session] = {}

    def listed(self, view: HostView) -> Sequence[Session] | None:
        """Return the sessions of a host that are shown."""
        return view.sessions

    @abstractmethod
    def row(self, session: Session) -> Row:
        """Return the row of a session."""

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each session of each host."""
        views = self.state.hosts.values()
        if all(self.listed(view) is None and view.error is None for view in views):
            return None
        found = [session for view in views for session in self.listed(view) or ()]
        self._known = {key(session): session for session in found}
        return [self.row(session) for session in found]

    def reasons(self) -> Sequence[str]:
        """Return which hosts have told nothing."""
        return [self.told_by(name, view.error) for name, view in self.state.hosts.items() if view.error is not None]

    @property
    def selected(self) -> Session | None:
        """The session under the cursor."""
        return None if self.table.key is None else self._known.get(self.table.key)

    def watched(self) -> Sequence[Session]:
        """Return the sessions in view that run, and after them all others where rows are sorted by what they take."""
        rows = self.table.in_view()
        if self.table.order is not None and self.table.columns[self.table.order[0]] in (CPU, PERCENT, MEMORY):
            rows = list(dict.fromkeys([*rows, *self._known]))
        return [self._known[each] for each in rows if each in self._known and self._known[each].status == RUNNING]

    def measure(self) -> None:
        """Show what the sessions in view take; only rows that differ are drawn."""
        self.table.change(map(self.row, self._in_view()))

    def _in_view(self) -> list[Session]:
        return [self._known[each] for each in self.table.in_view() if each in self._known]

    def away(self, session: Session) -> bool:
        """Tell whether nobody knows how a session is."""
        return self.state.hosts[session.host].error is not None

    def standing(self, session: Session) -> str:
        """Return how a session is, in words."""
        return AWAY if self.away(session) else STATES.get(session.status, plainly(session.status))

    def tone(self, session: Session) -> str:
        """Return the tone of its row."""
        return "dim" if self.away(session) else TONES.get(session.status, "")

    def left(self, session: Session) -> tuple[str, object]:
        """Return the cell and the value for the column `LEFT`; a warning is marked."""
        ends = session.ends
        warned = "! " if session.warning else ""
        return f"{warned}{left(ends)}".strip(), None if ends is None else ends.timestamp()

    def ending(self, session: Session) -> list[Fact]:
        """Return when and why a session will end."""
        ends = session.ends
        facts = [("! ends", session.warning)] if session.warning else []
        if session.seats_left is not None:
            facts.append(("left", f"{limits.seats(session.seats_left)} for others"))
        if ends is None:
            return facts
        rest = left(ends)
        return [*facts, ("ends", f"{rest if rest == OVER else f'in {rest}'}, {limits.when(ends)}")]

    # -- what it takes

    def usage(self, session: Session) -> Usage | None:
        """Return what a session takes now, if that is known."""
        return self.state.meters.now(session.host, session.container_id)

    def metered(self, session: Session) -> tuple[tuple[str, str, str], tuple[object, object, object]]:
        """Return the cells and the values for the columns `PERCENT`, `CPU` and `MEMORY`."""
        if session.status != RUNNING:
            return _NONE
        if not self.state.meters.knows(session.host, session.container_id):
            return _UNKNOWN
        usage = self.usage(session)
        cpu, memory = (None, None) if usage is None else (usage.cpu, usage.memory)
        drawn = bars(self.state.meters.course(session.host, session.container_id, WIDTH))
        return (percent(cpu), drawn, amount(memory)), (cpu, cpu, memory)

    def measures(self, session: Session) -> list[Fact]:
        """Return what a session takes, in words."""
        if session.status != RUNNING:
            return []
        usage = self.usage(session)
        course = self.state.meters.course(session.host, session.container_id, SLOTS)
        if usage is None:
            return [("cpu", "not known yet"), ("memory", "not known yet")]
        known = [each for each in (*course, usage.cpu) if each is not None]
        most = f", {percent(max(known))} at most" if known else ""
        of = f" of {amount(usage.limit)}" if usage.limit else ""
        return [
            ("cpu", f"{percent(usage.cpu)} of a core{most}"),
            ("2 minutes", bars(course)),
            ("memory", f"{amount(usage.memory)}{of}"),
        ]


def key(session: Session) -> str:
    """Return what names a session among those of all hosts."""
    return f"{session.host}\0{session.id}"
