"""Giving, taking and changing grants from the screen, and making it undone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from srctl import limits, policy
from srctl.accounting import Accounting, UserDetails
from srctl.context import Context
from srctl.errors import SrctlError
from srctl.models import Grant, Limits, Policy
from srctl.tui.dialogs import Answer, Choice
from srctl.tui.ledger import Team, patched
from srctl.tui.messages import BooksOutdated, BooksWanted, Said
from srctl.tui.office import OfficePane
from srctl.tui.words import DIGITS
from srctl.tui.work import Tell, Work

MOST = 9
"""Grants of one user for one application that a key can choose from."""

Granted = tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A user, or a group (`@GROUP`), and an application; `title` is what people call that."""

    user: str
    image: str
    title: str
    group: str | None = None
    """The name of the group, where it is one."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants a grant to be; `stop` = the sessions that run under it are to end."""

    permits: Policy
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What was done: grants that were taken away, and one that was given for the first time or in their place."""

    pair: Pair
    taken: Granted = ()
    given: Grant | None = None


class Giving:
    """Does what an administrator wants, for a pane."""

    def __init__(self, pane: OfficePane) -> None:
        self._pane = pane
        self._changes: list[Change] = []

    # -- command lines

    def command(self, pair: Pair, permits: Policy) -> str:
        """Return what gives a grant."""
        return self._pane.office_command("grant", "add", pair.image, pair.user, *policy.as_options(permits))

    def command_of(self, grant: Grant, wish: Wish) -> str:
        """Return what changes a grant."""
        permits = ["--default", *policy.as_options(wish.permits)]
        stop = ("--stop",) if wish.stop else ()
        return self._pane.office_command("grant", "edit", grant.id[:DIGITS], *permits, *stop)

    # -- what is asked

    def ask(self, pair: Pair, *, another: bool = False) -> None:
        """Ask for the policy of a grant, and give it."""
        from srctl.tui.grant_form import GrantForm

        def given(wish: Wish | None) -> None:
            if wish is not None:
                self.give(pair, wish.permits)

        title = f"{'Another grant' if another else 'Grant'} of {pair.title} to {pair.user}"
        form = GrantForm(title, None, self._inherited(pair.image), lambda wish: self.command(pair, wish.permits))
        self._pane.app.push_screen(form, given)

    def edit(self, pair: Pair, grant: Grant) -> None:
        """Ask for another policy of a grant, and put it in the place of its own."""
        from srctl.tui.grant_form import GrantForm

        def given(wish: Wish | None) -> None:
            if wish is not None and wish != Wish(grant.policy):
                self._change(pair, grant, wish)

        title = f"Grant of {pair.title} to {pair.user}"
        inherited = self._inherited(pair.image)
        self._pane.app.push_screen(GrantForm(title, grant.policy, inherited, partial(self.command_of, grant)), given)

    def _inherited(self, image: str) -> Limits:
        """Return the limits of grants of an application that set none."""
        books = self._pane.state.books
        found = next((each for each in books.applications if each.image == image), None) if books else None
        return Limits() if found is None else limits.in_force(found)

    def choose(
        self, question: str, granted: Granted, chosen: Callable[[Granted], object], *, every: bool = False
    ) -> None:
        """Ask which of several grants is meant; with `every`, it can be all of them."""
        if len(granted) == 1:
            chosen(granted)
            return
        offered = {str(number): grant for number, grant in enumerate(granted[:MOST], 1)}
        lines = [f"{key}  {policy.in_words(each.policy)}  ({each.id[:DIGITS]})" for key, each in offered.items()]
        if len(granted) > MOST:
            lines.append(f"and {len(granted) - MOST} more, which srctl grant list shows")
        answers = [Answer("none", "n", "None"), *(Answer(key, key, "") for key in offered)]
        if every:
            answers.append(Answer("all", "a", "All"))

        def answered(answer: str | None) -> None:
            if answer == "all":
                chosen(granted)
            elif answer in offered:
                chosen((offered[answer],))

        self._pane.app.push_screen(Choice(question, lines, answers), answered)

    def take(self, pair: Pair, granted: Granted) -> None:
        """Ask, and take grants away."""
        self._ask_to_take(pair, granted, partial(self._taken, pair, granted))

    def undo(self) -> None:
        """Make the last change undone; ask where that takes something away."""
        if not self._changes:
            self._pane.post_message(Said("There is nothing to undo"))
            return
        change = self._changes[-1]
        pair, given, taken = change.pair, change.given, change.taken
        if given is None:
            self._undone()
            self._do(f"Giving {pair.title} back to {pair.user}", pair, partial(_give_back, change), _silent)
        elif not taken:
            self._ask_to_take(pair, (given,), _silent, self._undone)
        else:
            before = Wish(taken[0].policy)
            question = f"Let {pair.user} have {pair.title} as it was granted before?"
            self._pane.ask(question, self.command_of(given, before), partial(self._change_back, pair, given, before))

    # -- what is done

    def give(self, pair: Pair, permits: Policy) -> None:
        """Give a grant."""
        self._do(
            f"Granting {pair.title} to {pair.user}",
            pair,
            lambda accounting: accounting.add_grant(pair.image, pair.user, permits),
            lambda grant: self._changes.append(Change(pair, given=grant)),
        )

    def _change(self, pair: Pair, grant: Grant, wish: Wish) -> None:
        def changed(after: Grant) -> None:
            if after.policy != grant.policy:
                self._changes.append(Change(pair, (grant,), after))
            same = "It stays the same grant" if after.id == grant.id else "It is a new grant, with another id"
            self._pane.post_message(Said(f"Changed what {pair.user} may do with {pair.title}", same))

        self._do(f"Changing the grant of {pair.title} to {pair.user}", pair, partial(_replace, grant, wish), changed)

    def _change_back(self, pair: Pair, grant: Grant, before: Wish) -> None:
        self._undone()
        self._do(f"Changing the grant of {pair.title} to {pair.user}", pair, partial(_replace, grant, before), _silent)

    def _ask_to_take(
        self, pair: Pair, granted: Granted, done: Callable[[Any], object], agreed: Callable[[], object] = lambda: None
    ) -> None:
        ids = [each.id for each in granted]
        command = self._pane.office_command("grant", "remove", *(each[:DIGITS] for each in ids))
        what = f"{pair.title} ({policy.in_words(granted[0].policy)})"
        if len(ids) > 1:
            what = f"all {len(ids)} grants of {pair.title}"
        lines = (f"$ {command} [--stop]", "Sessions that are not stopped run on, but can't be opened any more")
        answers = (Answer("no", "n", "No"), Answer("yes", "y", "Yes"), Answer("stop", "s", "Yes, and stop sessions"))

        def answered(answer: str | None) -> None:
            if answer in ("yes", "stop"):
                agreed()
                call = partial(_take, ids, answer == "stop")
                self._do(f"Taking {pair.title} away from {pair.user}", pair, call, done)

        question = f"Take {what} away from {pair.user}?"
        self._pane.app.push_screen(Choice(question, lines, answers), answered)

    def _taken(self, pair: Pair, granted: Granted, _result: Any) -> None:
        self._changes.append(Change(pair, granted))
        self._pane.post_message(Said(f"Took {pair.title} away from {pair.user}", "u gives it back"))

    def _undone(self) -> None:
        self._changes.pop()

    def _do(self, title: str, pair: Pair, call: Callable[[Accounting], Any], done: Callable[[Any], object]) -> None:
        """Have something done; of the accounting database only what belongs to that user or group is read again."""
        pane = self._pane

        def use(context: Context, _tell: Tell) -> tuple[Any, UserDetails | Team]:
            try:
                return call(context.accounting), _now(context, pair)
            except SrctlError:
                pane.post_message(BooksWanted())  # a part of it may have been done
                raise

        def over(outcome: tuple[Any, UserDetails | Team]) -> None:
            result, now = outcome
            if pane.state.books is not None:
                pane.state.books = patched(pane.state.books, now)
                pane.post_message(BooksOutdated())
            done(result)
            pane.show()

        pane.want(Work(title, pane.state.office_host, use, over))


def _now(context: Context, pair: Pair) -> UserDetails | Team:
    """Read what is known now of the user or the group."""
    if pair.group is None:
        return context.accounting.user(pair.user)
    return Team(context.parts.groups.one(pair.group), context.accounting.grants(user=pair.user))


def _take(ids: Sequence[str], stop: bool, accounting: Accounting) -> None:
    accounting.remove_grants(ids, stop=stop).check()


def _replace(grant: Grant, wish: Wish, accounting: Accounting) -> Grant:
    return accounting.replace_grant(grant.id, wish.permits, stop=wish.stop)


def _give_back(change: Change, accounting: Accounting) -> None:
    for grant in change.taken:
        accounting.add_grant(change.pair.image, change.pair.user, grant.policy)


def _silent(_result: Any) -> None:
    """What has changed is to be seen."""
