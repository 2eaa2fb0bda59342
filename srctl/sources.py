"""For authors of accounting databases of other kinds: all that a source is made of, in one place.

A package offers one by an entry point of the group `srctl.accounting`, whose name is the scheme of its URLs. It is a
function that is given such a URL and returns a `Source`. Whether a source keeps to the protocol is tested by
`srctl.contract`.
"""

import hashlib

from srctl.contents import (
    Changes,
    Contents,
    GrantEntry,
    GroupEntry,
    KeyEntry,
    Source,
    UserEntry,
    applied,
)
from srctl.db.policy_json import dump
from srctl.images import canonical
from srctl.models import Application, Limits, Policy, Volume
from srctl.policy import make_policy

GROUP = "srctl.accounting"
"""The group of entry points."""

__all__ = [
    "GROUP",
    "Application",
    "Changes",
    "Contents",
    "GrantEntry",
    "GroupEntry",
    "KeyEntry",
    "Limits",
    "Policy",
    "Source",
    "UserEntry",
    "Volume",
    "applied",
    "canonical",
    "make_policy",
    "stable_id",
]


def stable_id(holder: str, image: str, policy: Policy) -> str:
    """Return an id for a grant that has none of its own; it follows from what the grant says.

    `holder` is a user's name, or that of a group after an `@`.
    """
    return hashlib.sha256(f"{holder}\0{image}\0{dump(policy)}".encode()).hexdigest()[:32]
