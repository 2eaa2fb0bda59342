"""`srctl group`: people who are granted applications together."""

from collections.abc import Iterable
from typing import Annotated

import typer

from srctl import views
from srctl.commands import bulk
from srctl.commands.options import YesOption, complete_groups, complete_users, confirm, noun, tell, verb
from srctl.context import Context
from srctl.models import Group

app = noun("The groups: people who are granted applications together.")

Name = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=complete_groups)]
Names = Annotated[list[str], typer.Argument(metavar="GROUP...", autocompletion=complete_groups)]
Users = Annotated[
    list[str], typer.Argument(metavar="USER...", help="- reads names from stdin.", autocompletion=complete_users)
]
Stop = Annotated[bool, typer.Option("--stop", help="Stop the sessions that they run by it, too.")]


@verb(app, "add")
def add(context: Context, name: Annotated[list[str], typer.Argument(metavar="GROUP...")]) -> None:
    """Add groups, and print their names. Grant to one as to a user: `srctl grant add IMAGE @GROUP`."""

    def show(added: Iterable[Group]) -> None:
        context.output.made_all([(group.name, views.group(group)) for group in added])

    tell(context.parts.groups.add(name), show)


@verb(app, "list")
def list_groups(context: Context) -> None:
    """List all groups."""
    rows = [views.group(group) for group in context.parts.groups.all()]
    context.output.rows(rows, ids="name", columns=("name", "members", "grants", "created"), keys=views.GROUP)


@verb(app, "show")
def show(context: Context, name: Name) -> None:
    """Show one group with its members."""
    context.output.one(views.group(context.parts.groups.one(name)), ids="name")


@verb(app, "remove")
def remove(context: Context, name: Names, stop: Stop = False, yes: YesOption = False) -> None:
    """Remove groups with their grants; the users stay."""
    confirm(context, yes, f"Remove {', '.join(name)} with all grants?")
    tell(context.parts.groups.remove(name, stop=stop), context.output.removed)


@verb(app, "join")
def join(context: Context, name: Name, user: Users) -> None:
    """Take users into a group; who is in it already stays."""
    tell(context.parts.groups.join(name, bulk.names(context, user)), context.output.removed)


@verb(app, "leave")
def leave(context: Context, name: Name, user: Users, stop: Stop = False) -> None:
    """Take users out of a group; what they run by its grants stays, but nobody is led there through a gateway."""
    tell(context.parts.groups.leave(name, bulk.names(context, user), stop=stop), context.output.removed)
