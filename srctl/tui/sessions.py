"""The pane of sessions: what runs for the person on each host, and what can be done with it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual.binding import BindingType

from srctl.errors import SrctlError
from srctl.models import Session, StartRequest, Tunnel
from srctl.tui.columns import Column, Row
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Copied, Said
from srctl.tui.metered import CPU, LEFT, MEMORY, PERCENT, MeteredPane, key
from srctl.tui.opening import Order, opening
from srctl.tui.pane import Fact
from srctl.tui.reading import session_log
from srctl.tui.sharing import Sharing
from srctl.tui.words import DIGITS, YOUNG, age, plainly, tunnel_standing, tunnel_state
from srctl.tui.work import Work


class SessionsPane(MeteredPane):
    """The sessions."""

    NAME = "Sessions"
    EMPTY = "Nothing runs for you. What you may start stands under 2"
    COLUMNS = (
        Column("SESSION", drop=3),
        Column("APPLICATION", flexible=True),
        Column("STATE", toned=True),
        Column("AGE", drop=1, right=True),
        LEFT,
        PERCENT,
        CPU,
        MEMORY,
        Column("TUNNEL", drop=2),
        Column("HOST", drop=4, flexible=True),
    )
    KEYS = (
        Key("enter", "choose", "open", "Open the session: a tunnel in the background, and the browser", changes=True),
        Key("l", "log", "log", "Show what the application writes"),
        Key("s", "stop", "stop", "Stop the session and remove its container; asks", changes=True),
        Key("t", "tunnel", "tunnel", "Lead a tunnel to it, and start no browser", changes=True),
        Key("e", "extend", "extend", "Let it run longer, as far as its grant allows", changes=True),
        Key("h", "share", "share", "Let somebody else open it, through a gateway", changes=True),
        Key("c", "copy_url", "copy URL", "Copy the address at which the browser finds it"),
        Key("R", "replace", "replace", "Remove it and start the application afresh; asks", changes=True),
        Key("H", "unshare", "unshare", "Let others open it no more; who is in it is cut off", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    @property
    def young(self) -> bool:
        """Whether a session is so new, or so near its end, that its time is counted in seconds."""
        now = datetime.now(UTC)
        return any(
            now - each.created < YOUNG or (each.ends is not None and timedelta() < each.ends - now < YOUNG)
            for view in self.state.hosts.values()
            for each in view.sessions or ()
        )

    def row(self, session: Session) -> Row:
        """Return the row of a session."""
        tunnel = self.state.tunnel_to(session)
        metered, measured = self.metered(session)
        left, ends = self.left(session)
        cells = (
            session.id[:DIGITS],
            self._title(session),
            self.standing(session),
            age(session.created),
            left,
            *metered,
            _way(session, tunnel),
            plainly(session.host),
        )
        first, last = (tuple(cell.lower() for cell in part) for part in (cells[:3], cells[-2:]))
        values = (*first, -session.created.timestamp(), ends, *measured, *last)
        return Row(key(session), cells, values, self.tone(session))

    def _title(self, session: Session) -> str:
        mine = session.user == self.state.hosts[session.host].user
        return plainly(session.title if mine else f"{session.title} (of {session.user})")

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the session under the cursor."""
        session = self.selected
        if session is None:
            return ()
        facts = _facts(session, self.state.tunnel_to(session), self.state.hosts[session.host].error)
        return [*facts, *self.ending(session), *_sharing(session), *self.measures(session), *_origin(session)]

    def command(self) -> str:
        """Return what opens the session under the cursor."""
        session = self.selected
        return "" if session is None else self._command(session, *_opening_words(session))

    def _command(self, session: Session, *words: str) -> str:
        return self.state.command(*words, host=session.host)

    # -- what the keys do

    def action_choose(self) -> None:
        """Open the session."""
        if (session := self.selected) is not None:
            self.want(opening(self, Order(session.title, session.host, StartRequest(session.id), self.command())))

    def action_tunnel(self) -> None:
        """Lead a tunnel to it."""
        if (session := self.selected) is not None:
            request, command = StartRequest(session.id), self._command(session, *_opening_words(session))
            self.want(opening(self, Order(session.title, session.host, request, command, browser=False)))

    def action_log(self) -> None:
        """Show its log."""
        if (session := self.selected) is not None:
            command = self._command(session, "logs", "-f", session.id[:DIGITS])
            self.app.push_screen(session_log(self.state.hosts[session.host].thread, session, command))

    def action_stop(self) -> None:
        """Stop the session."""
        if (session := self.selected) is None:
            return
        said = f"Stopped {session.title}"
        command = self._command(session, "stop", session.id[:DIGITS])
        work = Work(
            f"Stopping {session.title}",
            session.host,
            lambda context, _tell: context.sessions.stop(session.id),
            lambda done: self.post_message(Said(said if done[1] else f"{session.title} was gone already")),
            command=command,
        )
        self.ask(f"Stop {session.title} and remove its container?", command, lambda: self.want(work))

    def action_replace(self) -> None:
        """Start the application afresh in place of the session."""
        if (session := self.selected) is None:
            return
        command = self._command(session, "start", session.grant_id[:DIGITS], "--replace")
        work = Work(
            f"Replacing {session.title}",
            session.host,
            lambda context, errand: context.launcher(errand, errand.clock).start(
                StartRequest(session.grant_id, timeout=context.config.get("timeout"), replace=True)
            ),
            lambda _started: self.post_message(Said(f"{session.title} has been started afresh", "Enter opens it")),
            command=command,
            yielding=True,
        )
        self.ask(
            f"Remove {session.title} with all that is unsaved in it, and start it afresh?",
            command,
            lambda: self.want(work),
        )

    def action_extend(self) -> None:
        """Let it run longer."""
        if (session := self.selected) is not None:
            from srctl.tui.extending import extend

            extend(self, session)

    def action_share(self) -> None:
        """Let somebody else open it."""
        if (session := self.selected) is not None:
            Sharing(self, session).share()

    def action_unshare(self) -> None:
        """Let others open it no more."""
        if (session := self.selected) is not None:
            Sharing(self, session).take_back()

    def action_copy_url(self) -> None:
        """Copy the address of the session."""
        if (session := self.selected) is None:
            return
        tunnel = self.state.tunnel_to(session)
        url = session.url or (tunnel.url if tunnel is not None and tunnel.state != "down" else None)
        if url is None:
            self.post_message(Said("No tunnel leads to it yet", "Enter opens one"))
        else:
            self.post_message(Copied(url))


def _opening_words(session: Session) -> tuple[str, ...]:
    if session.url is not None:
        return ("open", session.id[:DIGITS])
    return ("tunnel", "open", session.id[:DIGITS], "--background")


def _way(session: Session, tunnel: Tunnel | None) -> str:
    if tunnel is not None:
        return tunnel_state(tunnel) + (f" :{tunnel.local_port}" if tunnel.state != "down" else "")
    return f"= :{session.port}" if session.url is not None else "- none"


def _facts(session: Session, tunnel: Tunnel | None, away: SrctlError | None) -> list[Fact]:
    facts = [("", f"{session.title} of {session.user} on {session.host}")]
    if away is not None:
        facts.append(("! host", away.message))
    if session.url is not None:
        facts.append(("url", session.url))
    elif tunnel is None:
        facts.append(("tunnel", "none yet: Enter opens one"))
    else:
        facts.append(("url", tunnel.url))
        facts.append(("tunnel", tunnel_standing(tunnel)))
    if session.granted is False:
        facts.append(("! grant", "removed: it can be stopped, and not be opened"))
    if session.image_outdated:
        facts.append(("! image", "newer than the session: R starts it afresh"))
    return facts


def _sharing(session: Session) -> list[Fact]:
    return [("shared", f"with {', '.join(session.shared_with)}")] if session.shared_with else []


def _origin(session: Session) -> list[Fact]:
    return [
        ("image", session.image),
        ("since", f"{session.created.astimezone():%Y-%m-%d %H:%M}"),
        ("id", session.id),
    ]
