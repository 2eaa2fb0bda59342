"""The rules for contents as a whole, which come from a file, from another source, or from a database changed by hand.

Every entry must be well-formed, in the one form that srctl gives it, be there once, and refer to what is there.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from srctl import applications, groups, images, limits, policy, public_keys
from srctl.contents import KINDS, Contents, GrantEntry, GroupEntry, KeyEntry, UserEntry, key_of
from srctl.errors import UsageError
from srctl.models import Application, Policy

_GRANT_ID = re.compile(r"[0-9a-f]{32}")


def problems(contents: Contents) -> Iterator[str]:
    """Yield what is wrong, each with the entry that it is about."""
    for kind in KINDS:
        yield from _repeated(kind, getattr(contents, kind))
    yield from _case(contents)
    for kind, check in _checks(contents).items():
        for entry in getattr(contents, kind):
            try:
                check(entry)
            except UsageError as error:
                yield f"{name_of(kind, entry)}: {error.message}"
    yield from _same(contents)


def name_of(kind: str, entry: Any) -> str:
    """Return what people call an entry."""
    if isinstance(entry, GrantEntry):
        holder = f"@{entry.group}" if entry.user is None else entry.user
        return f"grant {entry.id} of {entry.image!r} to {holder!r}"
    return f"{kind.removesuffix('s')} {key_of(kind, entry)!r}"


def _checks(contents: Contents) -> dict[str, Callable[[Any], None]]:
    people = {user.name for user in contents.users}
    teams = {group.name for group in contents.groups}
    references = {application.image for application in contents.applications}
    return {
        "users": _check_user,
        "groups": partial(_check_group, people),
        "keys": partial(_check_key, people),
        "applications": _check_application,
        "grants": partial(_check_grant, people, teams, references, {}),
    }


def _check_user(entry: UserEntry) -> None:
    policy.check_user_name(entry.name)


def _check_group(people: set[str], entry: GroupEntry) -> None:
    groups.check_name(entry.name)
    for name in entry.members:
        _require(name, people, "user")
    if list(entry.members) != sorted(set(entry.members)):
        raise UsageError("Its members are not in their order, each once")


def _check_key(people: set[str], entry: KeyEntry) -> None:
    _require(entry.user, people, "user")
    [key] = public_keys.parse_keys(f"{entry.type} {entry.blob} {entry.comment}".strip())
    if (key.fingerprint, key.type, key.blob, key.comment) != (entry.fingerprint, *entry[2:]):
        raise UsageError(f"It is the key {key.fingerprint}, or is written in another way")


def _check_application(entry: Application) -> None:
    if applications.checked(entry).image != entry.image:
        raise UsageError(f"Its image is {images.canonical(entry.image)!r} in full")
    if limits.check_defaults(entry.defaults) != entry.defaults:
        raise UsageError("Its defaults are not in their one form")


def _check_grant(
    people: set[str], teams: set[str], references: set[str], known: dict[Policy, str], entry: GrantEntry
) -> None:
    if not _GRANT_ID.fullmatch(entry.id):
        raise UsageError(f"{entry.id!r} is not the id of a grant: 32 digits of 0-9 and a-f")
    _require(entry.image, references, "application")
    if (entry.user is None) == (entry.group is None):
        raise UsageError("It must be a user's or a group's")
    if entry.user is not None:
        _require(entry.user, people, "user")
    if entry.group is not None:
        _require(entry.group, teams, "group")
    if entry.policy not in known:
        known[entry.policy] = _wrong(entry.policy)
    if known[entry.policy]:
        raise UsageError(known[entry.policy])


def _wrong(permits: Policy) -> str:
    try:
        return "" if policy.checked(permits) == permits else "Its policy is not in its one form: volumes by target"
    except UsageError as error:
        return error.message


def _require(name: str, there: set[str], what: str) -> None:
    if name not in there:
        raise UsageError(f"There is no {what} {name!r}")


def _repeated(kind: str, entries: tuple[Any, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for entry in entries:
        key = key_of(kind, entry)
        if key in seen:
            yield f"{name_of(kind, entry)}: It is there several times"
        seen.add(key)


def _case(contents: Contents) -> Iterator[str]:
    """Yield names that differ only in case, and groups that are written like a user after their `@`."""
    for kind in ("users", "groups"):
        folded: dict[str, str] = {}
        for entry in getattr(contents, kind):
            other = folded.setdefault(entry.name.casefold(), entry.name)
            if other != entry.name:
                yield f"{name_of(kind, entry)}: It differs only in case from {other!r}"
    taken = {user.name.casefold(): user.name for user in contents.users}
    for group in contents.groups:
        if user := taken.get(f"@{group.name}".casefold()):
            yield f"{name_of('groups', group)}: @{group.name} is the name of a user, {user!r}"


def _same(contents: Contents) -> Iterator[str]:
    seen: dict[tuple[object, ...], str] = {}
    for grant in contents.grants:
        other = seen.setdefault(tuple(grant[1:]), grant.id)
        if other != grant.id:
            yield f"{name_of('grants', grant)}: The grant {other} says the same"
