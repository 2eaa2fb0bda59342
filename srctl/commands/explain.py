"""`srctl whocan` and `srctl why`: the rights of people in words."""

from typing import Annotated

import typer

from srctl import policy, views
from srctl.commands.options import complete_applications, complete_users, noun, verb
from srctl.context import Context
from srctl.explaining import Right

app = noun("Who may run what, and why.")

Image = Annotated[str, typer.Argument(metavar="IMAGE", autocompletion=complete_applications)]


@verb(app, "whocan")
def who_can(context: Context, image: Image) -> None:
    """List who may start an application now, alone or by a group."""
    found = context.parts.explainer.who_can(image)
    rows = [views.right(each) for each in found]
    if context.output.format == "table":
        rows = [row | _in_words(each) for row, each in zip(rows, found, strict=True)]
    elif context.output.format == "ids":
        rows = list({row["user"]: row for row in rows}.values())  # each name once, whatever the number of grants
    context.output.rows(rows, ids="user", columns=("user", "through", "policy"), keys=views.RIGHT)


@verb(app, "why")
def why(
    context: Context,
    user: Annotated[str, typer.Argument(metavar="USER", autocompletion=complete_users)],
    image: Image,
) -> None:
    """Say in words why a user may start an application, or may not."""
    found = context.parts.explainer.why(user, image)
    if context.output.format == "ids":
        context.output.rows([views.grant(each) for each in found.grants], ids="id", columns=())
        return
    if context.output.format != "table":
        context.output.one(views.explanation(found), ids="user")
        return
    for sentence in (f"{found.user} {'may' if found.allowed else 'may not'} start {found.image}.", *found.reasons):
        context.output.line(sentence)


def _in_words(right: Right) -> views.Row:
    return {"through": f"@{right.group}" if right.group else None, "policy": policy.in_words(right.policy)}
