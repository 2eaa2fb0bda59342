"""The pane of tunnels: the local ports of this machine that lead to sessions."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import BindingType

from srctl import browsing
from srctl.context import Context
from srctl.models import Tunnel
from srctl.tui.columns import Column, Row
from srctl.tui.keys import Key, bindings
from srctl.tui.messages import Copied, Reachable, Said
from srctl.tui.pane import Fact, Pane
from srctl.tui.rates import Rate
from srctl.tui.reading import tunnel_log
from srctl.tui.words import DIGITS, TONES, YOUNG, age, pace, plainly, size, tunnel_state
from srctl.tui.work import Tell, Work

Change = Callable[[Context, Tell], None]


class TunnelsPane(Pane):
    """The tunnels."""

    NAME = "Tunnels"
    EMPTY = "No tunnels. Enter on a session opens one"
    COLUMNS = (
        Column("LOCAL"),
        Column("STATE", toned=True),
        Column("SINCE", drop=2, right=True),
        Column("IN/s", drop=3, right=True),
        Column("OUT/s", drop=3, right=True),
        Column("RECONNECTS", drop=4, right=True),
        Column("IMAGE", drop=1, flexible=True),
        Column("LAST DROP", drop=6, flexible=True),
        Column("HOST", drop=5, flexible=True),
    )
    KEYS = (
        Key("enter", "choose", "browser", "Show its address, and open it in the browser where there is one"),
        Key("c", "copy_url", "copy URL", "Copy its address"),
        Key("l", "log", "log", "Show what happened to it"),
        Key("x", "close", "close", "Close it; the session runs on; asks", changes=True),
        Key("R", "restart", "restart", "Close it and open it again at the same port; asks", changes=True),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def rows(self) -> Sequence[Row] | None:
        """Return a row for each tunnel."""
        if self.state.tunnels is None:
            return None
        return [_row(tunnel, self._rate(tunnel)) for tunnel in self.state.tunnels]

    def _rate(self, tunnel: Tunnel) -> Rate:
        return self.state.rates.get(tunnel.id or "", Rate())

    @property
    def young(self) -> bool:
        """Whether a tunnel changed so lately that seconds are counted."""
        newest = max((t.since for t in self.state.tunnels or () if t.since is not None), default=None)
        return newest is not None and datetime.now(UTC) - newest < YOUNG

    def reasons(self) -> Sequence[str]:
        """Return why they are not known."""
        error = self.state.tunnels_error
        return () if error is None else (plainly(error.message),)

    @property
    def selected(self) -> Tunnel | None:
        """The tunnel under the cursor."""
        return next((each for each in self.state.tunnels or () if each.id == self.table.key), None)

    def facts(self) -> Sequence[Fact]:
        """Return what is known about the tunnel under the cursor."""
        tunnel = self.selected
        if tunnel is None:
            return ()
        facts = [("", f"Port {tunnel.local_port} to {tunnel.image}"), ("url", tunnel.url)]
        facts += _standing(tunnel, self._rate(tunnel))
        facts.append(("session", f"{tunnel.session_id[:DIGITS]} on {tunnel.host}"))
        where = "in the background" if tunnel.background else "in a terminal, by srctl open"
        facts.append(("held", f"{where}, process {tunnel.pid}" if tunnel.pid else "by nobody any more"))
        return facts

    def command(self) -> str:
        """Return what opens the browser at the tunnel under the cursor: `open` uses a tunnel that is there."""
        tunnel = self.selected
        return "" if tunnel is None else self.state.command("open", tunnel.session_id[:DIGITS], host=tunnel.host)

    def _named(self, verb: str, tunnel: Tunnel) -> str:
        return self.state.command("tunnel", verb, (tunnel.id or "")[:DIGITS])

    # -- what the keys do

    def action_choose(self) -> None:
        """Open it in the browser."""
        tunnel = self.selected
        if tunnel is None:
            return
        context = self.state.context
        browser = bool(context.config.get("browser")) and browsing.graphical(context.environ)
        if browser:
            browsing.start_silently(tunnel.url)
        self.post_message(Reachable(tunnel.image, tunnel.url, browser))

    def action_copy_url(self) -> None:
        """Copy its address."""
        if (tunnel := self.selected) is not None:
            self.post_message(Copied(tunnel.url))

    def action_log(self) -> None:
        """Show its log."""
        if (tunnel := self.selected) is not None:
            self.app.push_screen(tunnel_log(self.state.context, tunnel, self._named("logs", tunnel)))

    def action_close(self) -> None:
        """Close it."""
        if (tunnel := self.selected) is None:
            return
        question = f"Close the tunnel at port {tunnel.local_port}? The session runs on"
        self._change(question, "close", tunnel, f"Closed the tunnel at port {tunnel.local_port}", _closing(tunnel))

    def action_restart(self) -> None:
        """Close it and open it again."""
        if (tunnel := self.selected) is None:
            return
        question = f"Restart the tunnel at port {tunnel.local_port}? What goes through it now is cut off"
        said = f"Restarted the tunnel at port {tunnel.local_port}"
        self._change(question, "restart", tunnel, said, _restarting(tunnel))

    def _change(self, question: str, verb: str, tunnel: Tunnel, said: str, call: Change) -> None:
        """Ask, do it, and say that it is done."""
        command = self._named(verb, tunnel)
        yielding = verb == "restart"
        work = Work(command, None, call, lambda _: self.post_message(Said(said)), command=command, yielding=yielding)
        self.ask(question, command, lambda: self.want(work))


def closing(context: Context, identifier: str) -> None:
    """Close a tunnel. Raises `NotFoundError`, and `SrctlError` where its process can't be ended."""
    from srctl.tunnel import ending

    ending.close(context.registry, context.registry.find(identifier))


def _closing(tunnel: Tunnel) -> Change:
    return lambda context, _tell: closing(context, tunnel.id or "")


def _restarting(tunnel: Tunnel) -> Change:
    def call(context: Context, errand: Tell) -> None:
        from srctl.tunnel import ending

        record = context.registry.find(tunnel.id or "")
        ending.restart(context.registry, record, context.prompter, errand.clock.closing)

    return call


def _standing(tunnel: Tunnel, rate: Rate) -> list[Fact]:
    """Return how it stands and why, and what has gone through it."""
    since = "" if tunnel.since is None else f" for {age(tunnel.since)}"
    facts = [("state", f"{tunnel_state(tunnel)}{since}")]
    if tunnel.cause:
        facts.append(("cause", tunnel.cause))
    if tunnel.last_error and tunnel.last_error != tunnel.cause:
        facts.append(("last drop", tunnel.last_error))
    facts.append(("now", f"{pace(rate.down)} in, {pace(rate.up)} out"))
    facts.append(
        ("in all", f"{size(tunnel.bytes_in)} in, {size(tunnel.bytes_out)} out, {tunnel.reconnects} reconnects")
    )
    return facts


def _row(tunnel: Tunnel, rate: Rate) -> Row:
    cells = (
        f":{tunnel.local_port}",
        tunnel_state(tunnel),
        "-" if tunnel.since is None else age(tunnel.since),
        pace(rate.down),
        pace(rate.up),
        str(tunnel.reconnects),
        plainly(tunnel.image),
        plainly(tunnel.last_error or "-"),
        plainly(tunnel.host),
    )
    since = None if tunnel.since is None else -tunnel.since.timestamp()
    numbers = (since, rate.down, rate.up, tunnel.reconnects)
    values = (tunnel.local_port, cells[1], *numbers, *(cell.lower() for cell in cells[6:]))
    return Row(tunnel.id or "", cells, values, TONES.get(tunnel.state, "bad"))
