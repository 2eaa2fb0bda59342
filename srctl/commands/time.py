"""`srctl reap` and `srctl usage`: what is over is ended, and what was used is counted."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from srctl import durations, views
from srctl.commands.options import complete_users, noun, tell, verb
from srctl.context import Context
from srctl.reaping import Reaped

app = noun("Time: what is over, and what was used.")

_BAR = 30
_EIGHTHS = " ▏▎▍▌▋▊▉"


@verb(app, "reap")
def reap(
    context: Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
) -> None:
    """End the sessions that are past their time, unused, or without their grant; warn their owners first.

    Nothing expires unless this is run now and then: by a timer or by cron. Several may run it at once.
    """

    def show(done: Iterable[Reaped]) -> None:
        if not done and context.output.format == "table":
            return  # a timer says nothing where nothing happened
        columns = ("action", "session_id", "user", "image", "reason", "message")
        context.output.rows([views.reaped(each) for each in done], ids="session_id", columns=columns, keys=views.REAPED)

    tell(context.parts.reaper.run(dry_run=dry_run), show)


@verb(app, "usage")
def usage(
    context: Context,
    by: Annotated[str, typer.Option("--by", metavar="WHAT", help="user, app, host or month.")] = "user",
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on: a date, or 30d for so long ago.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to then; default: now.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Of this user.", autocompletion=complete_users)
    ] = None,
) -> None:
    """Count sessions, hours and CPU hours."""
    now = datetime.now(UTC)
    first, last = (None if text is None else durations.moment(text, now) for text in (since, until))
    found = context.parts.usage.tally(by, first, last, user)
    rows = [views.tally(each, by) for each in found]
    columns = ["name", "sessions", "hours", "cpu_hours"]
    if context.output.format == "table" and context.stdout.isatty():
        most = max((each.seconds for each in found), default=0.0)
        rows = [row | {"": _bar(each.seconds, most)} for row, each in zip(rows, found, strict=True)]
        columns.append("")
    context.output.rows(rows, ids="name", columns=columns, keys=views.TALLY)


def _bar(value: float, most: float) -> str:
    """Return a bar as long as its part of the longest one."""
    eighths = round(value / most * _BAR * 8) if most else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
