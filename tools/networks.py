"""Addresses and links for the lab, on networks that this machine does not use."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from tools.debian import SetupError

NETWORKS = IPv4Network("10.83.0.0/16")
POOL = 21  # eight networks of 256 addresses for each run


def run(*command: str) -> str:
    """Run a command that must succeed; return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def free_pool() -> IPv4Network:
    """Return a network, at random, that no route of this machine has to do with."""
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    used = [IPv4Network(route["dst"]) for route in routes if route["dst"][0].isdigit()]
    pools = list(NETWORKS.subnets(new_prefix=POOL))
    random.shuffle(pools)
    for pool in pools:
        if not any(pool.overlaps(network) for network in used):
            return pool
    raise SetupError(f"No free network left in {NETWORKS}")


def claim(folder: Path, *, closed: bool) -> IPv4Network:
    """Return a free network and note it in the folder, so that `release` can remove what uses it.

    A closed one answers "unreachable" at once wherever no link of ours leads, instead of leaving the machine.
    """
    pool = free_pool()
    with (folder / "pools").open("a") as notes:
        notes.write(f"{pool}\n")
    if closed:
        run("ip", "route", "add", "unreachable", str(pool))
    return pool


def release(folder: Path) -> None:
    """Remove the links and routes of every network that was claimed for this folder."""
    notes = folder / "pools"
    for line in notes.read_text().split() if notes.exists() else []:
        remove_links(IPv4Network(line))
        subprocess.run(["ip", "route", "delete", "unreachable", line], capture_output=True, check=False)


@contextlib.contextmanager
def bridge(name: str, pool: IPv4Network) -> Iterator[IPv4Network]:
    """Make a bridge on the first network of a pool; afterwards no link with an address of that pool is left."""
    network = next(pool.subnets(new_prefix=24))
    run("ip", "link", "add", name, "type", "bridge")
    try:
        run("ip", "address", "add", f"{network[1]}/{network.prefixlen}", "dev", name)
        run("ip", "link", "set", name, "up")
        yield network
    finally:
        remove_links(pool)


def remove_links(pool: IPv4Network) -> None:
    """Remove every link of this machine that has an address of the pool."""
    links: list[dict[str, Any]] = json.loads(run("ip", "-json", "-4", "address", "show") or "[]")
    for link in links:
        addresses = [IPv4Address(each["local"]) for each in link.get("addr_info", [])]
        if any(address in pool for address in addresses):
            run("ip", "link", "delete", link["ifname"])
