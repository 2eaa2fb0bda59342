"""`srctl grant`: who may run what, and how."""

from typing import Annotated

import typer

from srctl import policy, views
from srctl.commands.options import complete_applications, complete_users, noun, read_text, tell, verb
from srctl.context import Context
from srctl.errors import UsageError
from srctl.models import Policy
from srctl.revoking import alter, revoke

app = noun("The grants: who may run which application, and how.")

ImageArgument = Annotated[str, typer.Argument(metavar="IMAGE", autocompletion=complete_applications)]
UserArgument = Annotated[str, typer.Argument(metavar="USER", autocompletion=complete_users)]
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
def add(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    image: ImageArgument,
    grantee: UserArgument,
    allow_home: Home = False,
    allow_view: View = False,
    allow_startup_data: StartupData = False,
    licence: License = None,
    licence_file: LicenseFile = None,
    volume: Volumes = None,
) -> None:
    """Grant an application to a user, and print the grant's id; the same grant again prints the same id."""
    licence = _licence(context, licence, licence_file)
    permits = _policy(allow_home, allow_view, allow_startup_data, licence, volume)
    granted = context.accounting.add_grant(image, grantee, permits)
    context.output.made(granted.id, views.grant(granted))


@verb(app, "edit")
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
) -> None:
    """Give a grant exactly this policy, and print its id.

    It stays the same grant, and its sessions can still be opened, unless the new policy takes something away. Then
    a new grant takes its place, and sessions of the old one are treated as by `grant remove`.
    """
    licence = _licence(context, licence, licence_file)
    permits = _policy(allow_home, allow_view, allow_startup_data, licence, volume)
    granted = alter(context.accounting, grant, permits, stop=stop)
    context.output.made(granted.id, views.grant(granted))


@verb(app, "list")
def list_grants(
    context: Context,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Of this user.", autocompletion=complete_users)
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
        context.output.rows([views.grant_in_words(grant) for grant in found], ids="id", columns=columns)
    else:
        context.output.rows(
            [views.grant(grant, secrets=True) for grant in found], ids="id", columns=(), keys=views.GRANT
        )


@verb(app, "remove")
def remove(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    target: Annotated[list[str], typer.Argument(metavar="ID... | IMAGE USER", help="Ids, or an image and a user.")],
    every: Annotated[bool, typer.Option("--all", help="With IMAGE USER: whatever the policy.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the sessions that run under them, too.")] = False,
    allow_home: Home = False,
    allow_view: View = False,
    allow_startup_data: StartupData = False,
    licence: License = None,
    licence_file: LicenseFile = None,
    volume: Volumes = None,
) -> None:
    """Remove grants; sessions that run under them stay, but nobody is led to them through a gateway any more.

    An id may be shortened to four digits. IMAGE USER without policy options means the grant with the default policy
    only.
    """
    licence = _licence(context, licence, licence_file)
    permits = _policy(allow_home, allow_view, allow_startup_data, licence, volume)
    tell(revoke(context.accounting, target, permits, every=every, stop=stop), context.output.removed)


def _licence(context: Context, text: str | None, file: str | None) -> str | None:
    if file is None:
        return text
    if text is not None:
        raise UsageError("--license and --license-file exclude each other")
    return read_text(context, file).rstrip("\n")


def _policy(
    allow_home: bool, allow_view: bool, allow_startup_data: bool, licence: str | None, volumes: list[str] | None
) -> Policy:
    return policy.make_policy(
        allow_home=allow_home,
        allow_view=allow_view,
        allow_startup_data=allow_startup_data,
        license=licence,
        volumes=[policy.parse_volume(text) for text in volumes or ()],
    )
