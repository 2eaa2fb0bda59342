"""All that an administrator does: users, their keys, applications, and who may run what.

Rules are applied here (names, keys, images, defaults); rows are kept by a store that is handed in. It asks an engine
for an image, never while the store is in a transaction, and refuses to guess: what is ambiguous is an error.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from srctl import applications, choosing, images, limits, policy, public_keys
from srctl.enforcing import Enforcer
from srctl.errors import ConflictError, NotFoundError, SrctlError, UnreachableError
from srctl.models import Application, Grant, GrantPage, Image, Limits, Policy, PublicKey, StoreStatus, User
from srctl.needs import Store
from srctl.outcome import Outcome, try_each

ImageLookUp = Callable[[str], Image]
"""Gives the image of a reference. Raises NotFoundError and UnreachableError."""

_SKIP_HINT = "Register it unseen with --no-verify"
_GRANT_ID = re.compile(r"[0-9a-f]{1,32}")
_CANDIDATES = 10
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A user with what is granted, also by groups, how many SSH keys, and those groups; each `None` if nobody asked."""

    user: User
    grants: tuple[Grant, ...] | None = None
    keys: int | None = None
    groups: tuple[str, ...] | None = None


class Accounting:
    """Administration over a store; `look_up` finds images on the host (`None`: there is no host to ask).

    `enforcer` ends what depends on what is taken away.
    """

    def __init__(self, store: Store, look_up: ImageLookUp | None = None, enforcer: Enforcer | None = None) -> None:
        self._store = store
        self._look_up = look_up
        self._enforcer = enforcer or Enforcer()

    def add_users(self, names: Sequence[str], *, admin: bool = False) -> Outcome[User]:
        """Add users, each for itself: UsageError for a bad name, ConflictError for a taken one."""

        def add(name: str) -> User:
            policy.check_user_name(name)
            return self._store.add_user(name, admin)

        return try_each(names, add)

    def appoint(self, name: str, keys: str) -> User:
        """Make a person an administrator, added where they are new, with the public keys of a text, one a line.

        Raises UsageError for a bad name or key, and ConflictError for a key of somebody else; then nobody new is an
        administrator.
        """
        policy.check_user_name(name)
        public_keys.parse_keys(keys)
        try:
            self._store.user(name)
            added = False
        except NotFoundError:
            self._store.add_user(name)
            added = True
        try:
            self.add_keys(name, keys).check()
        except SrctlError:
            if added:
                self._store.remove_user(name)
            raise
        self._store.set_admin(name, True)
        return self._store.user(name)

    def users(self, *, with_grants: bool = False) -> list[UserDetails]:
        """Give all users by name, with how many keys each has."""
        users, keys = self._store.users(), self._store.key_counts()
        if not with_grants:
            return [UserDetails(user, None, keys.get(user.name, 0)) for user in users]
        granted: dict[str, list[Grant]] = {}
        for grant in self._store.grants():
            granted.setdefault(grant.holder, []).append(grant)
        inside = self._store.groups.memberships()

        def details(user: User) -> UserDetails:
            groups = inside.get(user.name, ())
            holders = (user.name, *(f"@{group}" for group in groups))
            held = tuple(grant for each in holders for grant in granted.get(each, ()))
            return UserDetails(user, held, keys.get(user.name, 0), groups)

        return [details(user) for user in users]

    def user(self, name: str) -> UserDetails:
        """Give one user with grants. Raises NotFoundError."""
        user, groups = self._store.user(name), self._store.groups.memberships([name])
        return UserDetails(user, tuple(self._store.grants(user=name)), groups=groups.get(name, ()))

    def remove_users(self, names: Sequence[str]) -> Outcome[str]:
        """Remove users with their grants and keys, each for itself; gives the names. NotFoundError."""

        def remove(name: str) -> str:
            user = self._store.user(name)
            self._store.remove_user(name)
            self._enforcer.refuse(user)
            return name

        return try_each(names, remove)

    def disable(self, name: str) -> User:
        """Refuse the person and keep the rows. Raises NotFoundError."""
        self._store.set_disabled(name, True)
        user = self._store.user(name)
        self._enforcer.refuse(user)
        return user

    def enable(self, name: str) -> User:
        """Let the person in again. Raises NotFoundError."""
        self._store.set_disabled(name, False)
        return self._store.user(name)

    def add_keys(self, user: str, text: str) -> Outcome[PublicKey]:
        """Add the public keys of a text, one a line; a key that the user has already is no error.

        Raises UsageError and adds none if a line is not a key that we take, NotFoundError for the user; a key of
        somebody else is a ConflictError in the outcome.
        """
        keys = public_keys.parse_keys(text)
        self._store.user(user)
        return try_each(keys, lambda key: self._store.add_key(user, key))

    def keys(self, user: str) -> list[PublicKey]:
        """Give the keys of a user, oldest first. Raises NotFoundError."""
        return self._store.keys(user)

    def remove_key(self, user: str, fingerprint: str) -> None:
        """Remove a key of a user. Raises NotFoundError for the user or the key."""
        self._store.remove_key(user, fingerprint)
        self._enforcer.refuse_key(fingerprint)

    def add_application(self, application: Application, *, verify: bool = True) -> Application:
        """Register an image as an application; with `verify` its title defaults to the image's own.

        Raises UsageError for bad values, ConflictError if it is registered, and when verifying NotFoundError or
        UnreachableError; nothing is added then.
        """
        application = applications.checked(application)
        if verify:
            self._refuse_registered(application.image)
            found = self._image(application.image)
            application = replace(application, title=application.title or applications.own_title(found))
        return self._store.add_application(application)

    def application(self, image: str) -> Application:
        """Give one application. Raises NotFoundError and UsageError."""
        return self._store.application(images.canonical(image))

    def applications(self) -> list[Application]:
        """Give all applications by image."""
        return self._store.applications()

    def set_defaults(self, image: str, defaults: Limits) -> Application:
        """Give an application other limits for its grants that set none; sessions that run keep theirs.

        Raises NotFoundError and UsageError.
        """
        return self._store.set_defaults(images.canonical(image), limits.check_defaults(defaults))

    def remove_applications(self, names: Sequence[str]) -> Outcome[str]:
        """Remove applications with their grants, each for itself; gives the images. NotFoundError, UsageError."""

        def remove(name: str) -> str:
            image = images.canonical(name)
            granted = self._store.grants(image=image)
            self._store.remove_application(image)
            self._enforcer.withdraw(granted)
            return image

        return try_each(names, remove)

    def add_grant(self, image: str, user: str, permits: Policy | None = None) -> Grant:
        """Permit a user, or each member of a group (`@GROUP`), to run an application; the same again is the same grant.

        `permits` comes from `policy.make_policy`, none is the default policy. Raises NotFoundError, for the
        application first, and UsageError.
        """
        permits = permits or Policy()
        limits.check_future(permits, datetime.now(UTC))
        name, group = self._holder(user)
        return self._store.add_grant(images.canonical(image), name, permits, group=group)

    def grants(self, *, user: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants that a user has, alone or by groups, those of a group (`@GROUP`), of an application, or all.

        Raises NotFoundError for an unknown one.
        """
        image = None if image is None else images.canonical(image)
        name, group = (None, None) if user is None else self._holder(user)
        found = self._store.grants(user=name, group=group, image=image)
        if not found and image is not None:
            self._store.application(image)
        if not found and name is not None:
            self._store.user(name)
        if not found and group is not None:
            self._store.groups.group(group)
        return found

    def grant_page(self, after: str = "") -> GrantPage:
        """Give a part of all grants in short, by id: the first one, or that which follows the id `after`."""
        return self._store.grant_page(after, _PAGE)

    def replace_grant(self, id_prefix: str, permits: Policy, *, stop: bool = False) -> Grant:
        """Give a grant another policy; with `stop` end the sessions that run under it.

        It stays the same grant, and its sessions can still be opened, unless the new policy takes something away:
        then a new grant takes its place, and what holds for the sessions of a removed one holds for those. Raises
        NotFoundError, and ConflictError if ambiguous or if the user has a grant with that policy already.
        """
        before = after = self.grant(id_prefix)
        if permits.expires != before.policy.expires:
            limits.check_future(permits, datetime.now(UTC))
        keep = not policy.takes_away(before.policy, permits)
        if before.policy != permits:
            after = self._store.replace_grant(before, permits, keep=keep)
        if stop or not keep:
            self._enforcer.withdraw([before], stop=stop)
        return after

    def remove_grants(self, ids: Sequence[str], *, stop: bool = False) -> Outcome[str]:
        """Remove grants by id or unique prefix, with `stop` also their sessions; gives the full ids.

        Raises NotFoundError, ConflictError if ambiguous.
        """
        return try_each(ids, lambda id_prefix: self._remove_grant(self.grant(id_prefix), stop))

    def remove_grants_of(
        self, image: str, user: str, permits: Policy | None = None, *, every: bool = False, stop: bool = False
    ) -> Outcome[str]:
        """Remove a grant of a user or a group (`@GROUP`) with exactly this policy (none: the default), or `every` one.

        What a user has by a group stays. Gives the ids. Raises NotFoundError if there is no such grant, for the
        application first, and UsageError.
        """
        found = self.grants(user=user, image=image)
        own = [grant for grant in found if grant.holder == user]
        chosen = [grant for grant in own if every or grant.policy == (permits or Policy())]
        if not chosen:
            hint = "Name the policy as it was granted, or use --all" if own else choosing.by_groups(found, user)
            raise NotFoundError(f"{user} has no such grant of {images.canonical(image)}", hint)
        return try_each(chosen, lambda grant: self._remove_grant(grant, stop))

    def grant(self, id_prefix: str) -> Grant:
        """Give the one grant whose id starts so. Raises NotFoundError, and ConflictError naming the candidates."""
        prefix = id_prefix.lower()
        found = self._store.find_grants(prefix) if _GRANT_ID.fullmatch(prefix) else []
        if not found:
            raise NotFoundError(f"There is no grant {id_prefix!r}", "See `srctl grant list`")
        if len(found) > 1:
            candidates = [f"{grant.id} ({grant.holder}, {grant.application.image})" for grant in found[:_CANDIDATES]]
            more = f" and {len(found) - _CANDIDATES} more" if len(found) > _CANDIDATES else ""
            raise ConflictError(f"{id_prefix} could be {', '.join(candidates)}{more}", "Give more digits of the id")
        return found[0]

    def status(self) -> StoreStatus:
        """Give revision and counts."""
        return self._store.status()

    def _holder(self, word: str) -> tuple[str | None, str | None]:
        """Return the user, or the group, that people write so; a user's name may begin with an `@` too."""
        if word.startswith("@") and word != "@":
            try:
                return self._store.user(word).name, None
            except NotFoundError:
                return None, word[1:]
        return word, None

    def _remove_grant(self, grant: Grant, stop: bool) -> str:
        self._store.remove_grant(grant.id)
        self._enforcer.withdraw([grant], stop=stop)
        return grant.id

    def _refuse_registered(self, image: str) -> None:
        try:
            self._store.application(image)
        except NotFoundError:
            return
        raise ConflictError(f"Application {image} exists", f"See `srctl app show {image}`")

    def _image(self, image: str) -> Image:
        if self._look_up is None:
            raise UnreachableError(f"There is no Docker host to look for {image}", _SKIP_HINT)
        try:
            return self._look_up(image)
        except (NotFoundError, UnreachableError) as error:
            raise _with_hint(error) from error


def _with_hint(error: SrctlError) -> SrctlError:
    hint = f"{error.hint}; or register it unseen with --no-verify" if error.hint else _SKIP_HINT
    return type(error)(error.message, hint)
