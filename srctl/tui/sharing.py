"""Let others open a session, and take that back; whether it may be is for the use case to say."""

from collections.abc import Callable, Sequence
from typing import Any

from srctl import durations
from srctl.context import Context
from srctl.models import Session, Share
from srctl.tui.form import Field, Form, Sheet, Values
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
        self._ask(
            Sheet(
                f"Share {self._session.title}",
                MEANING,
                (Field(USER, "whom to let in", needed=True), Field(TIME, "e.g. 2h; else as long as it runs")),
                "Share",
            ),
            self._share_command,
            self._share,
        )

    def take_back(self) -> None:
        """Ask whom to let in no more, and do it."""
        title, guests = self._session.title, self._session.shared_with
        if not guests:
            self._say(f"{title} is shared with nobody")
            return
        lines = [f"Open to {', '.join(guests)}", "Who is in it is cut off at once."]
        fields = [Field(USER, "whom; else everybody", [(guest, "") for guest in guests])]
        self._ask(
            Sheet(f"Take back {title}", lines, fields, "Take it back"),
            lambda values: self._command("unshare", *values.values()),
            self._take_back,
        )

    def _ask(self, sheet: Sheet, command: Callable[[Values], str], do: Callable[[Values, str], None]) -> None:
        def given(values: Values | None) -> None:
            if values is not None:
                do(values, command(values))

        def ask(_sharing: object) -> None:
            self._pane.app.push_screen(Form(sheet, command), given)

        self._want("Looking", lambda context, _tell: context.sharing, ask, command({}), quiet=True)

    def _share_command(self, values: Values) -> str:
        limit = ("--for", values[TIME]) if TIME in values else ()
        return self._command("share", values.get(USER, "USER"), *limit)

    def _share(self, values: Values, command: str) -> None:
        def call(context: Context, _tell: Tell) -> Share:
            seconds = durations.parse(values[TIME]) if TIME in values else None
            return context.sharing.share(self._session.id, values[USER], seconds)

        def done(share: Share) -> None:
            until = (
                "as long as it runs" if share.expires is None else f"until {share.expires.astimezone():%Y-%m-%d %H:%M}"
            )
            self._say(f"{share.guest} can open {self._session.title} {until}")

        self._want(f"Sharing {self._session.title}", call, done, command)

    def _take_back(self, values: Values, command: str) -> None:
        def done(taken: Sequence[Share]) -> None:
            guests = ", ".join(sorted(share.guest for share in taken))
            self._say(f"{self._session.title} is not open to them any more: {guests}")

        call: Call = lambda context, _tell: context.sharing.unshare(self._session.id, values.get(USER))  # noqa: E731
        self._want(f"Taking back {self._session.title}", call, done, command)

    def _want(
        self, title: str, call: Call, done: Callable[[Any], object], command: str, *, quiet: bool = False
    ) -> None:
        self._pane.want(Work(title, self._session.host, call, done, quiet=quiet, command=command))

    def _say(self, text: str) -> None:
        self._pane.post_message(Said(plainly(text)))
        self._pane.state.hosts[self._session.host].thread.look()

    def _command(self, *words: str) -> str:
        verb, *rest = words
        parts = ("session", verb, self._session.id[:DIGITS], *rest)
        return self._pane.state.command(*parts, host=self._session.host)
