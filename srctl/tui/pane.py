"""What all panes have: a table, what stands about the row under the cursor, a filter, and keys."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from srctl.errors import SrctlError
from srctl.models import Session
from srctl.tui.columns import Column, Row
from srctl.tui.dialogs import confirmed
from srctl.tui.facts import Fact as Fact  # noqa: PLC0414 - for panes
from srctl.tui.facts import Facts
from srctl.tui.kept import Order
from srctl.tui.keys import Key, permitted
from srctl.tui.messages import Wanted
from srctl.tui.state import State
from srctl.tui.table import Table
from srctl.tui.words import failure, plainly
from srctl.tui.work import Work

if TYPE_CHECKING:
    from srctl.tui.fields import Form, Values

WIDTHS = [(0, "-narrow"), (190, "-huge")]
HEIGHTS = [(0, "-tiny"), (9, "-low"), (18, "-tall"), (34, "-high")]
"""Where the layout turns over: a screen that is not `-huge` leaves its whole width to the list."""

SHARED_KEYS = (
    Key("y", "copy_command", "", "Copy the command line that does what Enter does"),
    Key("slash", "filter", "filter", "Show only rows with a text in them"),
)

MOVES = (
    Key("j,down", "", "", "Next row"),
    Key("k,up", "", "", "Row before"),
    Key("g,home", "", "", "First row"),
    Key("G,end", "", "", "Last row"),
    Key("ctrl+f,pagedown", "", "", "Next page"),
    Key("ctrl+b,pageup", "", "", "Page before"),
    Key("o", "next_order", "", "Sort by the next column, as a click on its title does"),
    Key("O", "turn_order", "", "Sort the other way round"),
)


class Pane(Container):
    """A list of one kind of things."""

    NAME: ClassVar[str]
    COLUMNS: ClassVar[Sequence[Column]]
    EMPTY: ClassVar[str]
    KEYS: ClassVar[tuple[Key, ...]]
    MOVES: ClassVar[tuple[Key, ...]] = MOVES
    LEGEND: ClassVar[tuple[Key, ...]] = ()
    """What signs mean that need to be explained, each as if it were a key."""
    NEEDS_EVERYONE: ClassVar[bool] = False
    """Whether the sessions of all users are asked for while it is shown."""
    NEEDS_MACHINES: ClassVar[bool] = False
    """Whether what engines and machines are is asked for while it is shown."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.table = self.make_table()
        self.table.moved = self.show_row
        self.shown: Callable[[], object] = lambda: None
        """Is called when what is said about the row under the cursor may be another now."""
        self.about = Facts()
        self._heading = self._footing = ""
        self._rows: Sequence[Row] | None = None

    def compose(self) -> ComposeResult:
        """Lay out the table and what is said about its row."""
        yield self.table
        yield self.about

    def make_table(self) -> Table:
        """Return what shows the rows."""
        return Table(self.COLUMNS if self.state.several else [each for each in self.COLUMNS if each.title != "HOST"])

    @abstractmethod
    def rows(self) -> Sequence[Row] | None:
        """Return the rows; `None` while nothing is known."""

    @abstractmethod
    def facts(self) -> Sequence[Fact]:
        """Return what is said about the row under the cursor; the first fact is its title."""

    @abstractmethod
    def command(self) -> str:
        """Return the command line that does what Enter does, empty where there is none."""

    @abstractmethod
    def action_choose(self) -> None:
        """Do the obvious with the row under the cursor."""

    @property
    def young(self) -> bool:
        """Whether an age that is shown changes every second."""
        return False

    def watched(self) -> Sequence[Session]:
        """Return the sessions of which is to be told what they take."""
        return ()

    def measure(self) -> None:
        """Show what the watched sessions take, in the rows that it changes."""

    def reasons(self) -> Sequence[str]:
        """Return why there may be more than is shown."""
        return ()

    def told_by(self, host: str, error: SrctlError) -> str:
        """Return what went wrong with a host, and what to do."""
        name = f"{plainly(host)}: " if self.state.several else ""
        return name + failure(error)

    def on_mount(self) -> None:
        """Show what is known already."""
        self.show()

    def show(self) -> None:
        """Show what is known now; rows that are the very list of before are not looked at again."""
        rows, why = self.rows(), "; ".join(self.reasons())
        self.table.empty = "Looking ..." if rows is None else why or self.EMPTY
        if (footing := f"! {why}" if rows and why else "") != self._footing:
            self._footing = footing
            self.table.border_subtitle = Content(footing)
        if rows is None or rows is not self._rows:
            self.table.fill(rows or ())
        self._rows = rows
        if not rows:
            self.table.refresh()
        self.show_row()

    def show_row(self) -> None:
        """Show what there is to say about the row under the cursor."""
        if (heading := self.heading()) != self._heading:  # else the whole table would be drawn anew
            self._heading = heading
            self.table.border_title = Content(heading)
        self.about.say(self.facts())
        self.shown()

    def heading(self) -> str:
        """Return what stands above the table; it must be inert."""
        sought = f" of {self.count} · /{self.table.sought}" if self.table.sought else ""
        return f"{self.NAME} {len(self.table.rows)}{sought}"

    def again(self) -> None:
        """Ask again for what no other pane shows."""

    @property
    def count(self) -> int:
        """How many rows there are, shown or not."""
        return self.table.count

    @property
    def keys(self) -> list[Key]:
        """The keys that do something here."""
        return permitted((*self.KEYS, *SHARED_KEYS), self.state.readonly)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - as Textual calls it
        """Refuse what changes something where nothing may be changed."""
        changing = {key.action for key in self.KEYS if key.changes}
        return not (self.state.readonly and action in changing)

    @property
    def order(self) -> Order | None:
        """How it is sorted; `None` where nobody has said."""
        if self.table.order is None:
            return None
        column, backwards = self.table.order
        return self.table.columns[column].title, backwards

    def sort_as(self, order: Order | None) -> None:
        """Have it sorted so once there are rows; what is no column of it says nothing."""
        for index, column in enumerate(self.table.columns):
            if order is not None and column.title == order[0]:
                self.table.order = (index, order[1])

    def ask(self, question: str, command: str, done: Callable[[], None]) -> None:
        """Do it if the person says yes."""

        def answered(answer: str | None) -> None:
            if answer == "yes":
                done()

        self.app.push_screen(confirmed(question, command), answered)

    def ask_for(self, form: "Form", work: "Callable[[Values], Work[Any]]") -> None:
        """Have done what a form asks for; it comes back where that goes wrong."""

        def given(values: "Values | None") -> None:
            if values is not None:
                wanted = work(values)
                wanted.failed = lambda error: self.ask_for(form.again(values, error), work)
                self.want(wanted)

        self.app.push_screen(form, given)

    def want(self, work: Work[Any]) -> None:
        """Have it done. The application is told at once: what the screen causes here would not come up to it."""
        self.app.post_message(Wanted(work))

    # -- the filter

    async def action_filter(self) -> None:
        """Ask for a text; what is typed next goes there, however fast it comes."""
        if not self.query(Input):
            await self.ask_filter("/", Input(self.table.sought, placeholder="text", compact=True))
        self.screen.set_focus(self.query_one(Input))

    async def ask_filter(self, sign: str, field: Input) -> None:
        """Lay out a field for the text, after the key that asks for it."""
        await self.mount(Horizontal(Static(sign, classes="sign", markup=False), field, classes="line filter"))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as the person types."""
        self.seek(event.input, event.value)

    def seek(self, _field: Input, text: str) -> None:
        """Do with a text what the field is for."""
        self.narrow(text)

    def narrow(self, text: str) -> None:
        """Show only rows that have a text in them, all where it is empty."""
        self.table.seek(text)
        self.show_row()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Keep the filter and go back to the table."""
        self.end_filter()

    def end_filter(self, *, drop: bool = False) -> bool:
        """Go back to the table, and with `drop` to all rows; return whether there was anything to end."""
        found = self.query(".filter")
        had = bool(found) or bool(self.table.sought)
        found.remove()
        if drop:
            self.table.seek("")
        self.table.focus()
        self.show_row()
        return had

    def on_table_activated(self, _event: Table.Activated) -> None:
        """A double click is Enter."""
        if self.check_action("choose", ()):
            self.action_choose()
