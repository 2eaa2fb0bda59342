"""`srctl login` and `srctl whoami`: whether a gateway lets one in, what is missing, and whom it takes one for."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from srctl import views
from srctl.commands.options import complete_hosts, noun, verb
from srctl.context import Context
from srctl.errors import NotAllowedError, NotFoundError, SrctlError, UsageError
from srctl.hosts import endpoints
from srctl.models import Host

if TYPE_CHECKING:
    from srctl.tunnel.offers import Offer

app = noun("Who you are to a gateway.")


@verb(app, "whoami")
def whoami(context: Context) -> None:
    """Show whom the gateway takes you for; without a gateway, as whom srctl acts."""
    parts = context.parts
    if context.through_gateway:
        row = _identity(context.host)
    else:
        host = endpoints.resolve(context.config, context.environ)
        row = {"user": parts.user, "admin": None, "host": host.name, "fingerprint": None}
    context.output.one(row, ids="user")


@verb(app, "login")
def login(
    context: Context,
    target: Annotated[str, typer.Argument(metavar="NAME|URL", help="A gateway.", autocompletion=complete_hosts)],
) -> None:
    """Log in to a gateway, and say what is missing where that is not possible.

    Where the gateway does not know your key, your public keys are printed: send one to an administrator.
    """
    host = _gateway(context, target)
    from srctl.tunnel.errors import LoginNeededError

    opened = context.host_of(host)
    try:
        row = _identity(opened)
    except LoginNeededError as error:
        raise _stranger(context, host, error) from error
    context.output.note(f"You are logged in to {host.name} as {row['user']}")
    context.output.one(row, ids="user")


def _gateway(context: Context, target: str) -> Host:
    """Return the gateway that is meant. Raises `UsageError` for another kind of host, and `NotFoundError`."""
    if "://" in target:
        host = Host(target, endpoints.check_url(target), "flag")
    else:
        host = endpoints.find(target, endpoints.named_hosts(context.config, context.environ))
    if not endpoints.is_gateway(host):
        raise UsageError(f"{host.name} is no gateway, so nobody has to let you in", "Try: srctl host check")
    return host


def _identity(gateway: Any) -> views.Row:
    greeting = gateway.greeting
    return {
        "user": greeting.user,
        "admin": greeting.admin,
        "host": gateway.name,
        "fingerprint": gateway.fingerprint,
    }


def _stranger(context: Context, host: Host, failure: SrctlError) -> SrctlError:
    """Print the public keys that could be let in, and return what to say about them."""
    from srctl.tunnel.connection import parse_target, resolve
    from srctl.tunnel.errors import KeyLockedError
    from srctl.tunnel.offers import offers

    settings = resolve(parse_target(endpoints.gateway_way(host.url)))
    found = offers(settings)
    if not found:
        return NotFoundError(f"You have no SSH key to show to {host.name}", "Make one: ssh-keygen -t ed25519")
    _show(context, found)
    if isinstance(failure, KeyLockedError):
        return NotAllowedError(
            f"Not all of your keys could be tried. {failure.message}",
            "Run it in a terminal, or load the key with ssh-add; an administrator has to register one that is unknown",
        )
    return NotAllowedError(
        f"The gateway {host.name} lets in none of your keys: it does not know them, or you are disabled there",
        "Send one of these lines to its administrator, who saves it and runs: srctl user key add YOUR-NAME FILE",
    )


def _show(context: Context, found: "list[Offer]") -> None:
    rows = [{name: getattr(each, name) for name in views.OFFERED_KEY} for each in found]
    if context.output.format == "table":
        for each in found:
            context.output.note(f"{each.source}:")
            context.output.line(each.line)
    else:
        context.output.rows(rows, ids="line", columns=views.OFFERED_KEY, keys=views.OFFERED_KEY)
