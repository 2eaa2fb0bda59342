"""`srctl db`: the accounting database itself."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from srctl import views
from srctl.commands.options import YesOption, confirm, noun, verb
from srctl.context import Context
from srctl.errors import SrctlError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from srctl.db.setup import Prepared

app = noun("The accounting database.")


@verb(app, "init")
def init(context: Context) -> None:
    """Make the database ready: create it, or upgrade an older one of ours; one that is ready stays untouched."""
    _require_local(context)
    from srctl.db.backends import require_own
    from srctl.db.setup import initialise

    require_own(context.config.database)
    _tell(context, initialise(context.config.database))


@verb(app, "upgrade")
def upgrade(context: Context) -> None:
    """Apply the pending migrations."""
    _require_local(context)
    from srctl.db.backends import require_own
    from srctl.db.setup import upgrade as migrate

    require_own(context.config.database)
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


@verb(app, "backup")
def backup(
    context: Context, file: Annotated[str, typer.Argument(metavar="FILE", help="Where the copy is put.")]
) -> None:
    """Copy the database to a file, also while it is in use; an older copy there is replaced in one step.

    The copy is a SQLite database, also of a database on a server, and only its owner can read it.
    """
    _require_local(context)
    from srctl.db.backends import require_own
    from srctl.db.backup import backup as copy

    if file == "-":
        raise UsageError("A copy can't be printed", "Name a file; one of this name is ./-")
    require_own(context.config.database)
    status = copy(context.config.database, file)
    context.output.made(status.url, asdict(status))


@verb(app, "restore")
def restore(
    context: Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A copy that `srctl db backup` made.")],
    yes: YesOption = False,
) -> None:
    """Put back what a copy holds, in the place of all that the database holds; where there is none, it is made.

    Ids that were given since then are not given again. At a gateway all connections are ended.
    """
    _require_local(context)
    from srctl.db.backends import require_own
    from srctl.db.restoring import require_copy
    from srctl.db.restoring import restore as put_back

    require_own(context.config.database)
    require_copy(file)
    confirm(context, yes, f"Replace all that {context.config.database} holds by what {file} holds?")
    restored = put_back(context.config.database, file)
    context.settle(restored.before, restored.after)
    if restored.set_aside is not None:
        context.output.note(f"The database was damaged; it is kept as {restored.set_aside}")
    if restored.left_out:
        context.output.note(f"Left out, since no backup of srctl has that: {', '.join(restored.left_out)}")
    _tell_problem(context)
    status = restored.status
    counts = (("user", status.users), ("application", status.applications), ("grant", status.grants))
    context.output.note("Restored " + ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in counts))
    if context.output.format == "json":
        context.output.one(asdict(status), ids="url")


def _tell_problem(context: Context) -> None:
    """Say what a copy has brought that breaks the rules: it is what it was, and a person may mend it."""
    from srctl import checking
    from srctl.db.backends import archive_of

    try:
        problem = checking.rules(archive_of(context.store).contents()).problem
    except SrctlError as error:
        problem = error.message
    if problem:
        context.output.note(f"What it holds breaks the rules, as srctl db check says: {problem}")


@verb(app, "check")
def check(
    context: Context,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Ask the host whether it has what is granted.")
    ] = True,
) -> None:
    """Check that the database is sound, that it keeps the rules, and that the host has the images that are granted."""
    _require_local(context)
    from srctl import checking
    from srctl.db.backends import archive_of

    findings = checking.check(archive_of(context.store), (lambda: context.host) if images else None)
    rows = [{"check": each.check, "ok": each.ok, "problem": each.problem, "fix": each.fix} for each in findings]
    context.output.rows(rows, ids="check", columns=views.FINDING, keys=views.FINDING)
    wrong = sum(not each.ok for each in findings)
    if wrong:
        raise SrctlError(f"The database has {wrong} problem{'s' if wrong > 1 else ''}")


def _require_local(context: Context) -> None:
    """Raise `UnsupportedError` where the database would be a gateway's, which is made ready over there."""
    if context.config.source("db") in ("default", "file") and context.through_gateway:
        hint = "On the gateway's own machine: srctl gateway install; for a database of this machine name it with --db"
        raise UnsupportedError("The database of a gateway is looked after on its own machine", hint)


def _tell(context: Context, prepared: "Prepared") -> None:
    done = f"applied {', '.join(prepared.applied)}" if prepared.applied else "it was ready"
    context.output.note(f"The accounting database {prepared.status.url} is ready ({done})")
    if context.output.format == "json":
        context.output.one(asdict(prepared.status), ids="url")
