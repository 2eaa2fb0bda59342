"""The network that sessions live in, as requests to an engine: made once, no twins, removed when nobody uses it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.hosts.create import NETWORK_OPTIONS

Call = Callable[[Callable[[Any], Any]], Any]
"""Makes a request with the SDK's client, and turns its failures into ours."""


def make(call: Call, name: str) -> None:
    """Make the network; that somebody else just did is fine."""
    with suppress(ConflictError):
        call(lambda api: api.create_network(name, check_duplicate=True, **NETWORK_OPTIONS))


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
