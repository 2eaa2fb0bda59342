"""`srctl grant`: who may run what, and how."""

from functools import partial
from typing import Annotated

import typer

from srctl import policy, views
from srctl.commands import bulk
from srctl.commands.limits import limited
from srctl.commands.options import (
    Without,
    complete_applications,
    complete_holders,
    noun,
    on_screen,
    read_text,
    require_change,
    tell,
    verb,
)
from srctl.context import Context
from srctl.errors import UsageError
from srctl.models import Limits, Policy
from srctl.revoking import alter, revoke

app = noun("The grants: who may run which application, and how.")

HolderArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="USER|@GROUP", help="A user, or a group; - reads them from stdin.", autocompletion=complete_holders
    ),
]
Home = Annotated[bool, typer.Option("--allow-home", help="Mount a workspace of the user's own at /workspace.")]
View = Annotated[bool, typer.Option("--allow-view", help="Allow to share the session with others.")]
StartupData = Annotated[bool, typer.Option("--allow-startup-data", help="Allow to start with a file of the user's.")]
License = Annotated[
    str | None,
    typer.Option("--license", metavar="TEXT", help="Licence given to the application; other processes can read it."),
]
LicenseFile = Annotated[
    str | None,
    typer.Option("--license-file", metavar="FILE|-", help="File with the licence, for a secret one; - reads stdin."),
]
Volumes = Annotated[
    list[str] | None,
    typer.Option("--volume", metavar="SOURCE:TARGET:ro|rw", help="Mount a directory of the Docker host (repeatable)."),
]


@verb(app, "add")
@limited()
def add(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE",
            help="- reads grants from stdin: on each line what could stand here.",
            autocompletion=complete_applications,
        ),
    ],
    grantee: HolderArgument = None,
    allow_home: Home = False,
    allow_view: View = False,
    allow_startup_data: StartupData = False,
    licence: License = None,
    licence_file: LicenseFile = None,
    volume: Volumes = None,
    *,
    within: Limits,
) -> None:
    """Grant an application to a user or a group, and print the grant's id; the same grant again prints the same id."""
    licence = _licence(context, licence, licence_file)
    permits = _policy(allow_home, allow_view, allow_startup_data, licence, volume, within)
    show = partial(bulk.show, context)
    if image == bulk.STDIN:
        if grantee is not None or permits != Policy():
            raise UsageError("With - each line says whose grant it is, and what it permits", "Leave out all else")
        tell(bulk.each_line(context, app, "add"), show)
    elif grantee is None:
        raise UsageError("Missing argument 'USER|@GROUP'.", "See: srctl grant add --help")
    elif grantee == bulk.STDIN:
        tell(bulk.each_name(context, lambda name: _granted(context, image, name, permits)), show)
    else:
        context.output.made(*_granted(context, image, grantee, permits))


@verb(app, "edit")
@limited()
def edit(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    grant: Annotated[str, typer.Argument(metavar="ID", help="Its id, or at least four digits of it.")],
    stop: Annotated[bool, typer.Option("--stop", help="Stop the sessions that run under it, too.")] = False,
    allow_home: Home = False,
    allow_view: View = False,
    allow_startup_data: StartupData = False,
    licence: License = None,
    licence_file: LicenseFile = None,
    volume: Volumes = None,
    without: Without = None,
    default: Annotated[bool, typer.Option("--default", help="Begin with none of what it had.")] = False,
    *,
    within: Limits,
) -> None:
    """Change what a grant permits, and print its id; what is not named stays as it is.

    It stays the same grant, and its sessions can still be opened, unless the new policy takes something away. Then
    a new grant takes its place, and sessions of the old one are treated as by `grant remove`.
    """
    licence = _licence(context, licence, licence_file)
    permits = _policy(allow_home, allow_view, allow_startup_data, licence, volume, within)
    require_change(default, permits != Policy(), without)
    granted = alter(context.accounting, grant, permits, without=without or (), afresh=default, stop=stop)
    context.output.made(granted.id, views.grant(granted))


@verb(app, "list")
def list_grants(
    context: Context,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="NAME|@GROUP",
            help="Of this user, also by groups; or of a group.",
            autocompletion=complete_holders,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--app", metavar="IMAGE", help="Of this application.", autocompletion=complete_applications),
    ] = None,
) -> None:
    """List grants."""
    found = context.accounting.grants(user=user, image=image)
    if context.output.format == "table":
        columns = views.grant_columns(found)
        rows = [views.grant_in_words(grant) for grant in found]
        if on_screen(context):
            rows = [row | {"id": row["id"][:12]} for row in rows]
        context.output.rows(rows, ids="id", columns=columns)
    else:
        context.output.rows(
            [views.grant(grant, secrets=True) for grant in found], ids="id", columns=(), keys=views.GRANT
        )


@verb(app, "remove")
@limited()
def remove(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    target: Annotated[
        list[str], typer.Argument(metavar="ID... | IMAGE USER|@GROUP", help="Ids, or an image and whose grant.")
    ],
    every: Annotated[bool, typer.Option("--all", help="With IMAGE USER: whatever the policy.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the sessions that run under them, too.")] = False,
    allow_home: Home = False,
    allow_view: View = False,
    allow_startup_data: StartupData = False,
    licence: License = None,
    licence_file: LicenseFile = None,
    volume: Volumes = None,
    *,
    within: Limits,
) -> None:
    """Remove grants; sessions that run under them stay, but nobody is led to them through a gateway any more.

    An id may be shortened to four digits. IMAGE USER without policy options means the grant with the default policy
    only.
    """
    licence = _licence(context, licence, licence_file)
    permits = _policy(allow_home, allow_view, allow_startup_data, licence, volume, within)
    tell(revoke(context.accounting, target, permits, every=every, stop=stop), context.output.removed)


def _granted(context: Context, image: str, grantee: str, permits: Policy) -> bulk.Made:
    granted = context.accounting.add_grant(image, grantee, permits)
    return granted.id, views.grant(granted)


def _licence(context: Context, text: str | None, file: str | None) -> str | None:
    if file is None:
        return text
    if text is not None:
        raise UsageError("--license and --license-file exclude each other")
    return read_text(context, file).rstrip("\n")


def _policy(
    allow_home: bool,
    allow_view: bool,
    allow_startup_data: bool,
    licence: str | None,
    volumes: list[str] | None,
    within: Limits,
) -> Policy:
    return policy.make_policy(
        allow_home=allow_home,
        allow_view=allow_view,
        allow_startup_data=allow_startup_data,
        license=licence,
        volumes=[policy.parse_volume(text) for text in volumes or ()],
        within=within,
    )
