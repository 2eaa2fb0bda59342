"""Read containers as sessions: what their labels say, and what the accounting database adds.

That is whether the user still has the grant, a later end that somebody asked for, a warning of `reap`, and seats.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from srctl import labels, limits, policy
from srctl.errors import NotFoundError
from srctl.models import Container, Session
from srctl.needs import Engine, Rights


@dataclass(frozen=True, slots=True)
class Place:
    """Where sessions are: the host's name, and whether their endpoints are on this machine."""

    host: str
    direct: bool


def session(container: Container, place: Place, *, granted: bool | None) -> Session:
    """Read one container; `granted` is `None` where nobody knows. Raises `NotFoundError` for one that is no session."""
    found = labels.session(container, host=place.host, direct=place.direct, granted=granted)
    if found is None:
        raise NotFoundError(f"{container.name} is not a session of srctl")
    return replace(found, ends=labels.ends(container, expiry=labels.expires(container)))


def sessions(containers: Sequence[Container], place: Place, rights: Rights | None) -> list[Session]:
    """Read containers, oldest first; without a database only what they say themselves."""
    if rights is None:
        found = [session(container, place, granted=None) for container in containers]
    else:
        found = _known(containers, place, rights)
    return sorted(found, key=lambda each: (each.created, each.id))


def _known(containers: Sequence[Container], place: Place, rights: Rights) -> list[Session]:
    claims = {container.id: (labels.user(container), labels.grant_id(container)) for container in containers}
    held = rights.held(claim for claim in claims.values() if _is_claim(*claim))
    found = [session(container, place, granted=claims[container.id] in held) for container in containers]
    # Only what may be ended can have another end, or a warning: most lists cost one query.
    limited = [each for each in containers if claims[each.id] not in held or labels.is_limited(each)]
    if not limited:
        return found
    ids = [str(labels.session_id(container)) for container in limited]
    extensions, warnings = rights.records.extensions(ids), rights.records.warnings(ids)
    expiries = _expiries(limited, rights)
    ends = {}
    for id_, container in zip(ids, limited, strict=True):
        extended = extensions[id_].ends if id_ in extensions else None
        ends[container.id] = labels.ends(container, extended, expiries.get(labels.grant_id(container)))
    return [replace(each, ends=ends.get(each.container_id), warning=warnings.get(each.id)) for each in found]


def _expiries(containers: Sequence[Container], rights: Rights) -> dict[str, datetime | None]:
    """Return when the grants end, by id: as they are now, since they may have been changed, else as labels say."""
    said = {labels.grant_id(container): labels.expires(container) for container in containers}
    asked = {grant_id for grant_id, expiry in said.items() if expiry is not None and policy.is_grant_id(grant_id)}
    return said | {grant_id: grant.policy.expires for grant_id, grant in rights.grants_by_id(asked).items()}


def with_seats(found: list[Session], engine: Engine, rights: Rights, *, all_of_them: bool) -> list[Session]:
    """Return the sessions with the seats that are left under their grants: a request for each grant that has seats.

    `all_of_them`: these are the sessions of all users, so that nothing has to be asked.
    """
    seated = {each.grant_id for each in found if each.granted and policy.has_seat(each.container_name, each.grant_id)}
    listed = Counter(each.grant_id for each in found if each.status in ("starting", "running"))
    left = {}
    for grant_id, grant in rights.grants_by_id(seated).items():
        if (count := limits.effective(grant).max_sessions) is not None:
            taken = listed[grant_id] if all_of_them else len(engine.containers(labels.of_grant(grant_id)))
            left[grant_id] = max(0, count - taken)
    return [replace(each, seats_left=left[each.grant_id]) if each.grant_id in left else each for each in found]


def _is_claim(user: str, grant_id: str) -> bool:
    """Tell whether what a container's labels say can be in a database: whoever reaches the engine can write them."""
    return policy.is_user_name(user) and policy.is_grant_id(grant_id)
