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
from textual.app import App
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
from srctl.tui.calm import EACH, Calm
from srctl.tui.dialogs import Choice
from srctl.tui.driver import lasting, put_to_rest
from srctl.tui.host import HostThread
from srctl.tui.main import MainScreen
from srctl.tui.messages import Wanted
from srctl.tui.opening import addressed
from srctl.tui.reading import last_words, told_each
from srctl.tui.state import Books, HostView, State
from srctl.tui.watch import FilesThread
from srctl.tui.words import plainly
from srctl.tui.work import Work

BEAT = 0.1
"""Seconds in which what work tells is collected before it is shown."""

SETTLED = 5.0
"""Seconds after which all that is loaded at the start is there."""


class SrctlApp(App[None]):
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
        self._reading = self._read_again = False

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
        self._ask_for_office()
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
            if work.failed is not _nobody:
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

    def _ask_for_office(self) -> None:
        """Let the person administer if there is a database of this machine."""
        if self.state.office_host is None and not self.state.admin:
            self.do(Work("", None, _office, self._admit, True, failed=_nobody))

    def _admit(self, audited: bool) -> None:
        """Let the person administer; `audited` = what a gateway keeps."""
        if not self.state.admin:
            self.state.admin, self.state.audited = True, audited
            self.main.admit()

    def on_books_wanted(self, _message: messages.BooksWanted) -> None:
        """Read the accounting database: once again where that goes on, however often it is wanted."""
        if self._reading:
            self._read_again = True
            return
        self._reading = True
        self.do(Work("Reading", self.state.office_host, _books, self._books_read, True, failed=self._books_lost))

    def on_books_outdated(self, _message: messages.BooksOutdated) -> None:
        """Read it once more if it is being read."""
        self._read_again = self._reading

    def on_books_changed(self, _message: messages.BooksChanged) -> None:
        """Read it again if it has been shown; what may be started on hosts of its own may be something else, too."""
        self.state.edition += 1
        self.main.changed()
        if self.state.books is not None or self.state.books_error is not None:
            self.post_message(messages.BooksWanted())
        self._ask_for_office()
        if self.state.office_host is None:
            for view in self.state.hosts.values():
                if view.applications is not None:
                    view.thread.offer()

    def _books_read(self, books: Books) -> None:
        self.state.books, self.state.books_error = books, None
        self._books_over()

    def _books_lost(self, error: SrctlError) -> None:
        self.state.books_error = error
        self._books_over()

    def _books_over(self) -> None:
        self._reading = False
        self.main.changed()
        if self._read_again:
            self._read_again = False
            self.post_message(messages.BooksWanted())

    # -- what threads and panes tell

    def on_sessions_listed(self, message: messages.SessionsListed) -> None:
        """A host has told its sessions."""
        view = self.state.hosts[message.host]
        was_lost, view.error = view.error is not None, None
        view.user, view.sessions, view.took = message.user, message.sessions, message.took
        if message.host == self.state.office_host and message.admin:
            self._admit(audited=True)
        self.main.changed()
        if view.applications is None or was_lost:
            view.thread.offer()

    def on_everyone_listed(self, message: messages.EveryoneListed) -> None:
        """A host has told the sessions of all users."""
        self.state.hosts[message.host].everyone = message.sessions
        self.main.changed()

    def on_machine_told(self, message: messages.MachineTold) -> None:
        """A host has told what it is."""
        self.state.hosts[message.host].machine = message.machine
        self.main.changed()

    def on_host_lost(self, message: messages.HostLost) -> None:
        """A host is away; the first time it is said aloud."""
        view = self.state.hosts[message.host]
        if view.error is None:
            self.state.mishaps.add(message.error)
            self.say(message.error.message, message.error.hint, "error")
        view.error = message.error
        self.main.changed()

    def on_applications_listed(self, message: messages.ApplicationsListed) -> None:
        """A host has told what may be started there."""
        view = self.state.hosts[message.host]
        view.applications, view.refusal = message.applications, message.error
        self.main.changed()

    def on_images_listed(self, message: messages.ImagesListed) -> None:
        """A host has told which images it has."""
        view = self.state.hosts[message.host]
        view.images, view.images_error = None if message.error else message.images, message.error
        self.main.changed()

    def on_tunnels_listed(self, message: messages.TunnelsListed) -> None:
        """The tunnels are known."""
        self.state.tunnels, self.state.tunnels_error = message.tunnels, message.error
        self.state.rates = message.rates
        self.main.changed()

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


def _books(context: Context, _tell: Callable[..., None]) -> Books:
    from srctl.tui.office import read

    return read(context)


def _office(context: Context, _tell: Callable[..., None]) -> bool:
    """Return whether the accounting database, which must be there, is that of a gateway on this machine."""
    context.store  # noqa: B018 - opened at the first look, or it raises
    return context.gateway is not None


def _nobody(_error: SrctlError) -> None:
    """Who has no accounting database administers none."""


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
