"""Going to a pane by its name: a line in which one types where to, loaded when it is wanted first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widgets import Static

from srctl.tui.messages import Said
from srctl.tui.pane import Pane
from srctl.tui.panes import PaneKind
from srctl.tui.words import plainly

if TYPE_CHECKING:
    from srctl.tui.jump import Jump


class Jumper(Screen[None]):
    """A screen with panes that one goes to by their names."""

    kinds: Sequence[PaneKind]
    pane: Pane
    working: Static
    """What the line is above."""

    def __init__(self) -> None:
        super().__init__()
        self._jump: Jump | None = None

    async def go(self, name: str) -> None:
        """Show the pane of that name."""
        raise NotImplementedError

    def action_help(self) -> None:
        """Show all keys."""
        raise NotImplementedError

    async def action_jump(self) -> None:
        """Ask where to go."""
        from srctl.tui.jump import Jump

        if self._jump is None:
            self._jump = Jump([name for kind in self.kinds for name in (kind.name, *kind.also)])
            await self.mount(self._jump, before=self.working)
        self._jump.begin()

    async def on_jump_chosen(self, event: "Jump.Chosen") -> None:
        """Go there."""
        self.end_jump()
        if event.name == "quit":
            await self.app.run_action("leave")
        elif event.name == "help":
            self.action_help()
        else:
            await self.go(next((kind.name for kind in self.kinds if event.name in kind.also), event.name))
            self.pane.narrow(event.text)

    def on_jump_unknown(self, event: "Jump.Unknown") -> None:
        """Say what there is instead."""
        word, found = plainly(event.word), ", ".join(event.found).lower()
        if found:
            self.post_message(Said(f"{word} may be {found}"))
        else:
            known = ", ".join(kind.name for kind in self.kinds).lower()
            self.post_message(Said(f"There is nothing called {word}", f"There are {known}"))

    def on_jump_left(self) -> None:
        """Go nowhere."""
        self.end_jump()

    def end_jump(self) -> bool:
        """Go nowhere; return whether anybody was asked."""
        if self._jump is None:
            return False
        self._jump.remove()
        self._jump = None
        self.pane.table.focus()
        return True
