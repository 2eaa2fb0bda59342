"""`srctl session`, and the daily verbs that people type without the noun."""

import codecs
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import typer

from srctl import durations, limits, views
from srctl.commands.options import (
    PortOption,
    YesOption,
    complete_applications,
    complete_openable,
    complete_sessions,
    confirm,
    noun,
    on_screen,
    tell,
    verb,
)
from srctl.commands.requests import (
    Environment,
    Pull,
    Replace,
    Settings,
    StartupData,
    Timeout,
    make_request,
    sets_anything,
)
from srctl.context import Context
from srctl.models import Session, StartRequest
from srctl.outcome import try_each
from srctl.policy import in_words

app = noun("The sessions: containers that run for users.")

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The session's id (or its beginning).", autocompletion=complete_sessions)
]
AllUsers = Annotated[bool, typer.Option("--all-users", help="Of all users of the realm.")]


@verb(app, "available")
def available(context: Context) -> None:
    """List what you may start."""
    found = context.sessions.available()
    rows = [views.available(each) for each in found]
    columns = ("image", "title", "policy", "grant", "session_id", "image_present", "configurables", "description")
    if context.output.format == "table":
        rows = [_available(context, row, in_words(each.policy)) for row, each in zip(rows, found, strict=True)]
    context.output.rows(rows, ids="grant_id", columns=columns, keys=views.AVAILABLE)


@verb(app, "start")
def start(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    application: Annotated[
        str, typer.Argument(metavar="APP", help="Image, title or grant id.", autocompletion=complete_applications)
    ],
    settings: Settings = None,
    startup_data: StartupData = None,
    env: Environment = None,
    timeout: Timeout = None,
    pull: Pull = "missing",
    replace: Replace = False,
) -> None:
    """Start an application, wait until it answers, and print the session's id."""
    request = make_request(context, application, settings, startup_data, env, timeout, pull, replace)
    with context.output.progress() as progress:
        started = context.launcher(progress).start(request)
    if not started.fresh:
        context.output.note(_joined(request, started.session))
    context.output.made(started.session.id, views.session(started.session))


@verb(app, "list")
def list_sessions(
    context: Context,
    stopped: Annotated[bool, typer.Option("--all", "-a", help="Also those that do not run any more.")] = False,
    all_users: AllUsers = False,
) -> None:
    """List your sessions."""
    sessions = context.sessions
    found = sessions.find(stopped=stopped, all_users=all_users)
    rows = [views.session(each) for each in found]
    columns = ["id"]
    if all_users or any(each.user != sessions.user for each in found):
        columns.append("user")
    columns += ["title", "image", "status"]
    if any(each.ends or each.seats_left is not None for each in found):
        columns.append("left")
        if context.output.format == "table":
            rows = [row | {"left": _left(each)} for row, each in zip(rows, found, strict=True)]
    if any(each.warning for each in found):
        columns.append("warning")
    columns += ["host", "port", "created"]
    if any(each.shared_with for each in found):
        columns.append("shared_with")
    if on_screen(context):
        rows = [row | {"id": row["id"][:12]} for row in rows]
    context.output.rows(rows, ids="id", columns=columns, keys=views.SESSION)


@verb(app, "show")
def show(context: Context, session: Id, all_users: AllUsers = False) -> None:
    """Show one session."""
    context.output.one(views.session(context.sessions.get(session, all_users=all_users)), ids="id")


@verb(app, "logs")
def logs(
    context: Context,
    session: Id,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as it writes more.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", "-n", metavar="N", min=0, help="The last lines only.")] = None,
    all_users: AllUsers = False,
) -> None:
    """Print what the application wrote."""
    for text in _decoded(context.sessions.logs(session, tail=tail, follow=follow, all_users=all_users)):
        context.output.raw(text)


@verb(app, "stop")
def stop(
    context: Context,
    session: Annotated[list[str], typer.Argument(metavar="ID...", autocompletion=complete_sessions)],
    all_users: AllUsers = False,
) -> None:
    """Stop sessions and remove their containers."""

    def end(prefix: str) -> str:
        found, was_there = context.sessions.stop(prefix, all_users=all_users)
        if not was_there:
            context.output.note(f"Session {found} was gone already")
        return found

    tell(try_each(session, end), context.output.removed)


@verb(app, "open")
def open_session(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="APP|ID", help="Image, title or grant id; or a session's id.", autocompletion=complete_openable
        ),
    ],
    local_port: PortOption = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser where there is one.")] = True,
    settings: Settings = None,
    startup_data: StartupData = None,
    env: Environment = None,
    timeout: Timeout = None,
    pull: Pull = "missing",
    replace: Replace = False,
) -> None:
    """Open an application in your browser: start it if needed, and hold the tunnel until Ctrl-C."""
    from srctl.commands import holding

    request = make_request(context, target, settings, startup_data, env, timeout, pull, replace)
    door = context.door(local_port)
    with context.output.progress() as progress:
        opened = context.opener(progress).open(request, door)
    if not opened.fresh and sets_anything(request):
        context.output.note("The session keeps the settings that it was started with; --replace starts it afresh")
    holding.hold(context, opened, browser=browser and context.config.get("browser"))


@verb(app, "extend")
def extend(
    context: Context,
    session: Id,
    duration: Annotated[str, typer.Argument(metavar="TIME", help="How much later it is to end, e.g. 2h.")],
) -> None:
    """Give a session of yours more time: as long as its grant allows, counted from now."""
    extended = context.parts.extender.extend(session, durations.parse(duration))
    if extended.ends is not None:
        context.output.note(f"It ends at {limits.when(extended.ends)}")
    context.output.made(extended.id, views.session(extended))


@verb(app, "share")
def share(
    context: Context,
    session: Id,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whom to let in.")],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="For so long, e.g. 2h; else as long as it runs.")
    ] = None,
) -> None:
    """Let another user open a session of yours through the gateway, and use all of it; never stop it.

    It takes a grant with --allow-view.
    """
    shared = context.sharing.share(session, user, None if duration is None else durations.parse(duration))
    until = "as long as it runs" if shared.expires is None else f"until {shared.expires:%Y-%m-%d %H:%M} UTC"
    context.output.note(f"{shared.guest} can open it {until}: srctl open {shared.session_id[:12]}")
    context.output.made(shared.session_id, views.share(shared))


@verb(app, "unshare")
def unshare(
    context: Context,
    session: Id,
    user: Annotated[str | None, typer.Argument(metavar="USER", help="Whom; else everybody.")] = None,
) -> None:
    """Let others open a session of yours no more; who is in it is cut off."""
    taken = context.sharing.unshare(session, user)
    context.output.removed(sorted(share.guest for share in taken))


@verb(app, "prune")
def prune(context: Context, all_users: AllUsers = False, yes: YesOption = False) -> None:
    """Remove what is left of sessions that do not run any more."""
    leftovers = context.leftovers
    found = leftovers.find(all_users=all_users)
    if found:
        confirm(context, yes, f"Remove {len(found)} stopped sessions?")
    elif not yes and context.prompter is None:
        confirm(context, yes, "Remove stopped sessions?")

    def remove(session: Session) -> list[str]:
        if leftovers.remove(session):
            return [session.id]
        context.output.note(f"Session {session.id} runs again and was left alone")
        return []

    tell(try_each(found, remove), lambda removed: context.output.removed(chain.from_iterable(removed)))


def _left(session: Session) -> str | None:
    """Return how long a session may run on, and how many others may run beside it."""
    parts = []
    if session.ends is not None:
        seconds = (session.ends - datetime.now(UTC)).total_seconds()
        parts.append(durations.words(seconds) if seconds > 0 else "over")
    if session.seats_left is not None:
        parts.append(limits.seats(session.seats_left))
    return ", ".join(parts) or None


def _available(context: Context, row: views.Row, policy: str) -> views.Row:
    """Return the row as people read it."""
    digits = 12 if on_screen(context) else 32
    return row | {
        "grant": row["grant_id"][:digits],
        "policy": policy,
        "session_id": row["session_id"] and row["session_id"][:digits],
    }


def _joined(request: StartRequest, session: Session) -> str:
    """Say that the session was there already."""
    if request.replace:
        return f"Another srctl has started it meanwhile, as {session.id}"
    kept = " and keeps its settings" if sets_anything(request) else ""
    return f"It runs already as {session.id}{kept}; --replace starts it afresh"


def _decoded(pieces: Iterator[bytes]) -> Iterator[str]:
    """Decode a stream whose pieces may end inside a character."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
