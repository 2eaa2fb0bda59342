"""What the words of engines and registries mean when they refuse something, and what to do about it."""

import re

from srctl.errors import (
    LackingError,
    NotAllowedError,
    NotFoundError,
    PortTakenError,
    SrctlError,
    UnreachableError,
)

PORT_TAKEN = re.compile(r"address already in use|port is already allocated")

_LACKING = {
    "cpus": re.compile(r"range of CPUs is", re.IGNORECASE),
    "gpus": re.compile(r"could not select device driver|nvidia-container-cli"),
}
_LOGIN_WANTED = re.compile(r"no basic auth credentials|unauthorized|authentication required")
_REGISTRY_AWAY = re.compile(r"dial tcp|lookup |i/o timeout|connection refused|TLS handshake|request canceled")


def check_port(host: str, error: SrctlError) -> None:
    """Raise `PortTakenError` where that is what an error of starting a container means."""
    if PORT_TAKEN.search(error.message):
        hint = f"Start it again; if that does not help, look at what listens on {host}: ss -ltn"
        raise PortTakenError(f"{host} has no free port for the session. {error.message}", hint) from error


def check_lacking(host: str, error: SrctlError) -> None:
    """Raise `LackingError` where that is what an error of making or starting a container means."""
    for limit, words in _LACKING.items():
        if words.search(error.message):
            lacking = LackingError(f"{host} can't give a session what --{limit} says: {error.message}")
            lacking.limit = limit
            raise lacking from error


def of_pull(reference: str, host: str, error: SrctlError) -> SrctlError:
    """Return the error to tell for one of the engine's or the registry's."""
    text = error.message.removeprefix("Docker says: ")
    if "no space left on device" in text:
        return SrctlError(f"The disk of {host} is full: {reference} can't be pulled", "docker system prune makes room")
    if _REGISTRY_AWAY.search(text):
        return UnreachableError(f"{host} can't reach the registry of {reference}: {text}", "Is the registry up?")
    said = f"{reference} can't be pulled to {host}: {text}"
    login = f"docker login {_registry(reference)}".rstrip()
    if _LOGIN_WANTED.search(text):
        return NotAllowedError(said, f"Log in from this machine: {login}")
    if isinstance(error, NotFoundError) or re.search("not found|manifest unknown|access denied", text):
        return NotFoundError(said, f"Check the name; for a private registry: {login}")
    return SrctlError(said)


def _registry(reference: str) -> str:
    """Return the registry that an image reference names, empty for Docker's own."""
    first, slash, _ = reference.partition("/")
    return first if slash and (re.search("[.:]", first) or first == "localhost") else ""
