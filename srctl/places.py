"""The hosts that a face shows which shows several at once, and a context for each of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from srctl.context import Context
from srctl.models import Host

if TYPE_CHECKING:
    from srctl.tunnel.prompter import Prompter


def hosts(context: Context) -> list[Host]:
    """Return the host in force, and those of the config file unless this run names its host.

    Raises what finding the one in force raises; nothing is connected to.
    """
    from srctl.hosts.endpoints import resolve, same

    if context.given_host is not None:
        return [Host(context.given_host.name, "", "given")]
    first = resolve(context.config, context.environ)
    if context.config.source("host") not in ("file", "default"):
        return [first]
    return [first, *(host for host in context.config.hosts if not same(host, first))]


def governed(context: Context, host: Host) -> bool:
    """Return whether the accounting database in force says what may be started on one of these hosts.

    That of a gateway speaks of the gateway alone, and that of this machine of no gateway.
    """
    from srctl.hosts.endpoints import is_gateway

    return host == hosts(context)[0] if context.through_gateway else not is_gateway(host)


def at(context: Context, host: Host, asks: "Callable[[dict[str, Any]], Prompter | None]") -> Context:
    """Return a context of its own for one of these hosts, with the same flags; `asks` makes what asks the person."""
    other = Context(
        context.environ, stdin=context.stdin, stdout=context.stdout, stderr=context.stderr, host=context.given_host
    )
    other.flags = context.flags | ({} if host == hosts(context)[0] else {"host": host.name})
    other.asks = asks
    return other
