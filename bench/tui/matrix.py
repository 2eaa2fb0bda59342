"""The pane of grants with many of them that are known already, for pressing keys."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from textual.app import App, ComposeResult

import srctl.tui
from bench.tui import many
from srctl.accounting import UserDetails
from srctl.context import Context
from srctl.tui.grants import GrantsPane
from srctl.tui.state import Books, State


class Grants(App[None]):
    """The pane and nothing else."""

    CSS_PATH: ClassVar[Any] = Path(srctl.tui.__file__).with_name("app.tcss")

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-wide")]

    def compose(self) -> ComposeResult:
        """Lay it out, with all that there is to show."""
        state = State(cast("Context", SimpleNamespace(flags={}, through_gateway=False)))
        offered = many.applications()
        groups = many.groups()
        people = [
            UserDetails(
                user,
                tuple(many.granted(number, user.name, offered)),
                groups=tuple(f"group{each}" for each in range(number % many.INSIDE, many.GROUPS, many.INSIDE)),
            )
            for number, user in enumerate(many.users())
        ]
        shared = {each.name: list(many.shared(number, offered)) for number, each in enumerate(groups)}
        state.books = Books(None, people, offered, groups=groups, shared=shared)
        yield GrantsPane(state)

    def on_mount(self) -> None:
        """Begin with the keyboard in the matrix."""
        self.query_one(GrantsPane).table.focus()


Grants().run()
