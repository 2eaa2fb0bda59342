"""`srctl app`: the Docker images that are registered for use."""

from typing import Annotated

import typer

from srctl import sizes, views
from srctl.commands.options import YesOption, complete_applications, confirm, noun, tell, verb
from srctl.context import Context
from srctl.models import Application

app = noun("The applications: Docker images that can be granted.")

ImageArgument = Annotated[str, typer.Argument(metavar="IMAGE", autocompletion=complete_applications)]


@verb(app, "add")
def add(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="As for docker; without a tag, :latest is meant.")],
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Name for people; default: the image's own.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", help="Port that the application listens on in its container.")
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="URL path to open, for images without the session labels.")
    ] = None,
    scheme: Annotated[str | None, typer.Option(metavar="SCHEME", help="http or https.")] = None,
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Look the image up on the host first.")] = True,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="Hardening: strict or standard.")] = None,
    shm_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Shared memory, e.g. 512m; browsers need it.")
    ] = None,
    gpus: Annotated[str | None, typer.Option(metavar="N|all", help="all, or how many.")] = None,
) -> None:
    """Register an image, and print its full name."""
    wanted = Application(
        image=image, title=title, port=port, path=path, scheme=scheme, profile=profile,
        shm_size=None if shm_size is None else sizes.parse(shm_size), gpus=gpus,
    )  # fmt: skip
    added = context.accounting.add_application(wanted, verify=verify)
    context.output.made(added.image, views.application(added))


@verb(app, "list")
def list_applications(context: Context) -> None:
    """List all applications."""
    rows = [views.application(found) for found in context.accounting.applications()]
    context.output.rows(rows, ids="image", columns=("image", "title", "port", "created"), keys=views.APPLICATION)


@verb(app, "show")
def show(context: Context, image: ImageArgument) -> None:
    """Show one application."""
    context.output.one(views.application(context.accounting.application(image)), ids="image")


@verb(app, "remove")
def remove(
    context: Context,
    image: Annotated[list[str], typer.Argument(metavar="IMAGE...", autocompletion=complete_applications)],
    yes: YesOption = False,
) -> None:
    """Remove applications with their grants; images and running sessions stay."""
    confirm(context, yes, f"Remove {', '.join(image)} with all grants?")
    tell(context.accounting.remove_applications(image), context.output.removed)
