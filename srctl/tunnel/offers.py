"""The public keys that a person could show to whoever lets people in: those of the agent, and those beside files.

Only public parts are read. Keys of types that a gateway does not take are left out, certificates too.
"""

import base64
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from srctl.tunnel.agent import Agent
from srctl.tunnel.certificates import CERTIFICATE
from srctl.tunnel.errors import plain
from srctl.tunnel.keys import public_part
from srctl.tunnel.known_hosts import fingerprint, key_type
from srctl.tunnel.settings import Settings

_REFUSED = ("ssh-dss",)


@dataclass(frozen=True, slots=True)
class Offer:
    """A public key: `line` is what an administrator adds, `source` where it was found."""

    type: str
    fingerprint: str
    source: str
    line: str


def offers(settings: Settings) -> list[Offer]:
    """Return each public key once: files that the configuration names, others of `~/.ssh`, then the agent's."""
    paths = [path for path in settings.identity_files if path.exists()]
    with suppress(OSError, RuntimeError):
        found = sorted((Path.home() / ".ssh").glob("*.pub"))
        paths += [path for path in found if not path.name.endswith("-cert.pub")]
    seen: dict[bytes, Offer] = {}
    for path in paths:
        blob = public_part(path)
        if blob is not None:
            _add(seen, blob, _comment(path), str(path))
    if not settings.identities_only:
        with closing(Agent(settings.identity_agent)) as agent:
            for identity in agent.identities():
                _add(seen, identity.blob, "", identity.label)
    return list(seen.values())


def _add(seen: dict[bytes, Offer], blob: bytes, comment: str, source: str) -> None:
    kind = key_type(blob)
    if blob in seen or not kind.isascii() or kind.endswith(CERTIFICATE) or kind in _REFUSED:
        return
    line = f"{kind} {base64.b64encode(blob).decode()} {comment}".rstrip()
    seen[blob] = Offer(kind, fingerprint(blob), source, line)


def _comment(path: Path) -> str:
    candidates: Iterable[Path] = (path.with_name(path.name.removesuffix(".pub") + ".pub"),)
    for each in candidates:
        with suppress(OSError):
            fields = each.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].split(None, 2)
            return plain(fields[2], 100) if len(fields) == 3 else ""
    return ""
