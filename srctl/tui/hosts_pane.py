"""The pane of hosts: whether each answers, what it is, and what runs there, for administrators."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from srctl.models import Session
from srctl.tui.columns import Column, Row
from srctl.tui.keys import Key, bindings
from srctl.tui.metered import RUNNING
from srctl.tui.pane import Fact, Pane
from srctl.tui.state import HostView
from srctl.tui.tabs import how
from srctl.tui.words import amount, plainly


class HostsPane(Pane):
    """The hosts."""

    NAME = "Hosts"
    EMPTY = "There is no host"
    NEEDS_EVERYONE = True
    NEEDS_MACHINES = True
    COLUMNS = (
        Column("NAME", flexible=True),
        Column("STATE", toned=True),
        Column("ANSWER", drop=2, right=True),
        Column("SESSIONS", right=True),
        Column("LOAD", drop=1, right=True),
        Column("MEMORY", drop=4, right=True),
        Column("CONTAINERS", drop=5, right=True),
        Column("ENGINE", drop=3),
    )
    KEYS = (
        Key("enter", "choose", "check again", "Ask the host again; for one that is away you may be asked something"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def rows(self) -> Sequence[Row]:
        """Return a row for each host."""
        return [self._row(name, view) for name, view in self.state.hosts.items()]

    def _row(self, name: str, view: HostView) -> Row:
        state, tone = how(view)
        running, machine, load = len(_running(view)), view.machine, self._load(view)
        cells = (
            plainly(name),
            state,
            _milliseconds(view.took),
            "-" if view.everyone is None else str(running),
            "-" if machine is None else f"{'?' if load is None else f'{load:.1f}'} of {machine.cores}",
            "-" if machine is None else amount(machine.memory),
            "-" if machine is None else str(machine.running),
            "-" if machine is None else plainly(machine.version),
        )
        known = (None, None) if machine is None else (machine.memory, machine.running)
        values = (cells[0].lower(), state, view.took, running, load, *known, cells[-1])
        return Row(name, cells, values, tone)

    def _load(self, view: HostView) -> float | None:
        """Return how many cores the running sessions take together, as far as that is known."""
        now, running = self.state.meters.now, _running(view)
        found = [now(session.host, session.container_id) for session in running]
        known = [usage.cpu for usage in found if usage is not None and usage.cpu is not None]
        return sum(known) / 100 if known or not running else None

    @property
    def selected(self) -> HostView | None:
        """The host under the cursor."""
        return self.state.hosts.get(self.table.key or "")

    @property
    def young(self) -> bool:
        """Whether it is counted how long a host is waited for."""
        return any(view.thread.busy_since is not None for view in self.state.hosts.values())

    def watched(self) -> Sequence[Session]:
        """Return the sessions that make the load of the host under the cursor."""
        return [] if self.selected is None else _running(self.selected)

    def measure(self) -> None:
        """Show the load."""
        self.table.change(self.rows())

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the host under the cursor."""
        view, name = self.selected, self.table.key
        if view is None or name is None:
            return ()
        took = f", its last answer took {_milliseconds(view.took)}" if view.took is not None else ""
        facts = [("", name), ("url", view.url or "-"), ("state", f"{how(view)[0]}{took}")]
        if view.error is not None:
            facts += [("! error", view.error.message), ("! hint", view.error.hint or "-")]
        facts += self._sessions(view)
        if (machine := view.machine) is not None:
            facts.append(("machine", f"{machine.cores} cores, {amount(machine.memory)} of memory, {machine.system}"))
            facts.append(("engine", f"{machine.version}, with {machine.running} containers running, of any kind"))
        elif view.error is None and view.sessions is not None:
            facts.append(("machine", "its gateway tells that to its administrators only"))
        return facts

    def _sessions(self, view: HostView) -> list[Fact]:
        if view.everyone is None:
            return []
        running = _running(view)
        people = len({session.user for session in running})
        of = f", of {people} user{'s' if people != 1 else ''}" if running else ""
        ended = len(view.everyone) - len(running)
        facts = [("sessions", f"{len(running)} running{of}" + (f"; {ended} more do not run" if ended else ""))]
        if running:
            load = self._load(view)
            facts.append(("load", "not known yet" if load is None else f"{load:.2f} cores taken by them"))
        return facts

    def command(self) -> str:
        """Return what asks the host under the cursor."""
        name = self.table.key
        if name is None:
            return ""
        first = name == next(iter(self.state.hosts))
        return self.state.command("host", "check", host=name) if first else self.state.command("host", "check", name)

    def action_choose(self) -> None:
        """Ask the host again."""
        if (view := self.selected) is None:
            return
        if view.error is not None:
            view.thread.again()
        else:
            view.thread.look()
            view.thread.offer()


def _running(view: HostView) -> list[Session]:
    return [session for session in view.everyone or () if session.status == RUNNING]


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"
