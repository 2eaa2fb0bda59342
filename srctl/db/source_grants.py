"""The grants and the groups of a source of another kind, read off its contents and written as changes of them."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from srctl.contents import Changes, Contents, GrantEntry, GroupEntry, Source, UserEntry
from srctl.db.policy_json import canonical
from srctl.errors import ConflictError, NotFoundError
from srctl.limits import has_expired
from srctl.models import Application, Grant, GrantPage, Group, Policy, User

_UNKNOWN = datetime.fromtimestamp(0, UTC)
Entry = TypeVar("Entry", UserEntry, GroupEntry)


class Reader:
    """What both parts of a source have in common."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def _require_writable(self) -> None:
        """Raise UnsupportedError for a source that is only read, before anything is looked for."""
        self.source.carry_out(Changes())

    def _add(self, **entries: Any) -> None:
        self.source.carry_out(Changes(added=Contents(**entries)))

    def _change(self, **entries: Any) -> None:
        self.source.carry_out(Changes(changed=Contents(**entries)))

    def _remove(self, **entries: Any) -> None:
        self.source.carry_out(Changes(removed=Contents(**entries)))


class SourceGroups(Reader):
    """The groups of a source."""

    def groups(self) -> list[Group]:
        """Give all groups by name."""
        contents = self.source.contents()
        return [_group(each, contents) for each in sorted(contents.groups)]

    def group(self, name: str) -> Group:
        """Give one group. Raises NotFoundError."""
        contents = self.source.contents()
        return _group(group_entry(contents, name), contents)

    def add_group(self, name: str) -> Group:
        """Add a group. Raises ConflictError if the name exists or differs only in case, and where a user has it."""
        self._require_writable()
        contents = self.source.contents()
        for taken in (each.name for each in contents.groups):
            if taken.casefold() == name.casefold():
                same = f"Group {name} exists" if taken == name else f"Group {name} differs only in case from {taken}"
                raise ConflictError(same, "See `srctl group list`")
        for user in (each.name for each in contents.users):
            if user.casefold() == f"@{name}".casefold():
                raise ConflictError(f"@{name} is the name of a user, {user}", "Take another name for the group")
        self._add(groups=(GroupEntry(name),))
        return self.group(name)

    def remove_group(self, name: str) -> None:
        """Remove a group with its grants. Raises NotFoundError."""
        self._require_writable()
        contents = self.source.contents()
        granted = tuple(each for each in contents.grants if each.group == name)
        self._remove(groups=(group_entry(contents, name),), grants=granted)

    def join(self, name: str, user: str) -> bool:
        """Take a user into a group; return whether this is new. Raises NotFoundError for either."""
        self._require_writable()
        contents = self.source.contents()
        found = group_entry(contents, name)
        user_entry(contents, user)
        if user in found.members:
            return False
        self._change(groups=(GroupEntry(name, tuple(sorted({*found.members, user}))),))
        return True

    def leave(self, name: str, user: str) -> None:
        """Take a user out of a group. Raises NotFoundError, also where the user is not in it."""
        self._require_writable()
        contents = self.source.contents()
        found = group_entry(contents, name)
        user_entry(contents, user)
        if user not in found.members:
            raise NotFoundError(f"{user} is not in the group {name}", "See `srctl group list`")
        self._change(groups=(found._replace(members=without(found.members, user)),))

    def memberships(self, names: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Give the groups of each user who is in one, or of these users only."""
        asked = None if names is None else set(names)
        found: dict[str, tuple[str, ...]] = {}
        for group in sorted(self.source.contents().groups):
            for user in group.members:
                if asked is None or user in asked:
                    found[user] = (*found.get(user, ()), group.name)
        return found

    def grants(self) -> list[Grant]:
        """Give what is granted to groups, by group and image."""
        contents = self.source.contents()
        return _grants(sorted((each for each in contents.grants if each.group), key=_order), contents)


class SourceGrants(Reader):
    """The grants of a source."""

    def add_grant(self, image: str, user: str | None, policy: Policy, *, group: str | None = None) -> Grant:
        """Grant an application to a user or a group; the same grant again is the one that stands.

        Raises NotFoundError, for the application first.
        """
        self._require_writable()
        contents = self.source.contents()
        application_entry(contents, image, f"Add it with `srctl app add {image}`")
        if user is None:
            group_entry(contents, str(group), f"Add it with `srctl group add {group}`")
        else:
            user_entry(contents, user, f"Add the user with `srctl user add {user}`")
        new = GrantEntry(secrets.token_hex(16), user, image, canonical(policy), group)
        same = (each for each in contents.grants if each._replace(id=new.id, policy=canonical(each.policy)) == new)
        found = next(same, None)
        if found is None:
            self._add(grants=(new,))
        return self.find_grants((found or new).id)[0]

    def grants(self, *, user: str | None = None, group: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants that a user has, alone or by a group, those of a group, of an application, or all."""
        contents = self.source.contents()
        mine = {each.name for each in contents.groups if user in each.members}
        found = [
            each
            for each in contents.grants
            if (user is None or user == each.user or each.group in mine)
            and group in (None, each.group)
            and image in (None, each.image)
        ]
        return _grants(sorted(found, key=_order), contents)

    def grant_page(self, after: str, most: int) -> GrantPage:
        """Give at most so many grants of users in short, by id, from the one that follows the id `after`."""
        contents = self.source.contents()
        rest = sorted((each for each in contents.grants if each.group is None and each.id > after), key=_by_id)
        policies: dict[Policy, int] = {}
        since, lines = created(contents), []
        for each in rest[:most]:
            number = policies.setdefault(each.policy, len(policies))
            lines.append((each.id, _number(str(each.user)), _number(each.image), number, since))
        return GrantPage(tuple(policies), tuple(lines), len(rest) > most)

    def replace_grant(self, before: Grant, policy: Policy, *, keep: bool) -> Grant:
        """Put another policy in the place of a grant's; without `keep` it is a new grant with a new id.

        Raises NotFoundError if it is gone, ConflictError if it has changed or its holder has such a grant beside it.
        """
        self._require_writable()
        contents = self.source.contents()
        found = next((each for each in contents.grants if each.id == before.id), None)
        if found is None:
            raise NotFoundError(f"There is no grant {before.id}", "See `srctl grant list`")
        if canonical(found.policy) != canonical(before.policy):
            raise ConflictError(f"The grant {before.id} has just been changed by somebody else", "Look again")
        new = found._replace(policy=canonical(policy))
        twin = next((each for each in contents.grants if each._replace(id=new.id) == new and each.id != new.id), None)
        if twin is not None:
            raise ConflictError(
                f"{before.holder} has another grant of {new.image} with that policy: {twin.id}",
                f"Remove this one: `srctl grant remove {before.id}`",
            )
        if keep:
            self._change(grants=(new,))
        else:
            new = new._replace(id=secrets.token_hex(16))
            self.source.carry_out(Changes(Contents(grants=(new,)), removed=Contents(grants=(found,))))
        return self.find_grants(new.id)[0]

    def remove_grant(self, grant_id: str) -> None:
        """Remove a grant by its full id. Raises NotFoundError."""
        self._require_writable()
        found = tuple(each for each in self.source.contents().grants if each.id == grant_id)
        if not found:
            raise NotFoundError(f"There is no grant {grant_id}", "See `srctl grant list`")
        self._remove(grants=found)

    def find_grants(self, id_prefix: str) -> list[Grant]:
        """Give the grants whose id starts so, by id."""
        contents = self.source.contents()
        found = (each for each in contents.grants if each.id.startswith(id_prefix))
        return _grants(sorted(found, key=_by_id), contents)

    def grants_by_id(self, ids: Iterable[str]) -> dict[str, Grant]:
        """Give those of the grants that exist, by their ids."""
        contents, wanted = self.source.contents(), set(ids)
        return {grant.id: grant for grant in _grants((e for e in contents.grants if e.id in wanted), contents)}

    def held(self, claims: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Give those claims (user, grant id) that are true: alone or by a group, and not expired."""
        contents, now = self.source.contents(), datetime.now(UTC)
        members = {each.name: set(each.members) for each in contents.groups}
        granted = {each.id: each for each in contents.grants if not has_expired(each.policy, now)}

        def is_true(user: str, grant_id: str) -> bool:
            found = granted.get(grant_id)
            return found is not None and (user == found.user or user in members.get(found.group or "", ()))

        return frozenset(claim for claim in claims if is_true(*claim))


def without(members: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the members but for one."""
    return tuple(each for each in members if each != name)


def user_entry(contents: Contents, name: str, hint: str = "See `srctl user list`") -> UserEntry:
    """Return the user of this name. Raises NotFoundError."""
    return _named(contents.users, name, "user", hint)


def group_entry(contents: Contents, name: str, hint: str = "See `srctl group list`") -> GroupEntry:
    """Return the group of this name. Raises NotFoundError."""
    return _named(contents.groups, name, "group", hint)


def _named(entries: Iterable[Entry], name: str, kind: str, hint: str) -> Entry:
    by_name = {entry.name: entry for entry in entries}
    if name not in by_name:
        meant = next((each for each in by_name if each.casefold() == name.casefold()), None)
        raise NotFoundError(f"There is no {kind} {name}", f"Did you mean {meant}?" if meant else hint)
    return by_name[name]


def application_entry(contents: Contents, image: str, hint: str = "See `srctl app list`") -> Application:
    """Return the application of this image. Raises NotFoundError."""
    found = next((each for each in contents.applications if each.image == image), None)
    if found is None:
        raise NotFoundError(f"There is no application {image}", hint)
    return found


def created(contents: Contents) -> datetime:
    """Return since when all that is there has been there, as far as anybody knows."""
    return contents.as_of or _UNKNOWN


def registered(entry: Application, contents: Contents) -> Application:
    """Return an application as stores give it."""
    return replace(entry, id=_number(entry.image), created=created(contents))


def _number(name: str) -> int:
    """Return the id of what has none: it follows from the name, so that it stays, and is below zero."""
    return -int.from_bytes(hashlib.sha256(name.encode()).digest()[:6])


def person(entry: UserEntry, contents: Contents) -> User:
    """Return a user as stores give them."""
    return User(_number(entry.name), entry.name, created(contents), entry.admin, entry.disabled)


def _group(entry: GroupEntry, contents: Contents) -> Group:
    granted = sum(each.group == entry.name for each in contents.grants)
    return Group(0, entry.name, created(contents), entry.members, granted)


def _by_id(entry: GrantEntry) -> str:
    return entry.id


def _order(entry: GrantEntry) -> tuple[bool, str, str]:
    return entry.group is not None, entry.user or entry.group or "", entry.image


def _grants(entries: Iterable[GrantEntry], contents: Contents) -> list[Grant]:
    known = {each.image: registered(each, contents) for each in contents.applications}
    since = created(contents)
    return [Grant(each.id, each.user, known[each.image], each.policy, since, each.group) for each in entries]
