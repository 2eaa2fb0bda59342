"""Which grant, or which session, a person means by a word.

Ids go by their beginning, images and titles in full. What is an application's image is never taken for another one's
title or for the beginning of an id, so that no title can pass itself off as an image.
"""

import shlex
from collections.abc import Callable, Sequence

from srctl import images, labels, policy
from srctl.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from srctl.models import Application, Container, Grant

Applications = Callable[[], Sequence[Application]]


def named_grants(grants: Sequence[Grant], app: str, applications: Applications) -> list[Grant]:
    """Return the grants that `app` names in full: by id, image or title."""
    by_id = [grant for grant in grants if grant.id == app.lower()]
    if by_id:
        return by_id
    by_image = [grant for grant in grants if grant.application.image == _reference(app)]
    if by_image:
        return by_image
    by_title = [grant for grant in grants if grant.application.title == app]
    return [] if by_title and _is_image(app, applications) else by_title


def grant(grants: Sequence[Grant], app: str, user: str, applications: Applications) -> Grant:
    """Return the one of the user's grants that `app` names: an image, a title or an id (prefix).

    Raises `NotFoundError` for an application that nobody knows, `NotAllowedError` for one without a grant and
    `ConflictError` for one with several.
    """
    found = _distinct(named_grants(grants, app, applications) or _begun(grants, app, applications))
    if len(found) == 1:
        return found[0]
    if found:
        choice = "; ".join(f"{each.id} ({_in_words(each)})" for each in found)
        raise ConflictError(f"{app!r} means several grants of {user}", f"Name one by its id: {choice}")
    image = _known(app, applications()).image
    hint = f"An administrator can: srctl grant add {shlex.quote(image)} {shlex.quote(user)}"
    raise NotAllowedError(f"{user!r} has no grant for {app!r}", hint)


def _distinct(grants: Sequence[Grant]) -> list[Grant]:
    """Return the grants without those that permit the same as one before: what comes by a group, too, is no choice."""

    def same(one: Grant, other: Grant) -> bool:
        return (one.application, one.policy) == (other.application, other.policy)

    return [each for index, each in enumerate(grants) if not any(same(each, other) for other in grants[:index])]


def _in_words(grant: Grant) -> str:
    return policy.in_words(grant.policy) + ("" if grant.group is None else f", by {grant.holder}")


def by_groups(grants: Sequence[Grant], user: str) -> str:
    """Return a hint for who looks for a grant of a user's own, where there are others, if any."""
    if not grants:
        return "See `srctl grant list`"
    grant = grants[0]
    return (
        f"It comes by {grant.holder}: `srctl group leave {grant.group} {user}`, or"
        f" `srctl grant remove {grant.application.image} {grant.holder}`"
    )


def container(containers: Sequence[Container], word: str) -> Container | None:
    """Return the session's container by id (prefix) or else by name. Raises `ConflictError` for several."""
    start = word.lower()
    found = [c for c in containers if policy.is_grant_id(start) and (labels.session_id(c) or "").startswith(start)]
    found = found or [c for c in containers if c.name == word]
    if len(found) < 2:
        return found[0] if found else None
    ids = sorted({str(labels.session_id(each)) for each in found})
    if len(ids) == 1:
        names = ", ".join(each.name for each in found)
        raise ConflictError(f"Several containers have the session id {ids[0]}", f"Use a container's name: {names}")
    raise ConflictError(f"{word!r} means several sessions", f"Use more of the id: {', '.join(ids)}")


def _reference(app: str) -> str | None:
    """Return the image that `app` may mean, as applications name it; `None` where it is no image's name."""
    try:
        return images.canonical(app)
    except UsageError:
        return None


def _is_image(app: str, applications: Applications) -> bool:
    reference = _reference(app)
    return any(application.image == reference for application in applications())


def _begun(grants: Sequence[Grant], app: str, applications: Applications) -> list[Grant]:
    """Return the grants whose ids begin so."""
    start = app.lower()
    found = [grant for grant in grants if policy.is_grant_id(start) and grant.id.startswith(start)]
    return [] if found and _is_image(app, applications) else found


def _known(app: str, applications: Sequence[Application]) -> Application:
    reference = _reference(app)
    by_image = [application for application in applications if application.image == reference]
    for application in by_image or [application for application in applications if application.title == app]:
        return application
    raise NotFoundError(f"There is no application {app!r}", "See what there is: srctl session available")
