"""A source of another kind as the accounting database: all is read off its contents, and written as changes of them.

A source knows no ids of rows and no times. So a person is a name here, whoever had it before, and whatever is there has
been there since the source last changed.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from srctl.contents import Changes, Contents, GrantEntry, KeyEntry, Source, UserEntry
from srctl.db.policy_json import canonical
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Application, Grant, Policy, PublicKey, StoreStatus, User

_UNKNOWN = datetime.fromtimestamp(0, UTC)


class SourceStore:
    """Users, keys, applications and grants of a source; `label` is what people call it."""

    def __init__(self, source: Source, label: str) -> None:
        self.source = source
        self.label = label

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the source."""
        self.source.close()

    def user(self, name: str) -> User:
        """Give the user of exactly this name. Raises NotFoundError."""
        contents = self.source.contents()
        return _user(_entry(contents, name), contents)

    def users(self) -> list[User]:
        """Give all users by name."""
        contents = self.source.contents()
        return [_user(entry, contents) for entry in sorted(contents.users)]

    def add_user(self, name: str, admin: bool = False) -> User:
        """Add a user. Raises ConflictError if the name exists or differs only in case from one that does."""
        self._require_writable()
        for taken in (entry.name for entry in self.source.contents().users):
            if taken.casefold() == name.casefold():
                same = f"User {name} exists" if taken == name else f"User {name} differs only in case from {taken}"
                raise ConflictError(same, f"See `srctl user show {taken}`")
        self._add(users=(UserEntry(name, admin),))
        return self.user(name)

    def remove_user(self, name: str) -> None:
        """Remove a user with grants and keys. Raises NotFoundError."""
        self._require_writable()
        contents = self.source.contents()
        gone = Contents(
            (_entry(contents, name),),
            tuple(key for key in contents.keys if key.user == name),
            grants=tuple(grant for grant in contents.grants if grant.user == name),
        )
        self.source.carry_out(Changes(removed=gone))

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Refuse a person or let them in again. Raises NotFoundError."""
        self._require_writable()
        self._change(_entry(self.source.contents(), name)._replace(disabled=disabled))

    def set_admin(self, name: str, admin: bool) -> None:
        """Let a person administer through a gateway, or no longer. Raises NotFoundError."""
        self._require_writable()
        self._change(_entry(self.source.contents(), name)._replace(admin=admin))

    def add_key(self, user: str, key: PublicKey) -> PublicKey:
        """Add a public key; the same key of the same user again is no error.

        Raises NotFoundError for the user, ConflictError if the key belongs to another user.
        """
        self._require_writable()
        contents = self.source.contents()
        _entry(contents, user)
        there = next((each for each in contents.keys if each.fingerprint == key.fingerprint), None)
        if there is not None and there.user != user:
            raise ConflictError(
                f"The key {key.fingerprint} belongs to {there.user} already",
                f"Remove it first: `srctl user key remove {there.user} {key.fingerprint}`",
            )
        if there is None:
            self._add(keys=(KeyEntry(key.fingerprint, user, key.type, key.blob, key.comment),))
        return next(each for each in self.keys(user) if each.fingerprint == key.fingerprint)

    def keys(self, user: str) -> list[PublicKey]:
        """Give the keys of a user in their order. Raises NotFoundError for the user."""
        contents = self.source.contents()
        _entry(contents, user)
        return [_key(entry, contents) for entry in contents.keys if entry.user == user]

    def remove_key(self, user: str, fingerprint: str) -> None:
        """Remove one key of a user. Raises NotFoundError for the user or the key."""
        self._require_writable()
        contents = self.source.contents()
        _entry(contents, user)
        found = tuple(each for each in contents.keys if (each.user, each.fingerprint) == (user, fingerprint))
        if not found:
            raise NotFoundError(f"{user} has no key {fingerprint}", f"See `srctl user key list {user}`")
        self.source.carry_out(Changes(removed=Contents(keys=found)))

    def application(self, image: str) -> Application:
        """Give the application of this image (tag explicit). Raises NotFoundError."""
        contents = self.source.contents()
        return _application(_registered(contents, image), contents)

    def applications(self) -> list[Application]:
        """Give all applications by image."""
        return list(_applications(self.source.contents()).values())

    def add_application(self, application: Application) -> Application:
        """Add an application. Raises ConflictError if the image is registered."""
        self._require_writable()
        image = application.image
        if any(each.image == image for each in self.source.contents().applications):
            raise ConflictError(f"Application {image} exists", f"See `srctl app show {image}`")
        self._add(applications=(replace(application, id=0, created=None),))
        return self.application(image)

    def remove_application(self, image: str) -> None:
        """Remove an application with its grants. Raises NotFoundError."""
        self._require_writable()
        contents = self.source.contents()
        gone = Contents(
            applications=(_registered(contents, image),),
            grants=tuple(grant for grant in contents.grants if grant.image == image),
        )
        self.source.carry_out(Changes(removed=gone))

    def add_grant(self, image: str, user: str, policy: Policy) -> Grant:
        """Grant an application to a user; the same grant again is the one that stands.

        Raises NotFoundError, for the application first.
        """
        self._require_writable()
        contents = self.source.contents()
        _registered(contents, image)
        _entry(contents, user)
        same = (user, image, canonical(policy))
        found = next(
            (each for each in contents.grants if (each.user, each.image, canonical(each.policy)) == same), None
        )
        if found is None:
            found = GrantEntry(secrets.token_hex(16), *same)
            self._add(grants=(found,))
        return self.find_grants(found.id)[0]

    def grants(self, *, user: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants of a user, of an application, or all; by user, image, id."""
        contents = self.source.contents()
        found = [each for each in contents.grants if user in (None, each.user) and image in (None, each.image)]
        return _grants(sorted(found, key=lambda each: (each.user, each.image, each.id)), contents)

    def remove_grant(self, grant_id: str) -> None:
        """Remove a grant by its full id. Raises NotFoundError."""
        self._require_writable()
        found = tuple(each for each in self.source.contents().grants if each.id == grant_id)
        if not found:
            raise NotFoundError(f"There is no grant {grant_id}", "See `srctl grant list`")
        self.source.carry_out(Changes(removed=Contents(grants=found)))

    def find_grants(self, id_prefix: str) -> list[Grant]:
        """Give the grants whose id starts so, by id."""
        contents = self.source.contents()
        found = [each for each in contents.grants if each.id.startswith(id_prefix)]
        return _grants(sorted(found, key=lambda each: each.id), contents)

    def existing_grants(self, ids: Iterable[str]) -> frozenset[str]:
        """Give those of the grant ids that exist."""
        return frozenset(ids) & {each.id for each in self.source.contents().grants}

    def status(self) -> StoreStatus:
        """Give the counts; there is no schema."""
        contents = self.source.contents()
        counts = len(contents.users), len(contents.applications), len(contents.grants)
        return StoreStatus(self.label, None, None, (), *counts)

    def _require_writable(self) -> None:
        """Raise UnsupportedError for a source that is only read, before anything is looked for."""
        self.source.carry_out(Changes())

    def _add(self, **entries: Any) -> None:
        self.source.carry_out(Changes(added=Contents(**entries)))

    def _change(self, entry: UserEntry) -> None:
        self.source.carry_out(Changes(changed=Contents(users=(entry,))))


def _entry(contents: Contents, name: str) -> UserEntry:
    found = next((entry for entry in contents.users if entry.name == name), None)
    if found is None:
        meant = next((entry.name for entry in contents.users if entry.name.casefold() == name.casefold()), None)
        raise NotFoundError(f"There is no user {name}", f"Did you mean {meant}?" if meant else "See `srctl user list`")
    return found


def _registered(contents: Contents, image: str) -> Application:
    found = next((each for each in contents.applications if each.image == image), None)
    if found is None:
        raise NotFoundError(f"There is no application {image}", "See `srctl app list`")
    return found


def _user(entry: UserEntry, contents: Contents) -> User:
    return User(0, entry.name, contents.as_of or _UNKNOWN, entry.admin, entry.disabled)


def _key(entry: KeyEntry, contents: Contents) -> PublicKey:
    return PublicKey(entry.type, entry.blob, entry.fingerprint, entry.comment, contents.as_of or _UNKNOWN)


def _application(entry: Application, contents: Contents) -> Application:
    return replace(entry, created=contents.as_of or _UNKNOWN)


def _applications(contents: Contents) -> dict[str, Application]:
    ordered = sorted(contents.applications, key=lambda each: each.image)
    return {each.image: _application(each, contents) for each in ordered}


def _grants(entries: Iterable[GrantEntry], contents: Contents) -> list[Grant]:
    known, created = _applications(contents), contents.as_of or _UNKNOWN
    return [Grant(each.id, each.user, known[each.image], each.policy, created) for each in entries]
