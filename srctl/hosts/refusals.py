"""What the words of an engine mean when it refuses to make or to start a container, and what to do about it."""

import re

from srctl.errors import LackingError, PortTakenError, SrctlError

PORT_TAKEN = re.compile(r"address already in use|port is already allocated")

_LACKING = {
    "cpus": re.compile(r"range of CPUs is", re.IGNORECASE),
    "gpus": re.compile(r"could not select device driver|nvidia-container-cli"),
}


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
