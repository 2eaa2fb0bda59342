"""Turn a `ContainerSpec` into the body of the Engine API's `POST /containers/create`.

Ports are published on loopback addresses only, whatever is asked. Binds use the mount type `bind`, so that the
engine itself checks that the source exists on its host.
"""

from ipaddress import ip_address
from typing import Any

from srctl.models import ISOLATED, NO_NETWORK, ContainerSpec, Hardening, Mount

NETWORK_OPTIONS: dict[str, Any] = {
    "driver": "bridge",
    "options": {"com.docker.network.bridge.enable_icc": "false"},
    "labels": {"io.srctl.network": "sessions"},
}
"""How the sessions' network is made: containers in it can't reach each other."""

ISOLATED_OPTIONS: dict[str, str] = {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.enable_ipv6": "false",
}
"""How the network is made that leads nowhere: see `networks.py`."""

NO_NAMES = ("192.0.2.1",)
"""The server that an isolated session asks for names: an address for documentation (RFC 5737), which nobody has.

With Docker's own choice the engine might ask in the session's place.
"""

TMPFS_OPTIONS = "rw,nosuid,nodev,size=1g,mode=1777"


def body(spec: ContainerSpec) -> dict[str, Any]:
    """Return the request body (Engine API 1.41, section ContainerCreate)."""
    port = f"{spec.port}/tcp"
    if not ip_address(spec.address).is_loopback:
        raise ValueError(f"{spec.address} is no loopback address")
    config: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in spec.env.items()],
        "Labels": dict(spec.labels),
        "ExposedPorts": {port: {}},
        "HostConfig": _confinement(spec.hardening)
        | {
            "NetworkMode": spec.network,
            "PortBindings": {port: [{"HostIp": spec.address, "HostPort": str(spec.host_port or "")}]},
            "Mounts": [_mount(mount) for mount in spec.mounts if mount.kind != "directory"],
            "Binds": [f"{mount.source}:{mount.target}" for mount in spec.mounts if mount.kind == "directory"],
        },
    }
    if spec.hardening.user is not None:
        config["User"] = spec.hardening.user
    if spec.network == ISOLATED:
        config["HostConfig"]["Dns"] = list(NO_NAMES)
    if spec.network == NO_NETWORK:
        config["HostConfig"]["PortBindings"] = {}
    return config


def _mount(mount: Mount) -> dict[str, Any]:
    return {"Type": mount.kind, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}


def _confinement(hardening: Hardening) -> dict[str, Any]:
    options: dict[str, Any] = {
        "Init": True,
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": hardening.read_only,
        "CapDrop": list(hardening.cap_drop),
        "CapAdd": list(hardening.cap_add),
        "Tmpfs": dict.fromkeys(hardening.tmpfs, TMPFS_OPTIONS),
        "PidsLimit": hardening.pids,
        "Memory": hardening.memory,
        "MemorySwap": hardening.memory,
        "NanoCpus": int(hardening.cpus * 1e9),
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    }
    if hardening.shm_size is not None:
        options["ShmSize"] = hardening.shm_size
    if hardening.gpus is not None:
        count = -1 if hardening.gpus == "all" else int(hardening.gpus)
        options["DeviceRequests"] = [{"Driver": "", "Count": count, "Capabilities": [["gpu"]]}]
    return options
