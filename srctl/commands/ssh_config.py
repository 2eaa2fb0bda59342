"""`srctl ssh-config`: what the ssh configuration says about a host, and where it says so."""

from dataclasses import asdict
from typing import Annotated

import typer

from srctl import views
from srctl.commands.options import complete_hosts, noun, verb
from srctl.context import Context
from srctl.errors import SeveralErrors, UsageError
from srctl.hosts import endpoints
from srctl.tunnel.origins import explain
from srctl.tunnel.target import SSHTarget, parse_hop, parse_target

app = noun("The ssh configuration.")


@verb(app, "ssh-config")
def ssh_config(
    context: Context,
    where: Annotated[str, typer.Argument(metavar="ALIAS|URL|HOST", autocompletion=complete_hosts)],
) -> None:
    """Print what a connection to a host would use, and which file says so; nobody is contacted.

    The commands of `Match exec` are run, as ssh runs them, and more than once.
    """
    explained = explain(_target(context, where))
    rows = [asdict(origin) for origin in explained.origins]
    columns = views.SSH_CONFIG if any(row["refused"] for row in rows) else views.SSH_CONFIG[:-1]
    context.output.rows(rows, ids="option", columns=columns, keys=views.SSH_CONFIG)
    if len(explained.refusals) > 1:
        raise SeveralErrors(explained.refusals)
    for refusal in explained.refusals:
        raise refusal


def _target(context: Context, where: str) -> SSHTarget:
    """Return what a word means: an address, a host of ours that is reached by SSH, or a name of ssh_config."""
    if where.startswith(f"{endpoints.GATEWAY}://"):
        return parse_target(endpoints.gateway_way(endpoints.check_url(where)))
    if "://" in where:
        return parse_target(where)
    for host in endpoints.named_hosts(context.config, context.environ):
        if host.name == where:
            address = endpoints.ssh_way(host)
            if address is None:
                raise UsageError(f"The host {where} is not reached by SSH", "Name a host of ssh_config instead")
            return parse_target(address)
    return parse_hop(where)
