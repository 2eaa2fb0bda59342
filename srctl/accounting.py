"""All that an administrator does: users, their keys, applications, and who may run what.

Rules are applied here (names, keys, images, defaults); rows are kept by a store that is handed in. It asks an engine
for an image, never while the store is in a transaction, and refuses to guess: what is ambiguous is an error.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from srctl import images, policy, public_keys
from srctl.enforcing import Enforcer
from srctl.errors import ConflictError, NotFoundError, SrctlError, UnreachableError, UsageError
from srctl.models import Application, Grant, GrantPage, Image, Policy, PublicKey, StoreStatus, User
from srctl.needs import Store
from srctl.outcome import Outcome, try_each

ImageLookUp = Callable[[str], Image]
"""Gives the image of a reference. Raises NotFoundError and UnreachableError."""

_SKIP_HINT = "Register it unseen with --no-verify"
_GRANT_ID = re.compile(r"[0-9a-f]{1,32}")
_MAX_PORT = 65535
_MAX_TITLE = 200
_CANDIDATES = 10
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A user with what is granted, and with how many SSH keys; each is `None` where nobody asked."""

    user: User
    grants: tuple[Grant, ...] | None = None
    keys: int | None = None


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
            granted.setdefault(grant.user, []).append(grant)
        return [UserDetails(user, tuple(granted.get(user.name, ())), keys.get(user.name, 0)) for user in users]

    def user(self, name: str) -> UserDetails:
        """Give one user with grants. Raises NotFoundError."""
        return UserDetails(self._store.user(name), tuple(self._store.grants(user=name)))

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
        application = _checked(application)
        if verify:
            self._refuse_registered(application.image)
            found = self._image(application.image)
            application = replace(application, title=application.title or _own_title(found))
        return self._store.add_application(application)

    def application(self, image: str) -> Application:
        """Give one application. Raises NotFoundError and UsageError."""
        return self._store.application(images.canonical(image))

    def applications(self) -> list[Application]:
        """Give all applications by image."""
        return self._store.applications()

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
        """Permit a user to run an application; the same again gives the same grant.

        `permits` comes from `policy.make_policy`, none is the default policy. Raises NotFoundError, for the
        application first, and UsageError.
        """
        return self._store.add_grant(images.canonical(image), user, permits or Policy())

    def grants(self, *, user: str | None = None, image: str | None = None) -> list[Grant]:
        """Give the grants of a user, of an application, or all. Raises NotFoundError for an unknown one."""
        image = None if image is None else images.canonical(image)
        found = self._store.grants(user=user, image=image)
        if not found and image is not None:
            self._store.application(image)
        if not found and user is not None:
            self._store.user(user)
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
        """Remove a user's grant of an application with exactly this policy (none: the default one), or `every` one.

        Gives the ids. Raises NotFoundError if there is no such grant, for the application first, and UsageError.
        """
        found = self.grants(user=user, image=image)
        chosen = [grant for grant in found if every or grant.policy == (permits or Policy())]
        if not chosen:
            hint = "Name the policy as it was granted, or use --all" if found else "See `srctl grant list`"
            raise NotFoundError(f"{user} has no such grant of {images.canonical(image)}", hint)
        return try_each(chosen, lambda grant: self._remove_grant(grant, stop))

    def grant(self, id_prefix: str) -> Grant:
        """Give the one grant whose id starts so. Raises NotFoundError, and ConflictError naming the candidates."""
        prefix = id_prefix.lower()
        found = self._store.find_grants(prefix) if _GRANT_ID.fullmatch(prefix) else []
        if not found:
            raise NotFoundError(f"There is no grant {id_prefix!r}", "See `srctl grant list`")
        if len(found) > 1:
            candidates = [f"{grant.id} ({grant.user}, {grant.application.image})" for grant in found[:_CANDIDATES]]
            more = f" and {len(found) - _CANDIDATES} more" if len(found) > _CANDIDATES else ""
            raise ConflictError(f"{id_prefix} could be {', '.join(candidates)}{more}", "Give more digits of the id")
        return found[0]

    def status(self) -> StoreStatus:
        """Give revision and counts."""
        return self._store.status()

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


def _own_title(image: Image) -> str | None:
    title = images.title(image.labels, "")
    return title if title and title.isprintable() and len(title) <= _MAX_TITLE else None


def _checked(application: Application) -> Application:
    """Return the application with its image in full. Raises UsageError saying which value is wrong."""
    image = images.canonical(application.image)
    port, path, title = application.port, application.path, application.title
    if port is not None and not 1 <= port <= _MAX_PORT:
        raise UsageError(f"{port} is not a port", f"Give a number from 1 to {_MAX_PORT}")
    if path is not None and not (path.startswith("/") and path.isprintable()):
        raise UsageError(f"{path!r} is not a URL path", "Start it with a slash")
    if title is not None and not (title.strip() and title.isprintable() and len(title) <= _MAX_TITLE):
        raise UsageError(f"{title!r} is not a title", f"Give one line of at most {_MAX_TITLE} characters")
    if application.scheme not in (None, "http", "https"):
        raise UsageError(f"The scheme {application.scheme!r} is neither http nor https")
    if application.profile not in (None, *policy.PROFILES):
        raise UsageError(f"There is no profile {application.profile!r}", f"Choose {' or '.join(policy.PROFILES)}")
    _check_devices(application)
    return replace(application, image=image)


def _check_devices(application: Application) -> None:
    if application.shm_size is not None and application.shm_size < 1:
        raise UsageError("The size of the shared memory must be above zero")
    gpus = application.gpus
    if gpus is not None and gpus != "all" and not re.fullmatch(r"[1-9][0-9]{0,3}", gpus):
        raise UsageError(f"{gpus!r} is not a number of GPUs", "Give `all` or a count")
