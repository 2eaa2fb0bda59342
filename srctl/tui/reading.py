"""A screen to read: the log of a session as it grows, the log of a tunnel, the last words of what did not start."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Log, Static

from srctl.context import Context
from srctl.errands import Errand
from srctl.errors import SrctlError
from srctl.inert import readable
from srctl.models import Session, Tunnel
from srctl.tui.dialogs import Overlay
from srctl.tui.host import HostThread
from srctl.tui.words import plainly
from srctl.tui.work import Work

TAIL = 1000
"""Lines of what was written before that are asked for."""

KEPT = 10_000
"""Lines that are kept."""

READABLE = 74
"""Cells of a line of prose."""

_PIECE = 64 * 1024


class Reader(Overlay[None]):
    """Shows text as it comes. `command` does the same in a terminal; `start` is called with what takes the text."""

    COVERS: ClassVar[bool] = True
    """Nothing is to be seen of what is under it."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l,E", "dismiss", show=False),
        Binding("j,down", "scroll('down')", show=False),
        Binding("k,up", "scroll('up')", show=False),
        Binding("pagedown,ctrl+f,space", "scroll('page_down')", show=False),
        Binding("pageup,ctrl+b", "scroll('page_up')", show=False),
        Binding("g,home", "scroll('home')", show=False),
        Binding("G,end", "scroll('end')", show=False),
        Binding("y", "copy_command", show=False),
    ]

    @dataclass
    class Came(Message):
        """More text has come."""

        text: str

    @dataclass
    class Over(Message):
        """No more will come."""

        why: str

    def __init__(self, title: str, command: str, start: Callable[["Reader"], None]) -> None:
        super().__init__()
        self._title = title
        self._command = command
        self._start = start
        self._when_closed: list[Callable[[], object]] = []

    def compose(self) -> ComposeResult:
        """Lay out the text and the line below it."""
        log = Log(max_lines=KEPT, classes="text")
        log.border_title = Content(plainly(self._title))
        yield log
        yield Static(Content(f" $ {self._command}" if self._command else ""), classes="command")
        copying = "  y copy command" if self._command else ""
        yield Static(f" q back  j k g G move{copying}", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(Log).focus()
        self._start(self)

    def when_closed(self, call: Callable[[], object]) -> None:
        """Have something called when nobody reads any more."""
        self._when_closed.append(call)

    def on_unmount(self) -> None:
        """Want no more."""
        for call in self._when_closed:
            call()

    def on_reader_came(self, message: Came) -> None:
        """Show it; the end stays in view while the person has not scrolled away from it."""
        self.query_one(Log).write(message.text)

    def on_reader_over(self, message: Over) -> None:
        """Say that this is all."""
        self.query_one(Log).border_subtitle = Content(plainly(message.why))

    def action_scroll(self, where: str) -> None:
        """Move the text."""
        log = self.query_one(Log)
        log.auto_scroll = where == "end"
        getattr(log, f"scroll_{where}")(animate=False)

    def action_copy_command(self) -> None:
        """Copy the command line."""
        if self._command:
            self.app.copy_to_clipboard(self._command)


def session_log(thread: HostThread, session: Session, command: str, *, all_users: bool = False) -> Reader:
    """Return a screen with what a session's application writes; its stream ends when nobody reads it any more.

    With `all_users` it may be anybody's.
    """

    def start(reader: Reader) -> None:
        def call(context: Context, errand: Errand) -> None:
            stream = context.sessions.logs(session.id, tail=TAIL, follow=True, all_users=all_users)
            try:
                with errand.closing(stream.close):
                    for text in decoded(stream):
                        reader.post_message(Reader.Came(readable(text)))
            finally:
                stream.close()

        def end(why: str) -> None:
            reader.post_message(Reader.Over(why))

        work = Work(
            f"Reading the log of {session.title}",
            session.host,
            call,
            lambda _: end("the end"),
            quiet=True,
            failed=lambda error: end(error.message),
            command=command,
        )
        thread.do(work)
        reader.when_closed(work.give_up)

    return Reader(f"Log of {session.title} · {session.id[:12]}", command, start)


def tunnel_log(context: Context, tunnel: Tunnel, command: str) -> Reader:
    """Return a screen with what happened to a tunnel."""

    def start(reader: Reader) -> None:
        try:
            text = context.registry.log(tunnel.id or "").decode("utf-8", "replace")
        except SrctlError as error:
            text = f"{error.message}\n{error.hint}\n"
        reader.post_message(Reader.Came(readable(text)))

    return Reader(f"Log of the tunnel at port {tunnel.local_port}", command, start)


def last_words(title: str, text: str, command: str = "") -> Reader:
    """Return a screen with a text that is there already."""
    return Reader(title, command, lambda reader: reader.on_reader_came(Reader.Came(readable(text))))


def told_each(title: str, done: Iterable[str], errors: Iterable[SrctlError]) -> Reader:
    """Return a screen with what became of each of several things."""
    lines = [f"✓ {each}" for each in done]
    for error in errors:
        lines += wrap(f"✗ {plainly(error.message)}", READABLE, subsequent_indent="  ")
        lines += wrap(plainly(error.hint), READABLE, initial_indent="  ", subsequent_indent="  ")
    return last_words(title, "\n".join(lines) + "\n")


def decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    """Decode a stream whose pieces may end inside a character."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
