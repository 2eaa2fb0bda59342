"""What an engine says where an image can't be pulled, as our errors with what to do."""

import re

from srctl.errors import NotAllowedError, NotFoundError, SrctlError, UnreachableError

_LOGIN_WANTED = re.compile(r"no basic auth credentials|unauthorized|authentication required")
_REGISTRY_AWAY = re.compile(r"dial tcp|lookup |i/o timeout|connection refused|TLS handshake|request canceled")


def pull_error(reference: str, host: str, error: SrctlError) -> SrctlError:
    """Return the error for a pull that failed with this one."""
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
