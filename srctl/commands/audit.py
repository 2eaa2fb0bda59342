"""`srctl audit`: what people did through a gateway."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from srctl import durations, views
from srctl.commands.options import complete_users, noun, verb
from srctl.context import Context

app = noun("What people did through a gateway.")


@verb(app, "list")
def list_entries(
    context: Context,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Of this user.", autocompletion=complete_users)
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Since then: a date, or e.g. 24h ago.")
    ] = None,
) -> None:
    """List who did what, with which key, from where, and what came of it; the newest 10,000 entries at most."""
    start = None if since is None else durations.moment(since, datetime.now(UTC))
    rows = [views.audit_entry(entry) for entry in context.audit.entries(user, start)]
    columns = ("time", "user", "address", "action", "detail", "result")
    context.output.rows(rows, ids="time", columns=columns, keys=views.AUDIT)
