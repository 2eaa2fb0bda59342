"""Which Docker hosts there are, and what their URLs mean.

Hosts come from our config file, from Docker's contexts (read only, never written), from the environment and from
the command line. Nothing here talks to a host.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from srctl.config import Config
from srctl.errors import NotFoundError, SrctlError, UsageError
from srctl.models import Host

GATEWAY = "gateway"
"""The scheme of a host where srctl itself answers, over SSH, instead of the engine."""

SCHEMES = ("unix", "npipe", "tcp", "http", "https", "ssh", GATEWAY)
LOCAL_SCHEMES = ("unix", "npipe")
ACCOUNT = "srctl"
"""The account that a gateway has unless its URL names another."""

LOCAL = "local"
"""The name of this machine's own engine."""

RESERVED = (LOCAL, "default")
"""Names that mean this machine: ours and Docker's."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def default_url() -> str:
    """Return the URL of this machine's own engine."""
    return "npipe:////./pipe/docker_engine" if os.name == "nt" else "unix:///var/run/docker.sock"


def scheme(host: Host) -> str:
    """Return the scheme of the host's URL."""
    return urlsplit(host.url).scheme


def check_name(name: str) -> None:
    """Raise `UsageError` unless `name` can name a host of the config file."""
    if not NAME.fullmatch(name):
        raise UsageError(f"Not a host name: {name!r}", "Use letters, digits and . _ -")
    if name in RESERVED:
        raise UsageError(f"{name!r} always means this machine's own engine", "Choose another name")


def check_url(url: str) -> str:
    """Return the URL of a Docker host as it is, or raise `UsageError` saying what is wrong with it."""
    if re.search(r"[\x00-\x20\x7f]", url):
        raise _no_url(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _no_url(url) from error
    if parts.password is not None:
        raise UsageError("A URL of a Docker host can't hold a password", "Use an SSH key or TLS certificates")
    if parts.scheme not in SCHEMES or not url.startswith(f"{parts.scheme}://"):
        raise _no_url(url, "Begin it with unix://, ssh://, tcp:// or gateway://")
    if parts.scheme in LOCAL_SCHEMES:
        _check_socket(url, parts)
    elif parts.scheme == GATEWAY:
        _check_gateway(url, parts)
    else:
        _check_address(url, parts)
    return url


def _no_url(url: str, hint: str = "") -> UsageError:
    return UsageError(f"Not a URL of a Docker host: {shown(url)!r}", hint)


def shown(url: str) -> str:
    """Return a URL that may be malformed as it can be shown: what stands before its last `@` may hold a password."""
    return re.sub(r"^([a-z]+://)?.*@", r"\1***@", url, flags=re.DOTALL)


def _check_socket(url: str, parts: SplitResult) -> None:
    if parts.netloc or parts.path in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"{shown(url)!r} names no socket", f"Write it as {default_url()}, with three slashes")


def _check_address(url: str, parts: SplitResult) -> None:
    try:
        port = parts.port
    except ValueError as error:
        raise _no_url(url, "A port is a number from 1 to 65535") from error
    if not parts.hostname:
        raise UsageError(f"{shown(url)!r} names no host")
    if port == 0:
        raise _no_url(url, "A port is a number from 1 to 65535")
    if parts.scheme in ("ssh", GATEWAY):
        return
    if port is None:
        raise UsageError(f"{shown(url)!r} names no port", "Engines listen on 2376 with TLS and on 2375 without")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _no_url(url, "Write it as tcp://HOST:PORT, and nothing after it")


def _check_gateway(url: str, parts: SplitResult) -> None:
    _check_address(url, parts)
    if parts.path or parts.query or parts.fragment or "?" in url or "#" in url:
        raise _no_url(url, "Write it as gateway://[USER@]HOST[:PORT], and nothing after it")


def is_gateway(host: Host) -> bool:
    """Tell whether srctl itself answers at the host."""
    return scheme(host) == GATEWAY


def gateway_way(url: str) -> str:
    """Return the SSH URL of the account at which a gateway answers."""
    rest = url.removeprefix(f"{GATEWAY}://")
    return f"ssh://{rest}" if "@" in rest else f"ssh://{ACCOUNT}@{rest}"


def ssh_way(host: Host) -> str | None:
    """Return the SSH URL by which a host, and the sessions on it, are reached; `None` where none is known."""
    if is_gateway(host):
        return gateway_way(host.url)
    return host.url if host.url.startswith("ssh://") else host.ssh


def check_ssh_url(url: str) -> str:
    """Return an SSH URL as it is, or raise `UsageError`."""
    if not check_url(url).startswith("ssh://"):
        raise UsageError(f"{shown(url)!r} is not an ssh:// URL")
    return url


def known(config: Config, environ: Mapping[str, str]) -> list[Host]:
    """Return every host that has a name: ours first, then Docker's contexts; the one in force is marked.

    Where the one in force has an error none is marked: a list is what one looks at to find out.
    """
    named = {host.name: host for host in reversed(named_hosts(config, environ))}
    hosts = list(named.values())
    with suppress(SrctlError):
        chosen = resolve(config, environ)
        listed = next((host for host in hosts if same(host, chosen)), chosen)
        hosts = [host for host in hosts if host is not listed] + [replace(listed, default=True)]
    return sorted(hosts, key=lambda host: (host.source != "config", host.name))


def same(one: Host, other: Host) -> bool:
    """Tell whether both are one host: a name alone can be taken by another one."""
    return (one.name, one.url) == (other.name, other.url)


def named_hosts(config: Config, environ: Mapping[str, str]) -> list[Host]:
    """Return the hosts that a name can mean, those that win first: ours, Docker's contexts, this machine."""
    return [*config.hosts, *contexts(environ), Host(LOCAL, default_url(), "default")]


def resolve(config: Config, environ: Mapping[str, str]) -> Host:
    """Return the host in force: flag, environment, config file, Docker's current context, this machine.

    Raises `UsageError` for a bad URL and `NotFoundError` for a name that nothing has.
    """
    value, source = config.get("host"), config.source("host")
    if source == "DOCKER_CONTEXT":
        return _context(value, environ)
    if value is None:
        return _current(environ)
    if source == "DOCKER_HOST" and "://" not in value:
        value = f"tcp://{value}"
    if "://" in value:
        where = {"flag": "flag", "file": "config"}.get(source, "environment")
        name = LOCAL if value == default_url() else value
        return _with_tls(Host(name, check_url(value), where), environ)
    return _with_tls(find(value, named_hosts(config, environ)), environ)


def find(name: str, hosts: list[Host]) -> Host:
    """Return the host of this name; `default` is what Docker calls this machine. Raises `NotFoundError`."""
    for host in hosts:
        if host.name == name:
            check_url(host.url)
            if host.ssh is not None:
                check_ssh_url(host.ssh)
            return host
    if name == "default":
        return Host(LOCAL, default_url(), "default")
    names = ", ".join(host.name for host in hosts)
    raise NotFoundError(
        f"There is no host {shown(name)!r}", f"Known are: {names}" if names else "srctl host add NAME URL"
    )


def _current(environ: Mapping[str, str]) -> Host:
    name = _docker_config(environ).get("currentContext")
    return _context(name if isinstance(name, str) and name else "default", environ)


def _context(name: str, environ: Mapping[str, str]) -> Host:
    """Return a context of Docker's. Raises `NotFoundError`."""
    return find(name, contexts(environ))


def _with_tls(host: Host, environ: Mapping[str, str]) -> Host:
    """Apply Docker's TLS variables to a `tcp://` host that brings no certificates of its own.

    `DOCKER_TLS_VERIFY` is on when it is set and not empty, even when it is `0`, as for the docker command.
    """
    if scheme(host) != "tcp" or host.tls_dir is not None:
        return host
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    folder = environ.get("DOCKER_CERT_PATH") or None
    if not verify and folder is None:
        return host
    return replace(host, tls_dir=folder or str(_docker_folder(environ)), tls_verify=verify)


def _docker_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))


def _docker_config(environ: Mapping[str, str]) -> dict[str, Any]:
    return _json(_docker_folder(environ) / "config.json")


def _json(path: Path) -> dict[str, Any]:
    """Return the object in a file of Docker's, empty where there is none or it is damaged: it is not ours to judge."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _found(folder: Path, pattern: str) -> list[Path]:
    """Return the files in a folder of Docker's, none where it can't be read."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def contexts(environ: Mapping[str, str]) -> list[Host]:
    """Return Docker's contexts, from the metadata files of its config folder (`contexts/meta/<sha256>/meta.json`)."""
    folder = _docker_folder(environ) / "contexts"
    hosts = []
    for path in _found(folder, "meta/*/meta.json"):
        meta = _json(path)
        endpoint = meta.get("Endpoints", {}).get("docker", {}) if isinstance(meta.get("Endpoints"), dict) else {}
        name, url = meta.get("Name"), endpoint.get("Host") if isinstance(endpoint, dict) else None
        if not isinstance(name, str) or not isinstance(url, str) or name in RESERVED:
            continue
        tls = folder / "tls" / hashlib.sha256(name.encode()).hexdigest() / "docker"
        hosts.append(
            Host(
                name,
                url,
                "context",
                tls_dir=str(tls) if os.path.isdir(tls) else None,
                tls_verify=not endpoint.get("SkipTLSVerify", False),
            )
        )
    return hosts
