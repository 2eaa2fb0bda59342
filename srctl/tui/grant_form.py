"""The form of a grant: a field for each thing that a policy can say."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Button, Input, Static, TextArea

from srctl import bounds, limits, policy
from srctl.errors import SrctlError
from srctl.models import Limits, Policy
from srctl.tui.dialogs import Dialog
from srctl.tui.fields import Pick
from srctl.tui.giving import Wish
from srctl.tui.limit_fields import LimitFields
from srctl.tui.tick import Tick
from srctl.tui.words import plainly

FLAGS = (
    ("allow_home", "home: a workspace of the user's own at /workspace"),
    ("allow_view", "view: the user may share the session with others"),
    ("allow_startup_data", "start-up data: the user may start with a file"),
)


class Text(TextArea):
    """A field of as many lines as there are, up to three; from the first and the last the arrows go on."""

    def action_cursor_down(self, select: bool = False) -> None:
        """Go down, and from the last line to the next field."""
        if self.cursor_at_last_line and not select:
            self.screen.focus_next()
        else:
            super().action_cursor_down(select)

    def action_cursor_up(self, select: bool = False) -> None:
        """Go up, and from the first line to the field before."""
        if self.cursor_at_first_line and not select:
            self.screen.focus_previous()
        else:
            super().action_cursor_up(select)


class GrantForm(Dialog[Wish | None]):
    """Asks what a grant shall permit; `None` where it shall stay as it is. `before` is its policy, if there is one.

    `inherited` are the application's limits. `command` returns the command line for a wish. What is well-formed is
    judged by the rules, which say what is wrong.
    """

    FIRST = "Tick"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False, priority=True),
        Binding("ctrl+s", "save", show=False, priority=True),
        Binding("enter", "save", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, title: str, before: Policy | None, inherited: Limits, command: Callable[[Wish], str]) -> None:
        super().__init__()
        self._title = title
        self._before = before
        self._limits = LimitFields(limits.only(before or Policy()), inherited)
        self._command = command

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        shown = self._before or Policy()
        volumes = [f"{each.source}:{each.target}:{each.mode}" for each in shown.volumes]
        with VerticalScroll(classes="dialog grant", can_focus=False):
            yield Static(Content(plainly(self._title)), classes="question")
            for name, text in FLAGS:
                yield Tick(name, text, getattr(shown, name))
            yield from _text("licence", "licence text", shown.license or "", "is given to the application")
            yield from _text("volumes", "volumes", "\n".join(volumes), "/on/the/host:/in/the/container:ro (or :rw)")
            yield self._limits
            if self._before is not None:
                yield Tick("stop", "stop the sessions that run under it")
            yield Static("", classes="lines said", markup=False)
            with Horizontal(classes="answers"):
                yield Button(Content("^S Save"), id="save", compact=True)
                yield Button(Content("esc Cancel"), id="cancel", compact=True)

    def on_mount(self) -> None:
        """Show what it comes to."""
        self._tell()

    @property
    def wish(self) -> Wish:
        """What the fields say. Raises `UsageError`."""
        ticked = {str(each.id).removeprefix("tick-"): each.ticked for each in self.query(Tick)}
        lines = map(str.strip, self.query_one("#volumes", TextArea).text.splitlines())
        permits = policy.make_policy(
            allow_home=ticked["allow_home"],
            allow_view=ticked["allow_view"],
            allow_startup_data=ticked["allow_startup_data"],
            within=bounds.read(self._limits.texts),
            license=self.query_one("#licence", TextArea).text.rstrip("\n"),
            volumes=[policy.parse_volume(line) for line in lines if line],
        )
        return Wish(permits, ticked.get("stop", False))

    def on_tick_turned(self, _event: Tick.Turned) -> None:
        """Show what it comes to."""
        self._tell()

    def on_text_area_changed(self, _event: TextArea.Changed) -> None:
        """Show what it comes to."""
        self._tell()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Show what it comes to."""
        self._tell()

    def on_pick_turned(self, _event: Pick.Turned) -> None:
        """Show what it comes to."""
        self._tell()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the limit means that has the keyboard now."""
        self._limits.explain(event.widget.id)

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Enter in a field of one line saves."""
        self.action_save()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Save it, or not."""
        if event.button.id == "save":
            self.action_save()
        else:
            self.action_give_up()

    def action_save(self) -> None:
        """Return what is wanted; what is not well-formed is told, and the form stays."""
        try:
            self.dismiss(self.wish)
        except SrctlError:
            self.query_one(".said").add_class("wrong")
            self._limits.mark(self.set_focus)

    def action_give_up(self) -> None:
        """Leave it as it is."""
        self.dismiss(None)

    def _tell(self) -> None:
        """Show the command line and what becomes of sessions, or what is wrong."""
        said = self.query_one(".said", Static)
        try:
            wish = self.wish
        except SrctlError as error:
            said.update(Content(f"✗ {plainly(error.message)}\n{plainly(error.hint)}"))
            return
        said.remove_class("wrong")
        said.update(Content(f"$ {self._command(wish)}\n{self._consequence(wish)}".rstrip()))

    def _consequence(self, wish: Wish) -> str:
        if self._before is None:
            return ""
        if wish.stop:
            return "Its sessions end now"
        if wish.permits == self._before:
            return "Nothing changes"
        if policy.takes_away(self._before, wish.permits):
            return "Takes something away: its sessions run on, but can't be opened any more"
        return "Its sessions run on as they were started, and can be opened"


def _text(name: str, label: str, text: str, hint: str) -> ComposeResult:
    """Lay out a field of several lines, with its name before it."""
    with Horizontal(classes="text"):
        yield Static(Content(label), classes="label")
        yield Text(text, id=name, placeholder=hint, compact=True, highlight_cursor_line=False)
