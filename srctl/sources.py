"""For authors of accounting databases of other kinds: all that a source is made of, in one place.

A package offers one by an entry point of the group `srctl.accounting`, whose name is the scheme of its URLs. It is a
function that is given such a URL and returns a `Source`. Whether a source keeps to the protocol is tested by
`srctl.contract`.
"""

import hashlib

from srctl.contents import (
    KINDS,
    Changes,
    Contents,
    GrantEntry,
    GroupEntry,
    KeyEntry,
    Source,
    UserEntry,
    key_of,
)
from srctl.db.policy_json import dump
from srctl.errors import ConflictError
from srctl.images import canonical
from srctl.models import Application, Limits, Policy, Volume
from srctl.policy import make_policy
from srctl.wellformed import name_of

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


def applied(contents: Contents, changes: Changes) -> Contents:
    """Return contents after changes. Raises ConflictError for changes that do not fit them."""
    after = {}
    for kind in KINDS:
        entries = {key_of(kind, entry): entry for entry in getattr(contents, kind)}
        for entry in getattr(changes.removed, kind):
            if entries.pop(key_of(kind, entry), None) is None:
                raise ConflictError(f"{name_of(kind, entry)} is not there any more", "Look again, then try again")
        for entry in getattr(changes.changed, kind):
            if key_of(kind, entry) not in entries:
                raise ConflictError(f"{name_of(kind, entry)} is not there any more", "Look again, then try again")
            entries[key_of(kind, entry)] = entry
        for entry in getattr(changes.added, kind):
            if key_of(kind, entry) in entries:
                raise ConflictError(f"{name_of(kind, entry)} is there already", "Look again, then try again")
            entries[key_of(kind, entry)] = entry
        after[kind] = tuple(entries.values())
    return Contents(**after, as_of=contents.as_of)
