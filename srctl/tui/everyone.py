"""The pane of everyone's sessions: what runs on each host for all users of the realm, for administrators."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from srctl.models import Session
from srctl.tui.columns import Column, Row
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Said
from srctl.tui.metered import CPU, LEFT, MEMORY, PERCENT, MeteredPane, key
from srctl.tui.pane import Fact
from srctl.tui.reading import session_log
from srctl.tui.state import HostView
from srctl.tui.words import DIGITS, age, plainly
from srctl.tui.work import Work


class EveryonePane(MeteredPane):
    """The sessions of all users."""

    NAME = "Everyone"
    EMPTY = "Nothing runs for anybody"
    NEEDS_EVERYONE = True
    COLUMNS = (
        Column("SESSION", drop=8),
        Column("USER", flexible=True),
        Column("APPLICATION", flexible=True),
        Column("STATE", toned=True),
        Column("AGE", drop=1, right=True),
        LEFT,
        PERCENT,
        CPU,
        MEMORY,
        Column("HOST", drop=4, flexible=True),
    )
    KEYS = (
        Key("enter,l", "choose", "log", "Show what the application writes"),
        Key("s", "stop", "stop", "Stop the session and remove its container; asks", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def listed(self, view: HostView) -> Sequence[Session] | None:
        """Return the sessions of all users of a host."""
        return view.everyone

    def row(self, session: Session) -> Row:
        """Return the row of a session."""
        metered, measured = self.metered(session)
        left, ends = self.left(session)
        cells = (
            session.id[:DIGITS],
            plainly(session.user),
            plainly(session.title),
            self.standing(session),
            age(session.created),
            left,
            *metered,
            plainly(session.host),
        )
        first = tuple(cell.lower() for cell in cells[:4])
        values = (*first, -session.created.timestamp(), ends, *measured, cells[-1].lower())
        return Row(key(session), cells, values, self.tone(session))

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the session under the cursor."""
        session = self.selected
        if session is None:
            return ()
        facts = [("", f"{session.title} of {session.user} on {session.host}")]
        if (error := self.state.hosts[session.host].error) is not None:
            facts.append(("! host", error.message))
        if session.granted is False:
            facts.append(("! grant", "removed: it can be stopped, and not be opened"))
        facts += [*self.ending(session), *self.measures(session)]
        if session.shared_with:
            facts.append(("shared", f"with {', '.join(session.shared_with)}"))
        facts.append(("image", session.image))
        facts.append(("since", f"{session.created.astimezone():%Y-%m-%d %H:%M}"))
        return [*facts, ("container", session.container_name), ("id", session.id)]

    def command(self) -> str:
        """Return what shows the log of the session under the cursor."""
        session = self.selected
        return "" if session is None else self._command(session, "logs", "-f")

    def _command(self, session: Session, *words: str) -> str:
        return self.state.command(*words, session.id[:DIGITS], "--all-users", host=session.host)

    # -- what the keys do

    def action_choose(self) -> None:
        """Show its log."""
        if (session := self.selected) is not None:
            thread = self.state.hosts[session.host].thread
            self.app.push_screen(session_log(thread, session, self.command(), all_users=True))

    def action_stop(self) -> None:
        """Stop the session."""
        if (session := self.selected) is None:
            return
        named = f"{session.title} of {session.user}"
        work = Work(
            f"Stopping {named}",
            session.host,
            lambda context, _tell: context.sessions.stop(session.id, all_users=True),
            lambda done: self.post_message(Said(f"Stopped {named}" if done[1] else f"{named} was gone already")),
        )
        question = f"Stop {named} and remove its container?"
        self.ask(question, self._command(session, "stop"), lambda: self.want(work))
