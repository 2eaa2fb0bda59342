"""How a policy is written in the database: canonical JSON of what differs from the default, and its digest.

Only the non-default fields count, so a field that a later version adds changes no old digest. A text with a field
that this version does not know is refused: ignoring a limit would permit what an administrator forbade.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from srctl.errors import ConflictError, SrctlError
from srctl.models import Policy, Volume

_KNOWN = frozenset(field.name for field in fields(Policy))


def canonical(policy: Policy) -> Policy:
    """Give the one form of equal policies: volumes in the order of their targets, an empty licence is none."""
    volumes = tuple(sorted(policy.volumes, key=lambda volume: (volume.target, volume.source, volume.mode)))
    return replace(policy, license=policy.license or None, volumes=volumes)


def dump(policy: Policy) -> str:
    """Write a policy as canonical JSON; the default policy is `{}`."""
    values, default = asdict(canonical(policy)), asdict(Policy())
    changed = {name: value for name, value in values.items() if value != default[name]}
    return json.dumps(changed, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """Give the SHA-256 of a canonical text in 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def load(text: str) -> Policy:
    """Read what `dump` wrote.

    Raises ConflictError for fields that this version does not know, SrctlError for what is no policy at all.
    """
    try:
        values: dict[str, Any] = dict(json.loads(text))
        volumes = tuple(_volume(volume) for volume in values.pop("volumes", ()))
    except (ValueError, TypeError, KeyError) as error:
        raise SrctlError(
            "The database holds a grant whose policy cannot be read", "Restore the database from a backup"
        ) from error
    if unknown := sorted(values.keys() - _KNOWN):
        raise ConflictError(
            f"The database holds a policy that this version does not know ({', '.join(unknown)})", "Upgrade srctl"
        )
    return Policy(volumes=volumes, **values)


def _volume(values: Mapping[str, str]) -> Volume:
    return Volume(values["source"], values["target"], values["mode"])
