"""How a policy is written in the database: canonical JSON of what differs from the default, and its digest.

Only the non-default fields count, so a field that a later version adds changes no old digest. A text with a field
that this version does not know is refused: ignoring a limit would permit what an administrator forbade.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

from srctl.errors import ConflictError, SrctlError
from srctl.models import Limits, Policy, Volume

_KNOWN = frozenset(field.name for field in fields(Policy))
_LIMITS = frozenset(field.name for field in fields(Limits))
_NONE = Limits()


def canonical(policy: Policy) -> Policy:
    """Give the one form of equal policies: volumes in the order of their targets, an empty licence is none."""
    volumes = tuple(sorted(policy.volumes, key=lambda volume: (volume.target, volume.source, volume.mode)))
    cpus = None if policy.cpus is None else float(policy.cpus)
    return replace(policy, license=policy.license or None, volumes=volumes, cpus=cpus)


def dump(policy: Policy) -> str:
    """Write a policy as canonical JSON; the default policy is `{}`."""
    return _dump(canonical(policy), Policy())


def dump_limits(limits: Limits) -> str:
    """Write an application's defaults as JSON; no limits are `{}`."""
    return _dump(limits, Limits())


def _dump(values: Limits, default: Limits) -> str:
    plain = asdict(default)
    changed = {name: _plain(value) for name, value in asdict(values).items() if value != plain[name]}
    return json.dumps(changed, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


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
        return Policy(volumes=volumes, **_known(values, _KNOWN))
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged("a grant whose policy") from error


def load_limits(text: str) -> Limits:
    """Read what `dump_limits` wrote. Raises as `load`."""
    if text == "{}":
        return _NONE
    try:
        return Limits(**_known(dict(json.loads(text)), _LIMITS))
    except (ValueError, TypeError) as error:
        raise _damaged("an application whose defaults") from error


def _known(values: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Return the values as fields. Raises `ConflictError` for names that are not known, `ValueError`, `TypeError`."""
    if unknown := sorted(values.keys() - names):
        raise ConflictError(
            f"The database holds a policy that this version does not know ({', '.join(unknown)})", "Upgrade srctl"
        )
    if "expires" in values:
        values["expires"] = datetime.fromisoformat(values["expires"])
    return values


def _damaged(what: str) -> SrctlError:
    return SrctlError(f"The database holds {what} cannot be read", "Restore the database from a backup")


def _volume(values: Mapping[str, str]) -> Volume:
    return Volume(values["source"], values["target"], values["mode"])
