"""Say in words who may run what, through what, and why somebody may not."""

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from srctl import images, limits, policy
from srctl.models import Grant, Policy, User
from srctl.needs import Store


@dataclass(frozen=True, slots=True)
class Right:
    """That a user may start an application now, by one grant; `group` is `None` for a grant of the user's own."""

    user: str
    group: str | None
    grant_id: str
    image: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a user may start an application, with the reasons as sentences, and the grants that there are."""

    user: str
    image: str
    allowed: bool
    reasons: tuple[str, ...]
    grants: tuple[Grant, ...]


class Explainer:
    """Explains the rights that the accounting database holds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def who_can(self, image: str) -> list[Right]:
        """Give who may start an application now, by user. Raises NotFoundError and UsageError."""
        image = self._store.application(images.canonical(image)).image
        users = {user.name for user in self._store.users() if not user.disabled}
        members = {group.name: group.members for group in self._store.groups.groups()}
        now = datetime.now(UTC)
        found = [
            Right(user, grant.group, grant.id, image, policy.without_license(grant.policy))
            for grant in self._store.grants(image=image)
            if not limits.has_expired(grant.policy, now)
            for user in ((grant.user,) if grant.user else members.get(str(grant.group), ()))
            if user in users
        ]
        return sorted(found, key=lambda right: (right.user, right.group or ""))

    def why(self, user: str, image: str) -> Explanation:
        """Say why a user may start an application, or may not. Raises NotFoundError for either, and UsageError."""
        image = self._store.application(images.canonical(image)).image
        person = self._store.user(user)
        grants = self._store.grants(user=user, image=image)
        now = datetime.now(UTC)
        current = [grant for grant in grants if not limits.has_expired(grant.policy, now)]
        reasons = [_granted(grant, expired=grant not in current) for grant in grants]
        if not grants:
            reasons.append(self._ungranted(person, image))
        if person.disabled:
            reasons.append(f"{user} is disabled, and may start nothing: srctl user enable {shlex.quote(user)}.")
        if len({grant.policy for grant in current}) > 1:
            reasons.append("These differ, so that starting it takes the id of one of them.")
        shown = tuple(replace(grant, policy=policy.without_license(grant.policy)) for grant in grants)
        return Explanation(user, image, bool(current) and not person.disabled, tuple(reasons), shown)

    def _ungranted(self, person: User, image: str) -> str:
        inside = self._store.groups.memberships([person.name]).get(person.name, ())
        where = f"nor to {', '.join(f'@{group}' for group in inside)}" if inside else "who is in no group"
        others = sorted({grant.holder for grant in self._store.grants(image=image) if grant.group})
        by_group = f" It is granted to {', '.join(others)}." if others else ""
        hint = f"srctl grant add {shlex.quote(image)} {shlex.quote(person.name)}"
        return f"There is no grant of {image} to {person.name}, {where}.{by_group} To give one: {hint}."


def _granted(grant: Grant, *, expired: bool) -> str:
    """Return the sentence about one grant."""
    by = f"By the group {grant.group}" if grant.group else "By a grant of the user's own"
    words = f"{by}, since {grant.created:%Y-%m-%d} ({grant.id[:12]}): {policy.in_words(grant.policy)}"
    if inherited := limits.in_words(limits.inherited(grant)):
        words += f"; and, as every grant of it: {', '.join(inherited)}"
    return f"{words}. It has expired." if expired else f"{words}."
