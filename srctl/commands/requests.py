"""The options of `start`, which `open` and others have too, as a request."""

from typing import Annotated

import typer

from srctl import config as configuration
from srctl.context import Context
from srctl.errors import UsageError
from srctl.models import StartRequest

PULLS = ("missing", "never", "always")
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="E.g. resolution=1280x800.")]
StartupData = Annotated[str | None, typer.Option("--startup-data", metavar="PATH", help="File to start with.")]
Environment = Annotated[list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="Environment variable.")]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="S", help="Seconds to wait for it.")]
Pull = Annotated[str, typer.Option("--pull", metavar="WHEN", help="missing, never or always.")]
Replace = Annotated[bool, typer.Option("--replace", help="Remove a running session of this grant and start afresh.")]


def start_request(context: Context, application: str, timeout: str | None, replace: bool) -> StartRequest:
    """Return the request of a command that has only these options of `start`."""
    return make_request(context, application, None, None, None, timeout, "missing", replace)


def make_request(  # noqa: PLR0913, PLR0917 - the options of start
    context: Context,
    application: str,
    settings: list[str] | None,
    startup_data: str | None,
    env: list[str] | None,
    timeout: str | None,
    pull: str,
    replace: bool,
) -> StartRequest:
    """Return what the options of `start` ask for. Raises `UsageError`."""
    if pull not in PULLS:
        raise UsageError(f"--pull is {pull!r}", f"Choose {', '.join(PULLS)}")
    return StartRequest(
        app=application,
        settings=_pairs("--set", settings),
        startup_data=startup_data,
        env=_pairs("--env", env),
        timeout=context.config.get("timeout") if timeout is None else _seconds(timeout),
        pull=pull,
        replace=replace,
    )


def _seconds(timeout: str) -> float:
    try:
        return configuration.seconds(timeout)
    except ValueError as error:
        raise UsageError(f"--timeout is {timeout!r}, but must be {error}") from error


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"{option} {text!r} is not NAME=VALUE")
        if name in pairs:
            raise UsageError(f"{option} {name} is given twice")
        pairs[name] = value
    return pairs


def sets_anything(request: StartRequest) -> bool:
    """Tell whether a request would change how a session is started."""
    return bool(request.settings or request.env or request.startup_data is not None)
