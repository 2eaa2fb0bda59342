"""`srctl status` and `srctl quickstart`: the numbers at a glance, and the shortest way to a first session."""

from typing import Annotated

import typer

from srctl import policy
from srctl.commands import session
from srctl.commands.options import PortOption, noun, verb
from srctl.context import Context
from srctl.errors import ConflictError, UnsupportedError
from srctl.models import Application, Policy

app = noun("The numbers, and the first steps.")

POLICY = Policy(allow_home=True, allow_startup_data=True)


@verb(app, "status")
def status(context: Context) -> None:
    """Show the numbers: users, applications, grants, running sessions, active users."""
    counts = context.accounting.status()
    running = context.sessions.find(all_users=True)
    context.output.one(
        {
            "realm": context.parts.realm,
            "host": context.host.name,
            "users": counts.users,
            "applications": counts.applications,
            "grants": counts.grants,
            "running_sessions": len(running),
            "active_users": len({found.user for found in running}),
        },
        ids="realm",
    )


@verb(app, "quickstart")
def quickstart(
    context: Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE")],
    local_port: PortOption = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Set up everything for IMAGE and yourself (database, user, application, grant), and open it."""
    if context.through_gateway:
        hint = f"srctl open {image}, once an administrator has granted it: srctl app add, srctl grant add"
        raise UnsupportedError("A gateway has its database already, and its administrators", hint)
    _prepare(context, image)
    session.open_session(context, image, local_port=local_port, browser=browser)


def _prepare(context: Context, image: str) -> None:
    from srctl.db.setup import initialise

    name = context.config.user
    policy.check_user_name(name)
    prepared = initialise(context.config.database)
    if prepared.applied:
        context.output.note(f"Made the accounting database {prepared.status.url}")
    accounting = context.accounting
    added = accounting.add_users([name])
    if added.done:
        context.output.note(f"Added user {name}")
    elif not isinstance(added.errors[0], ConflictError):
        added.check()
    try:
        application = accounting.add_application(Application(image=image), verify=False)
        context.output.note(f"Added application {application.image}")
    except ConflictError:
        application = accounting.application(image)
    if not accounting.grants(user=name, image=application.image):
        accounting.add_grant(application.image, name, POLICY)
        context.output.note(f"Granted {application.image} to {name}")
