"""The limits of a grant as fields: a text for each, or one of a few words, in two columns."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from srctl import bounds, limits
from srctl.bounds import BOUNDS
from srctl.models import Limits
from srctl.tui.fields import Field, Pick
from srctl.tui.words import plainly

LEFT = ("cpus", "memory", "gpus", "shm_size", "pids", "network")
UNSET = "-"
"""What stands where no limit is set, neither here nor by the application."""

NOTHING_SAID = "Limits. In brackets stands what the application says; - is no limit"


class LimitFields(Vertical):
    """A field for each limit; `inherited` are those that are in force where nothing is set.

    What the field with the keyboard means stands above them, in the words of the command line.
    """

    def __init__(self, shown: Limits, inherited: Limits) -> None:
        super().__init__(classes="limits")
        self._shown = bounds.written(shown)
        self._inherited = bounds.written(inherited)
        self._said = Static(Content(NOTHING_SAID), classes="label", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out a line for each."""
        yield self._said
        with Horizontal():
            for names in (LEFT, [name for name in BOUNDS if name not in LEFT]):
                with Vertical(classes="column"):
                    yield from self._lines(names)

    def _lines(self, names: Iterable[str]) -> Iterator[Horizontal]:
        for name in names:
            label = Static(_named(name), classes="label", markup=False)
            yield Horizontal(label, self._field(name), classes="field")

    def _field(self, name: str) -> Input | Pick:
        value, inherited = self._shown.get(name, ""), self._inherited.get(name)
        unset = f"({inherited})" if inherited else UNSET
        if words := BOUNDS[name].words:
            field: Input | Pick = Pick(Field(name, value, choices=(unset, *words)))
        else:
            field = Input(value, placeholder=unset, compact=True)
        field.id = _id(name)
        return field

    @property
    def texts(self) -> Mapping[str, str]:
        """What is filled in, by the names of the limits."""
        found = {name: self._widget(name).value.strip() for name in BOUNDS}
        return {name: text for name, text in found.items() if text}

    def _widget(self, name: str) -> Input | Pick:
        place = f"#{_id(name)}"
        return self.query_one(place, Pick) if BOUNDS[name].words else self.query_one(place, Input)

    def explain(self, widget_id: str | None) -> None:
        """Say what a limit means, or how it is with all of them."""
        name = next((name for name in BOUNDS if _id(name) == widget_id), None)
        self._said.update(Content(NOTHING_SAID if name is None else f"{_named(name)}: {BOUNDS[name].meaning}"))

    def mark(self, focus: Callable[[Input | Pick], object]) -> None:
        """Go to the first field that can't be read, if there is one."""
        if (name := bounds.wrong(self.texts)) is not None:
            focus(self._widget(name))


def _id(name: str) -> str:
    return f"limit-{name}"


def _named(name: str) -> str:
    return plainly(limits.option(name)).removeprefix("--")
