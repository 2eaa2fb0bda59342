"""The pane of applications: what the person may start, and how."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from srctl import policy
from srctl.models import Available, StartRequest
from srctl.tui.columns import Column, Row
from srctl.tui.fields import Values
from srctl.tui.keys import Key, bindings
from srctl.tui.opening import Order, opening
from srctl.tui.pane import Fact, Pane
from srctl.tui.starting import image_in_words, start_form
from srctl.tui.terminal import window
from srctl.tui.words import DIGITS, plainly

STARTUP_DATA = "startup-data"


class ApplicationsPane(Pane):
    """The applications."""

    NAME = "Applications"
    EMPTY = "You may start nothing here: an administrator grants applications with srctl grant add"
    COLUMNS = (
        Column("APPLICATION", flexible=True),
        Column("POLICY", drop=1, flexible=True),
        Column("IMAGE", drop=4, flexible=True),
        Column("ON HOST", drop=2, toned=True),
        Column("SESSION", drop=3),
        Column("HOST", drop=5, flexible=True),
    )
    KEYS = (Key("enter", "choose", "start and open", "Start it if it does not run, and open it", changes=True),)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each application of each host."""
        views = self.state.hosts.items()
        if all(view.applications is None and view.error is None for _, view in views):
            return None
        return [self._row(name, each) for name, view in views for each in view.applications or ()]

    def reasons(self) -> Sequence[str]:
        """Return which hosts have told nothing."""
        return [
            self.told_by(name, error)
            for name, view in self.state.hosts.items()
            if (error := view.refusal or view.error) is not None
        ]

    def _row(self, host: str, each: Available) -> Row:
        session = self._session(host, each)
        cells = (
            plainly(each.title),
            plainly(policy.in_words(each.policy)),
            plainly(each.image),
            "✓ there" if each.image_present else "↓ to pull",
            f"● {session[:DIGITS]}" if session else "-",
            plainly(host),
        )
        return Row(f"{host}\0{each.grant_id}", cells, tone="good" if each.image_present else "warn")

    def _session(self, host: str, each: Available) -> str | None:
        """Return the session that runs it: the list of sessions is younger than what the application says."""
        sessions = self.state.hosts[host].sessions
        if sessions is None:
            return each.session_id
        living = (session for session in sessions if session.status in ("running", "starting"))
        return next((session.id for session in living if session.grant_id == each.grant_id), None)

    @property
    def selected(self) -> tuple[str, Available] | None:
        """The application under the cursor, and its host."""
        host, _, grant = (self.table.key or "").partition("\0")
        view = self.state.hosts.get(host)
        found = next((each for each in (view and view.applications) or () if each.grant_id == grant), None)
        return None if found is None else (host, found)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the application under the cursor."""
        if self.selected is None:
            return ()
        host, each = self.selected
        facts = [("", f"{each.title} on {host}")]
        if each.description:
            facts.append(("about", each.description))
        facts.append(("policy", policy.in_words(each.policy)))
        if each.configurables:
            facts.append(("settings", ", ".join(each.configurables)))
        facts.append(("image", image_in_words(each)))
        facts.append(("grant", each.grant_id))
        return facts

    def command(self) -> str:
        """Return what starts and opens the application under the cursor."""
        if self.selected is None:
            return ""
        host, each = self.selected
        return self.state.command("tunnel", "open", self._word(host, each), "--background", host=host)

    def _word(self, host: str, each: Available) -> str:
        """Return what names it on a command line: its image, unless there are several grants for it."""
        same = [other for other in self.state.hosts[host].applications or () if other.image == each.image]
        return each.image if len(same) == 1 else each.grant_id[:DIGITS]

    # -- what the keys do

    def action_choose(self) -> None:
        """Start and open the application; what can be set is asked for before."""
        if self.selected is None:
            return
        host, each = self.selected
        if not each.configurables or self._session(host, each):
            self._open(host, each, {}, self.command())
            return

        def command(values: Values) -> str:
            return self.state.command("open", self._word(host, each), *_options(values), host=host)

        def given(values: Values | None) -> None:
            if values is not None:
                self._open(host, each, values, command(values))

        self.app.push_screen(start_form(each, window(self.state.terminal), command), given)

    def _open(self, host: str, each: Available, values: Values, command: str) -> None:
        settings = {name: value for name, value in values.items() if name != STARTUP_DATA}
        request = StartRequest(each.grant_id, settings, values.get(STARTUP_DATA))
        self.want(opening(self, Order(each.title, host, request, command)))


def _options(values: Values) -> list[str]:
    words = []
    for name, value in values.items():
        words += ["--startup-data", value] if name == STARTUP_DATA else ["--set", f"{name}={value}"]
    return words
