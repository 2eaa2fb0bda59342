"""The form that registers an image as an application: what the image says of itself stands in it already."""

from collections.abc import Callable

from srctl import images, policy, sizes
from srctl.context import Context
from srctl.errors import UsageError
from srctl.models import Application, Image
from srctl.tui.fields import Field, Form, Values

OPTIONS = {
    "title": "--title",
    "port": "--port",
    "path": "--path",
    "scheme": "--scheme",
    "profile": "--profile",
    "shm size": "--shm-size",
    "gpus": "--gpus",
}
"""The fields that are options of the command line."""


def form(command: Callable[..., str], name: str = "", image: Image | None = None) -> Form:
    """Return the form, filled in for an image. `command` makes a command line of words."""
    labels = image.labels if image else {}
    protocol = images.kind(labels) is not None
    fields = (
        Field("image", name, "as for docker; without a tag, :latest is meant"),
        Field("title", images.title(labels, ""), "the image's own"),
        Field("port", hint=f"{images.DEFAULT_PORT}" if protocol else f"its one port, else {images.DEFAULT_PORT}"),
        Field("path", hint="what the protocol says" if protocol else "/, the path to open"),
        Field("scheme", choices=("http", "https")),
        Field("profile", choices=(f"the image's: {images.profile(labels)}", *policy.PROFILES)),
        Field("shm size", hint="the engine's, mostly 64m; browsers need more, e.g. 512m"),
        Field("gpus", hint="none; all, or how many"),
        Field("look up", choices=("on the host first", "not at all")),
    )
    return Form("Register an application", fields, "Register", lambda values: command(*_words(values)))


def looks_up(values: Values) -> bool:
    """Tell whether a host is to be asked for the image."""
    return "look up" not in values


def register(context: Context, values: Values) -> Application:
    """Register what is filled in. Raises as `Accounting.add_application`."""
    if "image" not in values:
        raise UsageError("There is no image", "Name one as for docker, e.g. registry.example/app:1.0")
    wanted = Application(
        values["image"],
        title=values.get("title"),
        port=_number(values["port"]) if "port" in values else None,
        path=values.get("path"),
        scheme=values.get("scheme"),
        profile=values.get("profile"),
        shm_size=sizes.parse(values["shm size"]) if "shm size" in values else None,
        gpus=values.get("gpus"),
    )
    return context.accounting.add_application(wanted, verify=looks_up(values))


def _words(values: Values) -> list[str]:
    options = [word for name, option in OPTIONS.items() if name in values for word in (option, values[name])]
    unseen = [] if looks_up(values) else ["--no-verify"]
    return ["app", "add", values.get("image", "IMAGE"), *options, *unseen]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a port", "Give a number") from error
