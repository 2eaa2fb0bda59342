"""Who is there: the key that sshd has checked, looked up in the database each time it matters.

sshd writes the key into a file (`ExposeAuthInfo`) and names it in the environment. Nothing that a person could have
written is taken for a name: what counts is the row that has this key.
"""

import base64
import binascii
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from srctl.db.ledger import Ledger, Person
from srctl.errors import NotAllowedError
from srctl.public_keys import fingerprint

_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """The public key of a login, and the address that it came from."""

    kind: str
    blob: str
    fingerprint: str
    address: str | None

    def person(self, ledger: Ledger) -> Person:
        """Return whose key it is now. Raises `NotAllowedError` for one who is not (or no longer) let in."""
        return ledger.person(self.kind, self.blob, self.fingerprint)


def credential(environ: Mapping[str, str]) -> Credential:
    """Return the key of this login (sshd_config(5), `ExposeAuthInfo`). Raises `NotAllowedError` where there is none."""
    for line in _auth_info(environ).splitlines():
        method, _, rest = line.partition(" ")
        kind, _, blob = rest.partition(" ")
        if method == "publickey" and blob:
            return Credential(kind, blob, _fingerprint(blob), _address(environ))
    raise NotAllowedError(
        "sshd does not say which key this login has", "An administrator can find out why: srctl gateway check"
    )


def _auth_info(environ: Mapping[str, str]) -> str:
    try:
        with Path(environ["SSH_USER_AUTH"]).open(encoding="ascii") as stream:
            if os.fstat(stream.fileno()).st_size > _LARGEST:
                return ""
            return stream.read()
    except (KeyError, OSError, ValueError):
        return ""


def _fingerprint(blob: str) -> str:
    try:
        return fingerprint(base64.b64decode(blob, validate=True))
    except (binascii.Error, ValueError):
        raise NotAllowedError("The key of this login is damaged") from None


def _address(environ: Mapping[str, str]) -> str | None:
    words = environ.get("SSH_CONNECTION", "").split()
    try:
        return str(ipaddress.ip_address(words[0].partition("%")[0])) if words else None
    except ValueError:
        return None
