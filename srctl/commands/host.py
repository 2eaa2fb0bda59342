"""`srctl host`: the Docker hosts, ours and those of Docker's contexts."""

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from srctl import config_file, views
from srctl.commands.options import YesOption, complete_hosts, confirm, noun, verb
from srctl.config import without_password
from srctl.context import Context
from srctl.errors import ConflictError, NotFoundError, SrctlError, UsageError
from srctl.hosts import endpoints
from srctl.models import Host
from srctl.tunnel.target import parse_target

app = noun("The Docker hosts.")

Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_hosts)]


@verb(app, "add")
def add(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    url: Annotated[str, typer.Argument(metavar="URL", help="unix://, ssh://, tcp:// or gateway://")],
    ssh: Annotated[str | None, typer.Option(metavar="URL", help="SSH way to a tcp:// host, for tunnels.")] = None,
    tls: Annotated[str | None, typer.Option(metavar="DIR", help="Folder with ca.pem, cert.pem, key.pem.")] = None,
) -> None:
    """Add a Docker host to the config file; it is not contacted."""
    endpoints.check_name(name)
    endpoints.check_url(url)
    if ssh is not None:
        endpoints.check_ssh_url(ssh)
    way = endpoints.gateway_way(url) if endpoints.is_gateway(Host(name, url, "config")) else url
    if way != url and (ssh is not None or tls is not None):
        raise UsageError("A gateway is reached by its own address", "Leave out --ssh and --tls")
    for address in (way, ssh):
        if address is not None and address.startswith("ssh://"):
            parse_target(address)

    def change(document: Any) -> None:
        import tomlkit

        table = document.setdefault("hosts", tomlkit.table(is_super_table=True))
        if name in table:
            raise ConflictError(f"There is a host {name!r} already", f"srctl host remove {name}")
        fields = {"url": url, "ssh": ssh, "tls": tls}
        table[name] = {field: value for field, value in fields.items() if value is not None}

    config_file.edit(context.config.path, change)
    context.output.made(name, _row(Host(name, url, "config", ssh=ssh, tls_dir=tls)))


@verb(app, "list")
def list_hosts(context: Context) -> None:
    """List the hosts; none is contacted."""
    rows = [_row(host) for host in endpoints.known(context.config, context.environ)]
    context.output.rows(rows, ids="name", columns=("name", "url", "source", "default"), keys=views.HOST)


@verb(app, "check")
def check(
    context: Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", autocompletion=complete_hosts)] = None,
) -> None:
    """Connect to a host (default: the one in force) and show its engine's version."""
    chosen = endpoints.resolve(context.config, context.environ)
    wanted = chosen if name is None else endpoints.find(name, endpoints.named_hosts(context.config, context.environ))
    host = context.host_of(wanted)
    row = _row(wanted) | {"default": endpoints.same(wanted, chosen)}
    try:
        host.version()
        start = time.monotonic()
        row |= {"version": host.version(), "reachable": True}
        row["latency_ms"] = round((time.monotonic() - start) * 1000, 1)
    except SrctlError:
        context.output.one(row | {"reachable": False}, ids="name")
        raise
    context.output.one(row, ids="name")


@verb(app, "remove")
def remove(context: Context, name: Name, yes: YesOption = False) -> None:
    """Remove a host from the config file; what runs there is left alone."""
    if not any(host.name == name for host in context.config.hosts):
        foreign = any(host.name == name for host in endpoints.contexts(context.environ))
        hint = f"It is a context of Docker's: docker context rm {name}" if foreign else "srctl host list"
        raise NotFoundError(f"There is no host {name!r} in {context.config.path}", hint)
    confirm(context, yes, f"Remove host {name}?")

    def change(document: Any) -> None:
        document.get("hosts", {}).pop(name, None)
        if document.get("host") == name:
            del document["host"]

    config_file.edit(context.config.path, change)
    context.output.removed([name])


@verb(app, "use")
def use(context: Context, name: Name) -> None:
    """Make a host the default."""
    found = endpoints.find(name, endpoints.named_hosts(context.config, context.environ))
    config_file.edit(context.config.path, lambda document: document.__setitem__("host", name))
    source = context.config.source("host")
    if source not in ("flag", "file", "default"):
        context.output.note(f"warning: {source}={context.environ[source]} in your environment overrides it")
    context.output.made(name, _row(found) | {"default": True})


def _row(host: Host) -> dict[str, Any]:
    row = asdict(host) | {"reachable": None, "version": None, "latency_ms": None}
    row["url"] = without_password(row["url"])  # a context of Docker's may hold one
    return {key: row[key] for key in views.HOST}
