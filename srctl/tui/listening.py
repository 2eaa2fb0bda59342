"""What the threads tell: it goes into the state, and the screen shows it soon."""

from typing import TYPE_CHECKING, Any

from textual.app import App

from srctl.tui import messages
from srctl.tui.state import State

if TYPE_CHECKING:
    from srctl.tui.main import MainScreen


class Listener(App[None]):
    """An application that hears of the hosts and of the tunnels."""

    state: State
    main: "MainScreen"

    def admit(self, audited: bool) -> None:
        """Let the person administer; `audited` = what a gateway keeps."""
        raise NotImplementedError

    def say(self, text: str, hint: str = "", severity: Any = "information") -> None:
        """Show a toast."""
        raise NotImplementedError

    def on_sessions_listed(self, message: messages.SessionsListed) -> None:
        """A host has told its sessions."""
        view = self.state.hosts[message.host]
        was_lost, view.error = view.error is not None, None
        view.user, view.sessions, view.took = message.user, message.sessions, message.took
        if message.host == self.state.office_host and message.admin:
            self.admit(audited=True)
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
