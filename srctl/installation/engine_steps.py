"""The steps about sessions: their network, and the firewall that stands before them."""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Network
from typing import Protocol

from srctl.errors import SrctlError, UnsupportedError
from srctl.installation.layout import FIREWALL, Layout
from srctl.installation.steps import File, Standing, Undo
from srctl.installation.system import must, run
from srctl.models import ISOLATED, NETWORK


class Engine(Protocol):
    """The engine that sessions run on."""

    def network(self, name: str) -> tuple[str, ...] | None:
        """Give the address ranges of the sessions' network, `None` where it is not there."""

    def make_network(self, name: str) -> None:
        """Make the sessions' network."""

    def remove_network(self, name: str) -> None:
        """Remove the sessions' network if it is there. Raises `SrctlError` while a container is in it."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network that sessions live in, which the firewall has to know."""

    engine: Engine
    name: str = NETWORK

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        return f"The engine's network {self.name}, for sessions"

    @property
    def content(self) -> str | None:
        """Nothing is written."""
        return None

    def standing(self) -> Standing:
        """Ask the engine."""
        return Standing.MISSING if self.engine.network(self.name) is None else Standing.DONE

    def make(self) -> Undo:
        """Make the network."""
        self.engine.make_network(self.name)
        return lambda: self.engine.remove_network(self.name)

    def remove(self) -> bool:
        """Remove the network; it stays where sessions are in it, and is made again when one is started."""
        with suppress(SrctlError):
            if self.engine.network(self.name) is not None:
                self.engine.remove_network(self.name)
                return True
        return False


@dataclass(frozen=True, slots=True)
class Firewall:
    """The script that sets the rules, and that they are set now."""

    layout: Layout
    engine: Engine

    @property
    def words(self) -> str:
        """What is there when the step is done."""
        against = "outside and from this machine's other accounts" if self.layout.strict else "outside"
        return f"Firewall rules against traffic from {against}: {FIREWALL}"

    @property
    def content(self) -> str | None:
        """The script."""
        return self._script().content

    def standing(self) -> Standing:
        """Compare the script, and ask iptables."""
        found = self._script().standing()
        if found is Standing.DONE and run(FIREWALL, "status").code != 0:
            return Standing.DIFFERENT
        return found

    def make(self) -> Undo:
        """Take back the rules of an older script, then write the script and set its rules."""
        was_there = _stop()
        rewritten = self._script().make()

        def undo() -> None:
            _stop()
            rewritten()
            if was_there:
                run(FIREWALL, "start")

        try:
            must(FIREWALL, "start")
        except BaseException:
            undo()
            raise
        return undo

    def remove(self) -> bool:
        """Remove the rules and the script."""
        _stop()
        return self._script().remove()

    def _script(self) -> File:
        isolated = self._ranges(ISOLATED)
        layout = replace(self.layout, ranges=(*self._ranges(NETWORK), *isolated), isolated=isolated)
        return File(FIREWALL, layout.firewall_command(), self.words, 0o755)

    def _ranges(self, name: str) -> tuple[str, ...]:
        return tuple(_checked(each) for each in self.engine.network(name) or () if ":" not in each)


def _stop() -> bool:
    """Remove the rules; tell whether there is a script that knows them."""
    if not os.path.exists(FIREWALL):
        return False
    run(FIREWALL, "stop")
    return True


def _checked(text: str) -> str:
    """Return a range of addresses as we write it. Raises `UnsupportedError` for what is none."""
    try:
        return str(IPv4Network(text))
    except (AddressValueError, ValueError) as error:
        raise UnsupportedError(f"The engine names a range of addresses that is none: {text!r}") from error
