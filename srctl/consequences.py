"""What must end when much has changed at once: the ways to sessions whose users have lost the right to them.

A right is a user with a grant, held alone or by a group. Who is removed or disabled, and whose key is gone, is refused.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from srctl.contents import Contents, GrantEntry
from srctl.enforcing import Enforcer
from srctl.models import Application, Grant, User


def withdraw_lost(enforcer: Enforcer, before: Contents, after: Contents, *, stop: bool = False) -> None:
    """Close the ways to the sessions of all rights that there were before and are no more; with `stop` end those.

    Raises `UnreachableError` where they can't be stopped.
    """
    for losers, grants in _lost(before, after).items():
        enforcer.withdraw(grants, of=losers, stop=stop)


def refuse_lost(enforcer: Enforcer, people: Mapping[str, User], before: Contents, after: Contents) -> None:
    """End the connections of those who are gone or disabled now, and those with keys that are gone.

    `people` are the users as they were.
    """
    allowed = {user.name for user in after.users if not user.disabled}
    for user in before.users:
        if not user.disabled and user.name not in allowed and user.name in people:
            enforcer.refuse(people[user.name])
    kept = {(key.fingerprint, key.user) for key in after.keys}
    for key in before.keys:
        if (key.fingerprint, key.user) not in kept and key.user in allowed:
            enforcer.refuse_key(key.fingerprint)


def _lost(before: Contents, after: Contents) -> dict[frozenset[str], list[Grant]]:
    """Return the grants that people have lost, by those who have lost them."""
    had, has = _holders(before), _holders(after)
    lost: dict[frozenset[str], list[Grant]] = {}
    for grant in before.grants:
        losers = had[grant.id] - has.get(grant.id, frozenset())
        if losers:
            lost.setdefault(losers, []).append(_grant(grant))
    return lost


def _holders(contents: Contents) -> dict[str, frozenset[str]]:
    members = {group.name: frozenset(group.members) for group in contents.groups}
    return {
        grant.id: members.get(grant.group or "", frozenset()) if grant.user is None else frozenset({grant.user})
        for grant in contents.grants
    }


def _grant(entry: GrantEntry) -> Grant:
    return Grant(entry.id, entry.user, Application(entry.image), entry.policy, datetime.now(UTC), entry.group)
