"""Groups of users from the screen: which there are, who comes in and who goes out."""

import re
from collections.abc import Callable
from typing import Any

from srctl import policy
from srctl.context import Context
from srctl.models import Group
from srctl.outcome import Outcome, try_each
from srctl.tui.dialogs import Answer, Choice
from srctl.tui.facts import Fact
from srctl.tui.fields import Field, Form, Values
from srctl.tui.office import OfficePane, checked
from srctl.tui.state import State
from srctl.tui.words import counted, plainly

NAMES = "names"
AFTER = (
    "What the group is granted is not theirs any more.",
    "Sessions that are not stopped run on, but can't be opened any more",
)


class Grouping:
    """Does with groups what an administrator wants, for a pane; `done` is called after it."""

    def __init__(self, pane: OfficePane, done: Callable[[], object] = lambda: None) -> None:
        self._pane = pane
        self._done = done

    def remove(self, group: Group) -> None:
        """Ask, and remove a group."""
        name = group.name
        stays = f"{counted(len(group.members), 'member')} stay" if group.members else "it has no members"
        self._ask_to_take(
            f"Remove @{name} with {counted(group.grants, 'grant')}? {stays[0].upper()}{stays[1:]}",
            ("remove", name),
            lambda context, stop: checked(context.parts.groups.remove([name], stop=stop)),
            lambda outcome: self._tell("Removed", outcome, "@{}".format),
        )

    def join(self, group: str) -> None:
        """Ask for users, and take them into a group."""
        books = self._pane.state.books
        known = tuple(each.user.name for each in books.users) if books else ()
        self._pane.administer_with(
            Form(
                f"Take users into @{group}",
                (Field(NAMES, hint="ann bob", known=known),),
                "Take in",
                lambda values: self._command("join", group, *names_in(values)),
            ),
            f"Taking users into @{group}",
            lambda context, values: checked(context.parts.groups.join(group, names_in(values))),
            lambda outcome: self._tell(f"In @{group} now:", outcome),
        )

    def join_some(self, user: str) -> None:
        """Ask for groups, and take a user into them."""
        books = self._pane.state.books
        known = tuple(each.name for each in books.groups) if books else ()

        def call(context: Context, values: Values) -> Outcome[str]:
            return checked(try_each(groups_in(values), lambda name: _joined(context, name, user)))

        self._pane.administer_with(
            Form(
                f"Take {user} into groups",
                (Field(NAMES, hint="chemistry lab-3", known=known),),
                "Take in",
                lambda values: " && ".join(
                    self._command("join", name, user) for name in groups_in(values) or ["GROUP"]
                ),
            ),
            f"Taking {user} into groups",
            call,
            lambda outcome: self._tell(f"{user} is now in", outcome, "@{}".format),
        )

    def leave(self, group: str, user: str) -> None:
        """Ask, and take a user out of a group."""
        self._ask_to_take(
            f"Take {user} out of @{group}?",
            ("leave", group, user),
            lambda context, stop: checked(context.parts.groups.leave(group, [user], stop=stop)),
            lambda outcome: self._tell(f"Out of @{group} now:", outcome),
        )

    def _ask_to_take(
        self, question: str, words: tuple[str, ...], call: Callable[[Context, bool], Any], done: Callable[[Any], object]
    ) -> None:
        lines = (f"$ {self._command(*words)} [--stop]", *AFTER)
        answers = (Answer("no", "n", "No"), Answer("yes", "y", "Yes"), Answer("stop", "s", "Yes, and stop sessions"))

        def answered(answer: str | None) -> None:
            if answer in ("yes", "stop"):
                stop = answer == "stop"
                self._pane.administer(plainly(question), lambda context: call(context, stop), done)

        self._pane.app.push_screen(Choice(question, lines, answers), answered)

    def _tell(self, verb: str, outcome: Outcome[Any], name: Callable[[Any], str] = str) -> None:
        self._pane.tell(verb, outcome, name)
        self._done()

    def _command(self, *words: str) -> str:
        return self._pane.office_command("group", *words)


def names_in(values: Values) -> list[str]:
    """Return the names that were filled in."""
    return [name for name in re.split(r"[\s,]+", values.get(NAMES, "")) if name]


def groups_in(values: Values) -> list[str]:
    """Return the names of groups that were filled in; as in grants, each may be written after an `@`."""
    return [name.removeprefix("@") for name in names_in(values)]


def gives(state: State, group: str) -> list[Fact]:
    """Return what members of a group have by it."""
    shared = state.books.shared.get(group, ()) if state.books else ()
    return [("gives", f"{each.application.image}: {policy.in_words(each.policy)}") for each in shared]


def _joined(context: Context, group: str, user: str) -> str:
    context.parts.groups.join(group, [user]).check()
    return group
