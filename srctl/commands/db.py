"""`srctl db`: the accounting database itself."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from srctl import views
from srctl.commands.options import noun, verb
from srctl.context import Context
from srctl.errors import UnsupportedError

if TYPE_CHECKING:
    from srctl.db.setup import Prepared

app = noun("The accounting database.")


@verb(app, "init")
def init(context: Context) -> None:
    """Make the database ready: create it, or upgrade an older one of ours; one that is ready stays untouched."""
    _require_local(context)
    from srctl.db.setup import initialise

    _tell(context, initialise(context.config.database))


@verb(app, "upgrade")
def upgrade(context: Context) -> None:
    """Apply the pending migrations."""
    _require_local(context)
    from srctl.db.setup import upgrade as migrate

    _tell(context, migrate(context.config.database))


@verb(app, "status")
def status(context: Context) -> None:
    """Show the schema's revision, pending migrations and the numbers of rows."""
    if "db" not in context.flags and context.through_gateway:
        context.output.one(asdict(context.accounting.status()), ids="url")
        return
    from srctl.db.backends import status as state

    context.output.one(asdict(state(context.config.database)), ids="url")


@verb(app, "import")
def import_(
    context: Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="SQLite database or CSV of SimPhoNy-Remote 2.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="OLD=NEW", help="Give a user, else an image, a new name (repeatable)."),
    ] = None,
) -> None:
    """Take over users, applications and grants of SimPhoNy-Remote 2; what is there already stays as it is.

    Grants keep their ids, so sessions that run go on. Names that break the rules of srctl stop it with a list of them;
    rows that lead nowhere or say the same again are skipped and told. All is taken over or nothing.
    """
    _require_local(context)
    from srctl import importing, legacy
    from srctl.db import old_data
    from srctl.db.backends import archive_of

    renames = legacy.parse_renames(rename or ())
    archive = archive_of(context.store)
    imported = importing.take_over(old_data.read(file), archive, renames, dry_run=dry_run)
    if context.output.format == "ids":
        for grant_id in imported.added:
            context.output.line(grant_id)
        return
    for place, reason in imported.skipped:
        context.output.note(f"Skipped {place}: {reason}")
    context.output.one(views.imported(imported, in_words=context.output.format == "table"), ids="kind")


def _require_local(context: Context) -> None:
    """Raise `UnsupportedError` where the database would be a gateway's, which is made ready over there."""
    if context.config.source("db") in ("default", "file") and context.through_gateway:
        hint = "On the gateway's own machine: srctl gateway install; for a database of this machine name it with --db"
        raise UnsupportedError("The database of a gateway can't be made ready from here", hint)


def _tell(context: Context, prepared: "Prepared") -> None:
    done = f"applied {', '.join(prepared.applied)}" if prepared.applied else "it was ready"
    context.output.note(f"The accounting database {prepared.status.url} is ready ({done})")
    if context.output.format == "json":
        context.output.one(asdict(prepared.status), ids="url")
