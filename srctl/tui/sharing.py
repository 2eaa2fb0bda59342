"""Let others open a session, and take that back; whether it may be is for the use case to say."""

from collections.abc import Callable, Sequence
from typing import Any

from srctl import durations
from srctl.context import Context
from srctl.models import Session, Share
from srctl.tui.fields import Field, Form, Values
from srctl.tui.messages import Said
from srctl.tui.pane import Pane
from srctl.tui.words import DIGITS, plainly
from srctl.tui.work import Tell, Work

USER, TIME = "user", "for"
MEANING = (
    "Whoever is let in can use all of it, and can't stop it.",
    "It ends with the session, or when you take it back.",
)

Call = Callable[[Context, Tell], Any]


class Sharing:
    """Shares one session; `pane` asks, and has it done."""

    def __init__(self, pane: Pane, session: Session) -> None:
        self._pane = pane
        self._session = session

    def share(self) -> None:
        """Ask whom to let in and for how long, and do it. Where nothing is shared at all, only that is told."""
        fields = (Field(USER, hint="whom to let in"), Field(TIME, hint="e.g. 2h; else as long as it runs"))
        form = Form(f"Share {self._session.title}", fields, "Share", self._share_command, lines=MEANING)
        self._if_at_all(lambda: self._pane.ask_for(form, self._share))

    def take_back(self) -> None:
        """Ask whom to let in no more, and do it."""
        title, guests = self._session.title, self._session.shared_with
        if not guests:
            self._say(f"{title} is shared with nobody")
            return
        lines = [f"Open to {', '.join(guests)}", "Who is in it is cut off at once."]
        fields = [Field(USER, hint="whom; else everybody", presets=tuple((guest, "") for guest in guests))]
        form = Form(f"Take back {title}", fields, "Take it back", self._take_back_command, lines=lines)
        self._if_at_all(lambda: self._pane.ask_for(form, self._take_back))

    def _if_at_all(self, ask: Callable[[], None]) -> None:
        """Ask, unless the use case says that nothing is shared there: then nothing is asked, and it is told why."""
        call: Call = lambda context, _tell: context.sharing  # noqa: E731 - typed
        self._pane.want(Work("Looking", self._session.host, call, lambda _: ask(), quiet=True))

    def _share_command(self, values: Values) -> str:
        limit = ("--for", values[TIME]) if TIME in values else ()
        return self._command("share", values.get(USER, "USER"), *limit)

    def _share(self, values: Values) -> Work[Share]:
        def call(context: Context, _tell: Tell) -> Share:
            seconds = durations.parse(values[TIME]) if TIME in values else None
            return context.sharing.share(self._session.id, values.get(USER, ""), seconds)

        def done(share: Share) -> None:
            end = share.expires
            until = "as long as it runs" if end is None else f"until {end.astimezone():%Y-%m-%d %H:%M}"
            self._say(f"{share.guest} can open {self._session.title} {until}")

        return self._work(f"Sharing {self._session.title}", call, done, self._share_command(values))

    def _take_back_command(self, values: Values) -> str:
        return self._command("unshare", *values.values())

    def _take_back(self, values: Values) -> Work[list[Share]]:
        def done(taken: Sequence[Share]) -> None:
            guests = ", ".join(sorted(share.guest for share in taken))
            self._say(f"{self._session.title} is not open to them any more: {guests}")

        session, guest = self._session.id, values.get(USER)
        call: Call = lambda context, _tell: context.sharing.unshare(session, guest)  # noqa: E731 - typed
        return self._work(f"Taking back {self._session.title}", call, done, self._take_back_command(values))

    def _work(self, title: str, call: Call, done: Callable[[Any], object], command: str) -> Work[Any]:
        return Work(title, self._session.host, call, done, command=command)

    def _say(self, text: str) -> None:
        self._pane.post_message(Said(plainly(text)))
        self._pane.state.hosts[self._session.host].thread.look()

    def _command(self, *words: str) -> str:
        verb, *rest = words
        parts = ("session", verb, self._session.id[:DIGITS], *rest)
        return self._pane.state.command(*parts, host=self._session.host)
