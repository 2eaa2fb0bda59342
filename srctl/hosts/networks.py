"""The networks that sessions live in, as requests to an engine: made once, no twins, removed when nobody uses them.

The isolated one leads nowhere: its default route is an address that nobody has, so that nothing but the host's own end
of it can be reached. Docker's internal networks would do the same, but publish no ports, and the session's page must be
reached as any other.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from typing import Any

from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.hosts.create import ISOLATED_OPTIONS, NETWORK_OPTIONS
from srctl.models import ISOLATED

Call = Callable[[Callable[[Any], Any]], Any]
"""Makes a request with the SDK's client, and turns its failures into ours."""

_TRIES = 8
_NOWHERE = "DefaultGatewayIPv4"
"""How Docker's bridge driver is told a default route other than itself."""


def make(call: Call, name: str) -> None:
    """Make a network; that somebody else just did is fine."""
    with suppress(ConflictError):
        if name == ISOLATED:
            _make_isolated(call, name)
        else:
            call(lambda api: api.create_network(name, check_duplicate=True, **NETWORK_OPTIONS))


def _make_isolated(call: Call, name: str) -> None:
    """Make the network that leads nowhere, in a range that the engine finds free: a route can be named within one only.

    Raises `ConflictError` where it is there, `SrctlError` where no range stays free.
    """
    for left in reversed(range(_TRIES)):
        subnet = _free_range(call, f"{name}-{secrets.token_hex(4)}")
        pool = {"Subnet": subnet, "AuxiliaryAddresses": {_NOWHERE: str(ip_network(subnet)[-2])}}
        options = {"ipam": {"Config": [pool]}, "options": ISOLATED_OPTIONS, "labels": {"io.srctl.network": "isolated"}}
        try:
            call(partial(_create, name=name, options=options))
        except SrctlError as error:
            if "overlap" not in error.message or not left:
                raise
        else:
            return


def _create(api: Any, name: str, options: dict[str, Any]) -> Any:
    return api.create_network(name, "bridge", check_duplicate=True, **options)


def _free_range(call: Call, name: str) -> str:
    """Return a range that the engine gave to a network, which is gone again."""
    made = str(call(lambda api: api.create_network(name, "bridge"))["Id"])
    try:
        parts = call(lambda api: api.inspect_network(made))["IPAM"]["Config"]
        return next(str(part["Subnet"]) for part in parts if ":" not in str(part["Subnet"]))
    finally:
        _remove(call, made)


def ranges(call: Call, name: str) -> tuple[str, ...] | None:
    """Give the network's address ranges, as `172.18.0.0/16`; `None` where there is no such network."""
    found = _named(call, name)
    parts = [part for item in found for part in item.get("IPAM", {}).get("Config") or []]
    return tuple(sorted(str(part["Subnet"]) for part in parts if part.get("Subnet"))) if found else None


def remove(call: Call, name: str) -> None:
    """Remove the network if it is there. Raises `SrctlError` while a container is in it."""
    for item in _named(call, name):
        _remove(call, item["Id"])


def drop_twins(call: Call, name: str) -> None:
    """Leave one network of this name, preferably one in use: engines before 25 let two callers make it at once."""
    twins = sorted(item["Id"] for item in _named(call, name))
    while len(twins) > 1:
        try:
            _remove(call, twins.pop())
        except SrctlError:  # it is in use
            twins.sort(reverse=True)
            _remove(call, twins.pop())


def _named(call: Call, name: str) -> list[dict[str, Any]]:
    return [item for item in call(lambda api: api.networks(names=[name])) if item["Name"] == name]


def _remove(call: Call, network_id: str) -> None:
    with suppress(NotFoundError):
        call(lambda api: api.remove_network(network_id))
