"""A source of another kind as the accounting database: all is read off its contents, and written as changes of them.

A source knows no ids of rows and no times. So a person is a name here, whoever had it before, and whatever is there has
been there since the source last changed. It keeps no records of what ran.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Self

from srctl.contents import Changes, Contents, KeyEntry, Source, UserEntry
from srctl.db.source_grants import (
    SourceGrants,
    SourceGroups,
    application_entry,
    created,
    person,
    registered,
    user_entry,
    without,
)
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Application, Limits, PublicKey, StoreStatus, User
from srctl.recording import NoRecords


class SourceStore(SourceGrants):
    """Users, keys, groups, applications and grants of a source; `label` is what people call it."""

    def __init__(self, source: Source, label: str) -> None:
        super().__init__(source)
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

    @cached_property
    def groups(self) -> SourceGroups:
        """The groups of users."""
        return SourceGroups(self.source)

    @cached_property
    def records(self) -> NoRecords:
        """Nothing is recorded."""
        return NoRecords()

    def user(self, name: str) -> User:
        """Give the user of exactly this name. Raises NotFoundError."""
        contents = self.source.contents()
        return person(user_entry(contents, name), contents)

    def users(self) -> list[User]:
        """Give all users by name."""
        contents = self.source.contents()
        return [person(entry, contents) for entry in sorted(contents.users)]

    def add_user(self, name: str, admin: bool = False) -> User:
        """Add a user. Raises ConflictError if the name exists or differs only in case from one that does."""
        self._require_writable()
        for taken in (entry.name for entry in self.source.contents().users):
            if taken.casefold() == name.casefold():
                same = f"User {name} exists" if taken == name else f"User {name} differs only in case from {taken}"
                raise ConflictError(same, f"See `srctl user show {taken}`")
        for group in (entry.name for entry in self.source.contents().groups):
            if f"@{group}".casefold() == name.casefold():
                raise ConflictError(f"{name} is how the group {group} is written", "Take another name for the user")
        self._add(users=(UserEntry(name, admin),))
        return self.user(name)

    def remove_user(self, name: str) -> None:
        """Remove a user with grants and keys. Raises NotFoundError."""
        self._require_writable()
        contents = self.source.contents()
        gone = Contents(
            users=(user_entry(contents, name),),
            keys=tuple(key for key in contents.keys if key.user == name),
            grants=tuple(grant for grant in contents.grants if grant.user == name),
        )
        left = tuple(
            each._replace(members=without(each.members, name)) for each in contents.groups if name in each.members
        )
        self.source.carry_out(Changes(changed=Contents(groups=left), removed=gone))

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Refuse a person or let them in again. Raises NotFoundError."""
        self._require_writable()
        self._change(users=(user_entry(self.source.contents(), name)._replace(disabled=disabled),))

    def set_admin(self, name: str, admin: bool) -> None:
        """Let a person administer through a gateway, or no longer. Raises NotFoundError."""
        self._require_writable()
        self._change(users=(user_entry(self.source.contents(), name)._replace(admin=admin),))

    def add_key(self, user: str, key: PublicKey) -> PublicKey:
        """Add a public key; the same key of the same user again is no error.

        Raises NotFoundError for the user, ConflictError if the key belongs to another user.
        """
        self._require_writable()
        contents = self.source.contents()
        user_entry(contents, user)
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
        user_entry(contents, user)
        return [_key(entry, contents) for entry in contents.keys if entry.user == user]

    def key_counts(self) -> Mapping[str, int]:
        """Give how many keys users have, by name; those without any are left out."""
        return Counter(entry.user for entry in self.source.contents().keys)

    def remove_key(self, user: str, fingerprint: str) -> None:
        """Remove one key of a user. Raises NotFoundError for the user or the key."""
        self._require_writable()
        contents = self.source.contents()
        user_entry(contents, user)
        found = tuple(each for each in contents.keys if (each.user, each.fingerprint) == (user, fingerprint))
        if not found:
            raise NotFoundError(f"{user} has no key {fingerprint}", f"See `srctl user key list {user}`")
        self._remove(keys=found)

    def application(self, image: str) -> Application:
        """Give the application of this image (tag explicit). Raises NotFoundError."""
        contents = self.source.contents()
        return registered(application_entry(contents, image), contents)

    def applications(self) -> list[Application]:
        """Give all applications by image."""
        contents = self.source.contents()
        return [registered(each, contents) for each in sorted(contents.applications, key=lambda each: each.image)]

    def add_application(self, application: Application) -> Application:
        """Add an application. Raises ConflictError if the image is registered."""
        self._require_writable()
        image = application.image
        if any(each.image == image for each in self.source.contents().applications):
            raise ConflictError(f"Application {image} exists", f"See `srctl app show {image}`")
        self._add(applications=(replace(application, id=0, created=None),))
        return self.application(image)

    def set_defaults(self, image: str, defaults: Limits) -> Application:
        """Give an application other defaults. Raises NotFoundError."""
        self._require_writable()
        self._change(applications=(replace(application_entry(self.source.contents(), image), defaults=defaults),))
        return self.application(image)

    def remove_application(self, image: str) -> None:
        """Remove an application with its grants. Raises NotFoundError."""
        self._require_writable()
        contents = self.source.contents()
        granted = tuple(grant for grant in contents.grants if grant.image == image)
        self._remove(applications=(application_entry(contents, image),), grants=granted)

    def status(self) -> StoreStatus:
        """Give the counts; there is no schema."""
        contents = self.source.contents()
        counts = len(contents.users), len(contents.applications), len(contents.grants)
        return StoreStatus(self.label, None, None, (), *counts)


def _key(entry: KeyEntry, contents: Contents) -> PublicKey:
    return PublicKey(entry.type, entry.blob, entry.fingerprint, entry.comment, created(contents))
