"""The application: what it begins with, what its threads tell it, and how it ends."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TextIO
from weakref import WeakKeyDictionary

from textual import events
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import Event, Key
from textual.filter import LineFilter
from textual.widget import Widget

from srctl import places
from srctl.config import without_password
from srctl.context import Context
from srctl.errors import (
    ApplicationExitedError,
    ApplicationNotReadyError,
    InterruptedByUserError,
    SeveralErrors,
    SrctlError,
)
from srctl.models import Host
from srctl.tui import guard, kept, leaving, looks, messages, terminal
from srctl.tui.asking import ScreenPrompter
from srctl.tui.bookkeeping import Bookkeeping
from srctl.tui.calm import EACH, Calm
from srctl.tui.dialogs import Choice
from srctl.tui.driver import lasting, put_to_rest
from srctl.tui.host import HostThread
from srctl.tui.listening import Listener
from srctl.tui.main import MainScreen
from srctl.tui.messages import Wanted
from srctl.tui.opening import addressed
from srctl.tui.reading import last_words, told_each
from srctl.tui.state import HostView, State
from srctl.tui.watch import FilesThread
from srctl.tui.words import plainly
from srctl.tui.work import Work

BEAT = 0.1
"""Seconds in which what work tells is collected before it is shown."""

SETTLED = 5.0
"""Seconds after which all that is loaded at the start is there."""


class SrctlApp(Listener):
    """The screen of one person. Nothing is connected to before the first picture has been drawn."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "srctl"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", show=False, priority=True),
        Binding("ctrl+q", "leave", show=False, priority=True),
    ]

    def __init__(
        self,
        context: Context,
        hosts: list[Host],
        *,
        readonly: bool = False,
        at: Callable[..., Context] = places.at,
    ) -> None:
        """Show these hosts; `at` makes the context of one, as `places.at` does."""
        super().__init__()
        self._kept_in = kept.default_path()
        self.state = State(context, readonly, kept=kept.read(self._kept_in))
        self._kept_before = deepcopy(self.state.kept)
        self.state.themes = looks.begin(self, context.environ, self.state.kept.theme)
        self.working: list[Work[Any]] = []
        self.interrupted = False
        """Whether a signal has ended it."""
        self._at = at
        self._aimed: WeakKeyDictionary[Key, Widget] = WeakKeyDictionary()
        """What had the keyboard when a key came."""
        context.asks = partial(ScreenPrompter, self)
        for host in hosts:
            thread = HostThread(host.name, partial(self._context_of, host), self.post_message, self.state.meters.put)
            self.state.hosts[host.name] = HostView(
                thread, url=without_password(host.url), governed=places.governed(context, host)
            )
        self.main = MainScreen(self.state)
        self._files: FilesThread | None = None
        self._calm: Calm | None = None
        self._books = Bookkeeping(self.state, self.do, self.main.changed)

    def _context_of(self, host: Host, asking: bool) -> Context:
        return self._at(self.state.context, host, partial(ScreenPrompter, self) if asking else lambda _: None)

    def show_on(self, stream: TextIO | None) -> None:
        """Draw on a stream, whatever becomes of the standard ones."""
        self.state.terminal = stream
        if own := terminal.driver(stream):
            self.driver_class = self._lasting(own)

    # -- its beginning and its end

    def get_default_screen(self) -> MainScreen:
        """Begin with the main screen."""
        return self.main

    def get_driver_class(self) -> type[Driver]:
        """End where the terminal has gone."""
        return self._lasting(super().get_driver_class())

    def _lasting(self, driver: type[Driver]) -> type[Driver]:
        return lasting(driver, lambda: self.call_later(self._interrupt))

    def on_mount(self) -> None:
        """Draw first, load after."""
        self.begin_capture_print(self)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                loop.add_signal_handler(number, self._interrupt)
        if guard.lifeline is not None:
            loop.add_reader(guard.lifeline, self._interrupt)
        self.main.call_after_refresh(self._load)

    def _load(self) -> None:
        self._calm = Calm()
        self.set_timer(SETTLED, self._calm.settle)
        self.set_interval(EACH, self._calm.sweep)
        self._files = FilesThread(self.state.context, self.post_message)
        self._books.begin(self.admit)
        for view in self.state.hosts.values():
            view.thread.look()

    def _interrupt(self) -> None:
        self.interrupted = True
        self.exit()

    def _fatal_error(self) -> None:
        """End without Textual's own report: `run` raises what went wrong, which the command line then tells."""
        self._close_messages_no_wait()

    def on_unmount(self) -> None:
        """Wait for no thread, and remember what the person has chosen."""
        for view in self.state.hosts.values():
            view.thread.close()
        if self._files is not None:
            self._files.close()
        if self._calm is not None:
            self._calm.end()
        self.main.remember()
        if self.state.kept != self._kept_before:
            kept.write(self._kept_in, self.state.kept)

    async def action_leave(self) -> None:
        """End; what shall become of work that goes on, and of tunnels in the background, is asked."""
        if isinstance(self.screen, Choice):
            self.screen.dismiss(None)
        elif question := leaving.of_work(self.working):
            self.push_screen(question, lambda answer: self._leave() if answer == "give-up" else None)
        else:
            self._leave()

    def _leave(self) -> None:
        question = None if self.state.readonly else leaving.of_tunnels(self.state.tunnels)
        if question is None:
            self.exit()
        else:
            self.push_screen(question, self._left)

    def _left(self, answer: str | None) -> None:
        if answer == "keep":
            self.exit()
        elif answer == "close":
            identifiers = [each.id or "" for each in self.state.tunnels or () if each.background]
            close = partial(leaving.close_tunnels, identifiers)
            self.do(Work("Closing the tunnels", None, close, lambda _: self.exit()))

    # -- its keys

    async def on_event(self, event: Event) -> None:
        """Take a key for what has the keyboard by now: one before it, typed as fast, may just have opened a field."""
        if isinstance(event, Key):
            has = self.focused or self.screen
            if event.is_forwarded and self._aimed.get(event) is not has:
                event = Key(event.key, event.character)
            self._aimed[event] = has
        await super().on_event(event)

    # -- its colours

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Send no colours where there are none, else what Textual does."""
        if self.no_color:
            return looks.COLOURLESS
        return looks.with_colours(super().get_line_filters(), own=self.native_ansi_color)

    def watch_theme(self, name: str) -> None:
        """Do without colours where the theme does."""
        self.no_color = name == looks.PLAIN.name

    def action_wear(self, theme: str) -> None:
        """Take other colours, now and from now on."""
        self.theme = self.state.kept.theme = theme

    # -- work

    def do(self, work: Work[Any]) -> None:
        """Have work done on a thread of its own."""
        host = work.host if work.host is not None else next(iter(self.state.hosts))
        if not work.quiet:
            self.working.append(work)
            self.main.show_work(self.working)
        self.state.hosts[host].thread.do(work, self.state.context if work.host is None else None)

    def on_wanted(self, message: Wanted) -> None:
        """Do what the person wants."""
        self.do(message.work)

    def on_progressed(self, message: messages.Progressed) -> None:
        """Show how far it is; what comes soon after is shown with it."""

        def show() -> None:
            message.work.news = False
            self.main.show_work(self.working)

        self.set_timer(BEAT, show)

    def on_ended(self, message: messages.Ended) -> None:
        """Do with the outcome what is to be done, or say what went wrong."""
        work = message.work
        if work in self.working:
            self.working.remove(work)
            self.main.show_work(self.working)
        error = message.error
        if error is None:
            work.done(message.result)
        elif isinstance(error, InterruptedByUserError):
            if not work.quiet:
                self.say(f"Gave up: {work.title}", error.hint, "warning" if error.hint else "information")
        else:
            self.state.mishaps.add(error, work.command, work.title)
            (work.failed or self.fail)(error)
        if self._files is not None and not work.quiet:
            self._files.look()

    def fail(self, error: SrctlError) -> None:
        """Tell what went wrong and what to do; several errors, and what an application wrote last, in full."""
        if isinstance(error, SeveralErrors):
            self.push_screen(told_each("What went wrong", (), error.errors))
            return
        if isinstance(error, (ApplicationExitedError, ApplicationNotReadyError)) and error.log:
            self.push_screen(last_words(error.message, "\n".join(error.log)))
        self.say(error.message, error.hint, "error")

    def say(self, text: str, hint: str = "", severity: Any = "information") -> None:
        """Show a toast."""
        self.notify(
            "\n".join(filter(None, map(plainly, (f"✗ {text}" if severity == "error" else text, hint)))),
            severity=severity,
            markup=False,
            timeout=12 if severity == "error" else 5,
        )

    # -- the accounting database

    def admit(self, audited: bool) -> None:
        """Let the person administer; `audited` = what a gateway keeps."""
        if not self.state.admin:
            self.state.admin, self.state.audited = True, audited
            self.main.admit()

    def on_books_wanted(self, _message: messages.BooksWanted) -> None:
        """Read the accounting database."""
        self._books.read()

    def on_books_outdated(self, _message: messages.BooksOutdated) -> None:
        """Read it once more if it is being read."""
        self._books.outdate()

    def on_books_changed(self, _message: messages.BooksChanged) -> None:
        """Read it again if it has been shown; sessions and what may be started on hosts of its own go by it, too."""
        self._books.change()
        self._books.begin(self.admit)
        if self.state.office_host is None:
            for view in self.state.hosts.values():
                if view.applications is not None:
                    view.thread.look()
                    view.thread.offer()

    # -- what panes tell

    def on_reachable(self, message: messages.Reachable) -> None:
        """A session can be opened: say where, and put that into the clipboard."""
        self.copy_to_clipboard(message.url)
        if message.browser:
            self.say(f"{message.title} is open in your browser", f"{message.url} (copied)")
            return
        if not message.told:
            self.say(f"{message.title} can be opened in a browser", f"{message.url} (copied)")
            return
        self.push_screen(
            addressed(message, self.state.context.environ),
            lambda answer: self.copy_to_clipboard(message.url) if answer == "copy" else None,
        )

    def on_copied(self, message: messages.Copied) -> None:
        """Put a text into the clipboard, by way of the terminal."""
        self.copy_to_clipboard(message.text)
        self.say("Copied", message.text)

    def on_print(self, event: events.Print) -> None:
        """Keep what was printed: nobody would see it."""
        self.state.mishaps.overhear(event.text)

    def on_failed(self, message: messages.Failed) -> None:
        """Tell it."""
        self.fail(message.error)

    def on_said(self, message: messages.Said) -> None:
        """Show it."""
        self.say(message.text, message.hint)


def run(context: Context, *, readonly: bool = False) -> None:
    """Show the screen until the person leaves it. Raises `KeyboardInterrupt` where a signal has ended it."""
    app = SrctlApp(context, places.hosts(context), readonly=readonly)
    with context.output.held(), terminal.kept_quiet(app.state.mishaps.overhear) as stream:
        app.show_on(stream)
        try:
            app.run()
        finally:
            put_to_rest(app._driver)
    leaving.settle(app.working, context.output.note)
    if app._exception is not None:
        raise app._exception
    if app.interrupted:
        raise KeyboardInterrupt
