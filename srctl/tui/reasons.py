"""Why somebody may run an application, and who may: the words of `srctl why` and `srctl whocan`, to be read."""

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import TypeVar

from srctl import policy
from srctl.context import Context
from srctl.explaining import Explainer, Explanation, Right
from srctl.tui.columns import placed, width_of
from srctl.tui.office import OfficePane
from srctl.tui.reading import READABLE, last_words
from srctl.tui.words import plainly
from srctl.tui.work import Tell, Work

T = TypeVar("T")


def why(pane: OfficePane, user: str, image: str) -> None:
    """Show why a user may start an application, or may not."""
    _show(pane, ("why", user, image), lambda explainer: explainer.why(user, image), f"{image} for {user}", _reasons)


def who_can(pane: OfficePane, image: str) -> None:
    """Show who may start an application now."""
    _show(pane, ("whocan", image), lambda explainer: explainer.who_can(image), f"Who may start {image}", _rights)


def _show(
    pane: OfficePane,
    words: tuple[str, ...],
    ask: Callable[[Explainer], T],
    title: str,
    lines: Callable[[T], Iterator[str]],
) -> None:
    command = pane.office_command(*words)

    def done(found: T) -> None:
        pane.app.push_screen(last_words(title, "\n".join(lines(found)) + "\n", command))

    def call(context: Context, _tell: Tell) -> T:
        return ask(context.parts.explainer)

    pane.want(Work("Looking who may", pane.state.office_host, call, done, quiet=True, command=command))


def _reasons(found: Explanation) -> Iterator[str]:
    sign, verb = ("✓", "may") if found.allowed else ("✗", "may not")
    yield from wrap(f"{sign} {plainly(found.user)} {verb} start {plainly(found.image)}.", READABLE)
    for reason in found.reasons:
        yield ""
        yield from wrap(plainly(reason), READABLE, initial_indent="  ", subsequent_indent="  ")


def _rights(found: Sequence[Right]) -> Iterator[str]:
    if not found:
        yield "Nobody may"
        return
    rows = [("USER", "THROUGH", "POLICY")]
    rows += [
        (plainly(each.user), f"@{each.group}" if each.group else "-", policy.in_words(each.policy)) for each in found
    ]
    users, groups = (max(width_of(row[column]) for row in rows) for column in (0, 1))
    for user, group, words in rows:
        yield f"{placed(user, users)}  {placed(group, groups)}  {words}"
