"""What leads from what a database holds to what a document says, and how that looks to people. Pure.

An entry of the document is complete: what it does not say is as by default. What the document does not have is left
alone; with `prune` it goes, in those kinds that the document has. A grant without an id is the one that says the same,
or a new one.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from srctl import wellformed, wording
from srctl.contents import (
    KINDS,
    Changes,
    Contents,
    GrantEntry,
    GroupEntry,
    KeyEntry,
    Step,
    UserEntry,
    difference,
    key_of,
)
from srctl.document import Declared
from srctl.errors import UsageError
from srctl.models import Application
from srctl.outcome import Outcome

MOST_TOLD = 50
"""Problems that are told at once."""


def plan(before: Contents, declared: Declared, *, prune: bool = False) -> Changes:
    """Return what leads to what a document says.

    Raises UsageError, or SeveralErrors of them, for what makes no sense in it, alone or with what stays.
    """
    refuse(declared.problems)
    wanted = replace(declared.contents, grants=tuple(_grants(before, declared, prune=prune)))
    merged: dict[str, Any] = {}
    for kind in KINDS:
        there = getattr(before, kind)
        if kind not in declared.kinds:
            merged[kind] = there
            continue
        said = getattr(wanted, kind)
        keys = {key_of(kind, entry) for entry in said}
        kept = () if prune else (entry for entry in there if key_of(kind, entry) not in keys)
        merged[kind] = (*kept, *said)
    after = _without_dependents(Contents(**merged), declared)
    refuse(new_problems(before, after))
    return difference(before, after)


def new_problems(before: Contents, after: Contents) -> list[str]:
    """Return what breaks the rules after changes and did not before."""
    found = list(wellformed.problems(after))
    known = set(wellformed.problems(before)) if found else set()
    return [problem for problem in found if problem not in known]


def refuse(problems: Iterator[str] | list[str] | tuple[str, ...]) -> None:
    """Raise what is wrong, all of it at once: UsageError, or SeveralErrors of them."""
    found = list(problems)
    errors = [UsageError(problem) for problem in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        errors.append(UsageError(f"There are {len(found) - MOST_TOLD} more problems"))
    Outcome((), tuple(errors)).check()


def steps(before: Contents, changes: Changes) -> list[Step]:
    """Return changes as people read them: what goes first, by kinds."""
    old = {(kind, key_of(kind, entry)): entry for kind in KINDS for entry in getattr(before, kind)}
    found = []
    for kind in reversed(KINDS):
        found += [Step("remove", kind[:-1], _name(entry), _said(entry)) for entry in getattr(changes.removed, kind)]
    for kind in KINDS:
        for entry in getattr(changes.changed, kind):
            found.append(_changed(kind, old[kind, key_of(kind, entry)], entry))
        found += [Step("add", kind[:-1], _name(entry), None, _said(entry)) for entry in getattr(changes.added, kind)]
    return found


def _changed(kind: str, old: Any, new: Any) -> Step:
    was, becomes = _said(old), _said(new)
    if isinstance(new, GrantEntry) and old.policy.license and new.policy.license not in (None, old.policy.license):
        becomes["policy"]["license"] = "another"
    return Step("change", kind[:-1], _name(new), was, becomes)


def in_words(step: Step) -> str:
    """Return what a step does to its entry, in a few words."""
    was, becomes = _flat(step.before or {}), _flat(step.after or {})
    if step.action != "change":
        return ", ".join(f"{name}={_word(value)}" for name, value in (becomes or was).items())
    changed = [name for name in {**was, **becomes} if was.get(name) != becomes.get(name)]
    return ", ".join(f"{name}: {_word(was.get(name))} → {_word(becomes.get(name))}" for name in changed)


def _grants(before: Contents, declared: Declared, *, prune: bool) -> Iterator[GrantEntry]:
    """Yield the grants of a document with their ids."""
    known = {grant.id: grant for grant in before.grants}
    same = {tuple(grant[1:]): grant.id for grant in before.grants}
    given = {grant.id for grant in declared.contents.grants if grant.id}
    problems = []
    for grant in declared.contents.grants:
        own, there = grant.id, same.get(tuple(grant[1:]))
        found = known.get(own)
        if found is not None and _what(found) != _what(grant):
            problems.append(
                f"{wellformed.name_of('grants', grant)}: it is the grant of {_what(found)}; leave out its id"
            )
        if there is not None and there not in given and not (own and prune):
            own = there
        yield grant._replace(id=own or secrets.token_hex(16))
    refuse(problems)


def _what(grant: GrantEntry) -> str:
    return f"{grant.image} to {grant.user if grant.group is None else '@' + grant.group}"


def _without_dependents(after: Contents, declared: Declared) -> Contents:
    """Leave out what stays only because the document does not speak of it, but refers to what goes."""
    people = {user.name for user in after.users}
    teams = {group.name for group in after.groups}
    references = {application.image for application in after.applications}
    kept: dict[str, Any] = {}
    if "groups" not in declared.kinds:
        kept["groups"] = tuple(
            group._replace(members=tuple(name for name in group.members if name in people)) for group in after.groups
        )
    if "keys" not in declared.kinds:
        kept["keys"] = tuple(key for key in after.keys if key.user in people)
    if "grants" not in declared.kinds:
        kept["grants"] = tuple(
            grant
            for grant in after.grants
            if grant.image in references and (grant.user in people if grant.group is None else grant.group in teams)
        )
    return replace(after, **kept)


def _name(entry: Any) -> str:
    if isinstance(entry, GrantEntry):
        return entry.id
    if isinstance(entry, KeyEntry):
        return entry.fingerprint
    return str(entry.image if isinstance(entry, Application) else entry.name)


def _said(entry: Any) -> dict[str, Any]:
    """Return what an entry says, as in a document; of a licence only that there is one."""
    if isinstance(entry, UserEntry):
        return {"admin": entry.admin, "disabled": entry.disabled}
    if isinstance(entry, GroupEntry):
        return {"members": list(entry.members)}
    if isinstance(entry, KeyEntry):
        return {"user": entry.user, "type": entry.type, "comment": entry.comment}
    if isinstance(entry, Application):
        return {name: value for name, value in wording.said(entry).items() if name != "image"}
    permits = wording.said(entry.policy)
    if "license" in permits:
        permits["license"] = True
    holder = {"user": entry.user} if entry.group is None else {"group": entry.group}
    return {**holder, "image": entry.image, "policy": permits}


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables in a table as entries of it."""
    found: dict[str, Any] = {}
    for name, value in said.items():
        found |= _flat(value) if isinstance(value, dict) else {name: value}
    return found


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return "+".join(map(str, value)) or "-"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
