"""The labels that make a container a session: how they are named, written and read back.

Docker is the truth about what runs, and these labels hold all that is needed to list, open or stop a session.
URLs are rebuilt from them and never computed anew, so containers of SimPhoNy-Remote 2 are sessions like any other.
Whoever reaches the engine can write labels: what is read here is checked before it is used.
"""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from srctl import images
from srctl.models import Binding, Container, Endpoint, Session

RUNINFO = "eu.simphony-project.docker.runinfo."
"""Prefix of the five labels of the protocol: `user`, `mapping_id`, `url_id`, `urlpath`, `realm`."""

EXTRA = "io.srctl."
"""Prefix of ours: `image`, `port`, `scheme`, `path`, `title`, `profile`, `user_id`, the group and the limits in time
(`group`, `max_lifetime`, `idle_timeout`, `expires`), and `slot` behind a gateway.
"""

NOBODY = 0
"""The `user_id` of a session that was started where users have no ids: the name alone says whose it is."""

_SESSION_ID = re.compile(r"[0-9a-f]{32}")
_STATUS = {"created": "starting", "restarting": "starting", "running": "running", "paused": "running"}
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


def selector(realm: str, user: str | None = None) -> dict[str, str]:
    """Return the labels by which the engine finds the sessions of a realm (and of a user)."""
    labels = {RUNINFO + "realm": realm}
    if user is not None:
        labels[RUNINFO + "user"] = user
    return labels


def of_grant(grant_id: str) -> dict[str, str]:
    """Return the labels by which the engine finds the sessions under a grant, whoever's and of whatever realm."""
    return {RUNINFO + "mapping_id": grant_id}


def session_id(container: Container) -> str | None:
    """Return the session's id, `None` for a container that is not a session."""
    value = container.labels.get(RUNINFO + "url_id", "").replace("-", "")
    return value if _SESSION_ID.fullmatch(value) else None


def user(container: Container) -> str:
    """Return the name of the session's user."""
    return container.labels.get(RUNINFO + "user", "")


def grant_id(container: Container) -> str:
    """Return the id of the grant that the session was started under."""
    return container.labels.get(RUNINFO + "mapping_id", "")


def user_id(container: Container) -> int | None:
    """Return the database id of the session's user; `None` for containers of the old system."""
    value = container.labels.get(EXTRA + "user_id", "")
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None


def slot(container: Container) -> int | None:
    """Return the port of the user's own address at which a session is published; `None` for one that has none."""
    value = container.labels.get(EXTRA + "slot", "")
    return int(value) if re.fullmatch(r"[0-9]{1,5}", value) else None


def group(container: Container) -> str | None:
    """Return the group by which the session's user had the right; `None` for a grant of the user's own."""
    return container.labels.get(EXTRA + "group") or None


def idle_timeout(container: Container) -> int | None:
    """Return the seconds that a session may lie unused; `None` without such a limit."""
    return _seconds(container, "idle_timeout")


def max_lifetime(container: Container) -> int | None:
    """Return the seconds that a session may run; `None` without such a limit."""
    return _seconds(container, "max_lifetime")


def expires(container: Container) -> datetime | None:
    """Return when the grant ends that the session was started under; `None` for one without an end."""
    try:
        found = datetime.fromisoformat(container.labels.get(EXTRA + "expires", ""))
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def is_limited(container: Container) -> bool:
    """Tell whether a session has any limit in time."""
    return any(container.labels.get(EXTRA + name) for name in ("max_lifetime", "idle_timeout", "expires"))


def ends(container: Container, extended: datetime | None = None, expiry: datetime | None = None) -> datetime | None:
    """Return when a session's time is over: that of its lifetime, which may be `extended`, or its grant's, `expiry`."""
    lifetime = max_lifetime(container)
    over = None if lifetime is None else extended or container.created + timedelta(seconds=lifetime)
    known = [moment for moment in (over, expiry) if moment is not None]
    return min(known) if known else None


def _seconds(container: Container, name: str) -> int | None:
    value = container.labels.get(EXTRA + name, "")
    return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else None


def has_page(container: Container) -> bool:
    """Tell whether a session is to be reached at all: one without a network is not."""
    return container.labels.get(EXTRA + "port") != ""


def endpoint(container: Container) -> Endpoint | None:
    """Return where the application is reached as seen from its host; `None` while it has no published port.

    The port is chosen by *container* port: engines list other ports too, in any order, and IPv6 twins.
    """
    wanted = container.labels.get(EXTRA + "port", "")
    port = int(wanted) if re.fullmatch(r"[0-9]{1,5}", wanted) else images.DEFAULT_PORT
    bindings = sorted((b for b in container.bindings if b.container_port == port), key=_ipv4_first)
    if not bindings:
        return None
    address = _ANY_ADDRESS.get(bindings[0].address, bindings[0].address)
    scheme = "https" if container.labels.get(EXTRA + "scheme") == "https" else "http"
    lenient = images.kind(container.labels) is None
    return Endpoint(address, bindings[0].port, scheme, path(container), lenient)


def _ipv4_first(binding: Binding) -> bool:
    return ":" in binding.address


def path(container: Container) -> str:
    """Return the path to open, beginning with a slash and safe to stand in a URL."""
    value = container.labels.get(EXTRA + "path")
    if value is None:
        value = container.labels.get(RUNINFO + "urlpath", "").rstrip("/") + "/"
    return "/" + quote(value.removeprefix("/"), safe="/?&=%:@!$'()*+,;~-._#")


def url(target: Endpoint, port: int) -> str:
    """Return the URL to open in a browser of the machine on whose loopback address `port` leads to the endpoint."""
    return f"{target.scheme}://127.0.0.1:{port}{target.path}"


def direct_url(target: Endpoint) -> str:
    """Return the URL to open in a browser of the host itself, where nothing is forwarded."""
    address = f"[{target.address}]" if ":" in target.address else target.address
    return f"{target.scheme}://{address}:{target.port}{target.path}"


def session(container: Container, *, host: str, direct: bool, granted: bool | None) -> Session | None:
    """Read a container as a session; `None` for one that is not. `direct` = its endpoint is on this machine."""
    identifier = session_id(container)
    if identifier is None:
        return None
    labels = container.labels
    image = labels.get(EXTRA + "image") or container.image
    target = endpoint(container)
    return Session(
        id=identifier,
        grant_id=grant_id(container),
        user=labels.get(RUNINFO + "user", ""),
        image=image,
        title=labels.get(EXTRA + "title") or images.title(labels, image),
        host=host,
        realm=labels.get(RUNINFO + "realm", ""),
        status=_STATUS.get(container.state, "exited" if container.state == "exited" else "dead"),
        address=target.address if target else None,
        port=target.port if target else None,
        url_path=labels.get(RUNINFO + "urlpath", ""),
        url=direct_url(target) if target and direct else None,
        container_id=container.id,
        container_name=container.name,
        image_id=container.image_id,
        image_outdated=_outdated(container),
        granted=granted,
        created=container.created,
    )


def _outdated(container: Container) -> bool | None:
    """Tell whether the image's tag has moved since: the engine then shows an id in its place."""
    if EXTRA + "image" not in container.labels:
        return None
    return container.image != container.labels[EXTRA + "image"] and bool(
        re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", container.image)
    )
