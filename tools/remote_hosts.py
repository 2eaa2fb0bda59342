"""Remote Docker hosts with addresses of their own, on one machine.

Each host has network, mount, host-name and process namespaces of its own: an engine at the default socket,
sshd on port 22, and a link either to this machine or only to another host, behind which it then lies. Its
processes are one tree that ends with its first. Needs root on Linux.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tools import debian, engine, networks, processes, sshd
from tools.engine import Engine
from tools.lab import Lab
from tools.sshd import Options, Sshd

START = """
mount --bind "$1/run" /run
hostname "$2"
"$3" -D -f "$1/sshd_config" -E "$1/log" &
dockerd --host=unix:///run/docker.sock --data-root="$1/data" --cgroup-parent="/$4" --ip-forward=false &
wait
"""


@dataclass(frozen=True)
class Plan:
    """A host that is wanted: its name, and behind which other host it lies (None: reachable from here)."""

    name: str
    behind: str | None = None


@dataclass(frozen=True)
class RemoteHost:
    """A running host; `engine` reaches its Docker past SSH, for preparing and looking."""

    plan: Plan
    sshd: Sshd
    engine: Engine
    namespace: str
    process: subprocess.Popen[bytes]

    @property
    def name(self) -> str:
        """The host's name, which its section of ssh_config has too."""
        return self.plan.name

    @property
    def address(self) -> str:
        """The host's IPv4 address."""
        return self.sshd.host

    @property
    def url(self) -> str:
        """The host as a Docker host, by its address."""
        return f"ssh://{self.sshd.user}@{self.address}"

    def client_config(self) -> str:
        """Return a section of ssh_config that reaches the host by its name, through another where it must."""
        return self.sshd.client_config(self.name, {"ProxyJump": self.plan.behind} if self.plan.behind else None)


DIRECT_AND_BEHIND = (Plan("front"), Plan("back", behind="front"))


@contextlib.contextmanager
def remote_hosts(
    lab: Lab, plans: Sequence[Plan] = DIRECT_AND_BEHIND, options: Options | None = None
) -> Iterator[dict[str, RemoteHost]]:
    """Start hosts, by name; a host behind another must come after it."""
    engine.need_root("A lab of remote Docker hosts")
    debian.ensure(debian.LAB)
    subnets = networks.claim(lab.folder, closed=True).subnets(new_prefix=30)
    hosts: dict[str, RemoteHost] = {}
    try:
        for plan, subnet in zip(plans, subnets, strict=False):
            behind = hosts[plan.behind].namespace if plan.behind else None
            hosts[plan.name] = launch(lab, plan, connect(lab, plan, behind, subnet), options or Options())
        for host in hosts.values():
            wait_for(host)
        yield hosts
    finally:
        for host in reversed(hosts.values()):
            shut_down(host)


def connect(lab: Lab, plan: Plan, behind: str | None, subnet: IPv4Network) -> IPv4Address:
    """Make the host's network namespace and its link; return the host's address."""
    near, far = subnet[1], subnet[2]
    namespace = f"{lab.id}-{plan.name}"
    link = f"{lab.id}-{int(far) & 0xFFFF:x}"
    side = ["ip", "-netns", behind] if behind else ["ip"]
    networks.run("ip", "netns", "add", namespace)
    networks.run(*side, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    networks.run(*side, "address", "add", f"{near}/30", "dev", link)
    networks.run(*side, "link", "set", link, "up")
    networks.run("ip", "-netns", namespace, "address", "add", f"{far}/30", "dev", "eth0")
    networks.run("ip", "-netns", namespace, "link", "set", "eth0", "up")
    networks.run("ip", "-netns", namespace, "link", "set", "lo", "up")
    return far


def launch(lab: Lab, plan: Plan, address: IPv4Address, options: Options) -> RemoteHost:
    """Start the host's processes."""
    folder = lab.make(plan.name)
    (folder / "run" / "sshd").mkdir(parents=True, mode=0o755)
    sshd.make_keys(folder)
    sshd.write_known_hosts(folder, str(address))
    sshd.write_config(folder, options, str(address), 22)
    namespace = f"{lab.id}-{plan.name}"
    process = processes.start(command_line(lab, plan, folder), folder / "output", lab.id, on_death="KILL")
    server = Sshd(folder, str(address), 22, sshd.account())
    return RemoteHost(plan, server, Engine(f"unix://{folder}/run/docker.sock", private=True), namespace, process)


def command_line(lab: Lab, plan: Plan, folder: Path) -> list[str]:
    """Return the command that runs a host in namespaces of its own."""
    return [
        *("nsenter", f"--net=/run/netns/{lab.id}-{plan.name}"),
        *("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private"),
        *("sh", "-ec", START, "sh", str(folder), plan.name, sshd.program(), lab.id),
    ]


def wait_for(host: RemoteHost) -> None:
    """Wait until the host's SSH server and engine answer."""
    sshd.wait_for(host.process, host.sshd.folder, 22)
    engine.wait_for(host.engine, host.process, host.sshd.folder / "output")


def shut_down(host: RemoteHost) -> None:
    """Remove the host's containers, then end all its processes at once."""
    engine.shut_down(host.engine, host.process, politely=False)
