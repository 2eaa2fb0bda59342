"""`srctl app`: the Docker images that are registered for use."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer

from srctl import policy, views
from srctl.commands.limits import limited
from srctl.commands.options import Without, YesOption, complete_applications, confirm, noun, require_change, tell, verb
from srctl.context import Context
from srctl.models import NO_LIMITS, Application, Limits

_OF_ADD = {
    "shm_size": "Give another, e.g. --shm-size 64m, which is what Docker gives",
    "gpus": "Give another number, e.g. --gpus 0",
}
"""Limits that belong to the application itself, which its defaults go before, and what to do about them."""

app = noun("The applications: Docker images that can be granted.")

ImageArgument = Annotated[str, typer.Argument(metavar="IMAGE", autocompletion=complete_applications)]


@verb(app, "add")
@limited(without=("expires",))
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
    *,
    within: Limits,
) -> None:
    """Register an image, and print its full name; limits are those of its grants that set none."""
    wanted = Application(
        image=image, title=title, port=port, path=path, scheme=scheme, profile=profile,
        shm_size=within.shm_size, gpus=within.gpus, defaults=replace(within, shm_size=None, gpus=None),
    )  # fmt: skip
    added = context.accounting.add_application(wanted, verify=verify)
    context.output.made(added.image, views.application(added))


@verb(app, "limit")
@limited(without=("expires",))
def limit(
    context: Context,
    image: ImageArgument,
    without: Without = None,
    none: Annotated[bool, typer.Option("--none", help="Begin with none of those that it had.")] = False,
    *,
    within: Limits,
) -> None:
    """Change the limits that an application's grants have where they set none; what is not named stays as it is.

    Sessions that run keep theirs.
    """
    require_change(none, within != NO_LIMITS, without)
    found = context.accounting.application(image)
    words = {word.removeprefix("--") for word in without or ()}
    for option, advice in _staying(found, within):
        if none or option in words:
            context.output.note(f"`app add` gave {found.image} its --{option}, which stays. {advice}")
    after = policy.changed(NO_LIMITS if none else found.defaults, within, without or ())
    changed = context.accounting.set_defaults(image, after)
    context.output.made(changed.image, views.application(changed))


@verb(app, "list")
def list_applications(context: Context) -> None:
    """List all applications."""
    found = context.accounting.applications()
    columns = ["image", "title", "port", "created"]
    if context.output.format == "table":
        rows = [views.application_in_words(each) for each in found]
        columns += ["defaults"] if any(row["defaults"] for row in rows) else []
    else:
        rows = [views.application(each) for each in found]
    context.output.rows(rows, ids="image", columns=columns, keys=views.APPLICATION)


@verb(app, "show")
def show(context: Context, image: ImageArgument) -> None:
    """Show one application."""
    found = context.accounting.application(image)
    row = views.application_in_words(found) if context.output.format == "table" else views.application(found)
    context.output.one(row, ids="image")


@verb(app, "remove")
def remove(
    context: Context,
    image: Annotated[list[str], typer.Argument(metavar="IMAGE...", autocompletion=complete_applications)],
    yes: YesOption = False,
) -> None:
    """Remove applications with their grants; images and running sessions stay."""
    confirm(context, yes, f"Remove {', '.join(image)} with all grants?")
    tell(context.accounting.remove_applications(image), context.output.removed)


def _staying(application: Application, within: Limits) -> Iterator[tuple[str, str]]:
    """Yield the options that an application was added with and nothing given goes before, and what to do about them."""
    for name, advice in _OF_ADD.items():
        if getattr(application, name) is not None and getattr(within, name) is None:
            yield name.replace("_", "-"), advice
