"""`srctl user`: the people in the accounting database, and their SSH keys."""

from collections.abc import Iterable
from typing import Annotated

import typer

from srctl import views
from srctl.accounting import UserDetails
from srctl.commands import bulk
from srctl.commands.options import YesOption, complete_users, confirm, noun, read_text, tell, verb
from srctl.context import Context
from srctl.models import PublicKey, User

app = noun("The people who may use srctl.")
keys = noun("The SSH public keys of a user.")
app.add_typer(keys, name="key")

Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_users)]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", autocompletion=complete_users)]


@verb(app, "add")
def add(
    context: Context,
    name: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names; - reads them from stdin, one a line.")],
    admin: Annotated[bool, typer.Option("--admin", help="Let them administer through a gateway.")] = False,
) -> None:
    """Add users, and print their names."""

    def show(added: Iterable[User]) -> None:
        context.output.made_all([(user.name, views.user(UserDetails(user))) for user in added])

    tell(context.accounting.add_users(bulk.names(context, name), admin=admin), show)


@verb(app, "list")
def list_users(
    context: Context,
    grants: Annotated[bool, typer.Option("--grants", help="Show what is granted to each.")] = False,
) -> None:
    """List all users."""
    columns = ["name", "admin", "disabled", "created"] + (["grants"] if grants else [])
    rows = [_row(context, details) for details in context.accounting.users(with_grants=grants)]
    context.output.rows(rows, ids="name", columns=columns, keys=views.USER)


@verb(app, "show")
def show(context: Context, name: Name) -> None:
    """Show one user with grants."""
    context.output.one(_row(context, context.accounting.user(name)), ids="name")


@verb(app, "remove")
def remove(context: Context, name: Names, yes: YesOption = False) -> None:
    """Remove users with their grants and keys."""
    confirm(context, yes, f"Remove {', '.join(name)} with all grants and keys?")
    tell(context.accounting.remove_users(name), context.output.removed)


@verb(app, "disable")
def disable(context: Context, name: Name) -> None:
    """Refuse a person, and keep grants and keys."""
    context.output.made(name, views.user(UserDetails(context.accounting.disable(name))))


@verb(app, "enable")
def enable(context: Context, name: Name) -> None:
    """Let a disabled person in again."""
    context.output.made(name, views.user(UserDetails(context.accounting.enable(name))))


@verb(keys, "add")
def add_key(
    context: Context,
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Public keys, one a line; - reads stdin.")],
) -> None:
    """Add SSH public keys of a user, and print their fingerprints."""

    def show(added: Iterable[PublicKey]) -> None:
        context.output.made_all([(key.fingerprint, views.key(key)) for key in added])

    tell(context.accounting.add_keys(name, read_text(context, file, errors="replace")), show)


@verb(keys, "list")
def list_keys(context: Context, name: Name) -> None:
    """List the SSH public keys of a user."""
    rows = [views.key(key) for key in context.accounting.keys(name)]
    context.output.rows(rows, ids="fingerprint", columns=views.KEY, keys=views.KEY)


@verb(keys, "remove")
def remove_key(
    context: Context, name: Name, fingerprint: Annotated[str, typer.Argument(metavar="FINGERPRINT")]
) -> None:
    """Remove a key of a user."""
    context.accounting.remove_key(name, fingerprint)
    context.output.removed([fingerprint])


def _row(context: Context, details: UserDetails) -> views.Row:
    return views.user_in_words(details) if context.output.format == "table" else views.user(details)
