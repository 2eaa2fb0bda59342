"""What the panes of administrators share: the accounting database as it was read last, and its changes.

In direct mode it is the database of this machine; behind a gateway the gateway's, for its administrators.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any

from srctl.context import Context
from srctl.errors import SrctlError
from srctl.outcome import Outcome
from srctl.tui import ledger
from srctl.tui.columns import Row
from srctl.tui.fields import Form, Values
from srctl.tui.messages import BooksChanged, BooksWanted, Failed, Said
from srctl.tui.pane import Pane
from srctl.tui.reading import told_each
from srctl.tui.state import Books, State
from srctl.tui.words import failure
from srctl.tui.work import Work

Call = Callable[[Context], Any]
Done = Callable[[Any], object]


class OfficePane(Pane):
    """A pane that shows what is in the accounting database."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._sources: tuple[object, ...] = ()
        self._made: list[Row] = []

    def on_mount(self) -> None:
        """Have it read; what a pane does when it is mounted, Textual does besides."""
        self.again()

    def again(self) -> None:
        """Have it read again."""
        self.post_message(BooksWanted())

    def reasons(self) -> Sequence[str]:
        """Return why nothing is known."""
        return [failure(self.state.books_error)] if self.state.books_error is not None else ()

    def made_of(self, sources: tuple[object, ...], make: Callable[[], Iterable[Row]]) -> Sequence[Row]:
        """Return the rows that are made of these; those of before while they are the very same."""
        before = self._sources
        if len(before) != len(sources) or any(a is not b for a, b in zip(before, sources, strict=True)):
            self._sources, self._made = sources, list(make())
        return self._made

    def office_command(self, *words: str) -> str:
        """Return the command line that does something to the accounting database."""
        return self.state.command(*words, host=self.state.office_host)

    # -- changes

    def administer(
        self, title: str, call: Call, done: Done, failed: Done | None = None, *, host: str | None = None
    ) -> None:
        """Have something administered; the database is read again afterwards, however it went.

        `failed` is called with what went wrong, without it the person is told. `host` is where images are looked for.
        """
        work = Work(
            title,
            self.state.office_host or host,
            lambda context, _tell: call(context),
            partial(self._administered, done),
            failed=partial(self._administered, failed or (lambda error: self.post_message(Failed(error)))),
        )
        self.want(work)

    def _administered(self, then: Done, result: Any) -> None:
        then(result)
        self.post_message(BooksChanged())

    def administer_with(
        self,
        form: Form,
        title: str,
        call: Callable[[Context, Values], Any],
        done: Done,
        *,
        host: Callable[[Values], str | None] = lambda _: None,
    ) -> None:
        """Have something administered with what a form asks for; it comes back where that goes wrong."""

        def given(values: Values | None) -> None:
            if values is None:
                return

            def failed(error: SrctlError) -> None:
                self.administer_with(form.again(values, error), title, call, done, host=host)

            self.administer(title, lambda context: call(context, values), done, failed, host=host(values))

        self.app.push_screen(form, given)

    def tell(self, verb: str, outcome: Outcome[Any], name: Callable[[Any], str] = str) -> None:
        """Tell what became of each: in passing where all went well, else on a screen to read."""
        done = [name(each) for each in outcome.done]
        if outcome.errors:
            self.app.push_screen(told_each("What became of it", [f"{verb} {each}" for each in done], outcome.errors))
        else:
            self.post_message(Said(f"{verb} {', '.join(done)}"))


def checked(outcome: Outcome[Any]) -> Outcome[Any]:
    """Return the outcome if anything went well. Raises what went wrong where nothing did."""
    if not outcome.done:
        outcome.check()
    return outcome


def read(context: Context) -> Books:
    """Read all that the panes of administrators show."""
    accounting, teams = context.accounting, context.parts.groups
    with ledger.unnoticed():
        applications, groups = accounting.applications(), teams.all()
        users = ledger.users(accounting, applications, groups)
    shared = ledger.by_group(teams.grants())
    held = chain(*(each.grants or () for each in users), *shared.values())
    granted = Counter(grant.application.image for grant in held)
    return Books(context.parts.realm, users, applications, granted, groups, shared)
