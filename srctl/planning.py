"""What a grant turns into: the container of a session.

Pure and distrustful. `plan` is the one place where user, grant, image and request become a container; everything it is
given may be hostile, and what the grant does not permit is refused here and nowhere else.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from srctl import images, limits, policy
from srctl.errors import NotAllowedError, UsageError
from srctl.labels import EXTRA, RUNINFO
from srctl.models import (
    ISOLATED,
    NETWORK,
    NO_NETWORK,
    ContainerSpec,
    Grant,
    Hardening,
    Image,
    Limits,
    Mount,
    Policy,
    StartRequest,
    User,
)

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED_ENV = re.compile(r"(?:STARTUPDATA|APP_LICENSE|USER|URL_ID|PATH|(?:X11|JPY|LD)_.*)", re.IGNORECASE)
_GIB = 1024**3
_STANDARD_DROPS = ("MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "AUDIT_WRITE")
_STRICT_USER = "1000:1000"
_SCRATCH = ("/tmp", "/run")  # noqa: S108 - paths inside the container
_NETWORKS = {"none": NO_NETWORK, "isolated": ISOLATED}


@dataclass(frozen=True, slots=True)
class Order:
    """All that decides how a session's container is made. `home_root` is a directory of the Docker host."""

    user: User
    grant: Grant
    image: Image
    request: StartRequest
    realm: str
    session_id: str
    home_root: str | None = None


def plan(order: Order) -> ContainerSpec:
    """Turn user, grant, image and request into the container to make.

    Raises `NotAllowedError` for what image or grant do not offer and `UsageError` for bad values.
    """
    policy.check_user_name(order.user.name)  # folders are named so, whoever wrote it into the database
    application, within = order.grant.application, limits.effective(order.grant)
    port = images.container_port(application, order.image)
    network = _NETWORKS.get(within.network or "", NETWORK)
    profile = application.profile or images.profile(order.image.labels)
    mounts = _mounts(order)
    return ContainerSpec(
        name=policy.container_name(order.realm, order.user.name, order.grant.id),
        image=application.image,
        labels=_labels(order, None if network == NO_NETWORK else port, profile) | _limit_labels(order.grant, within),
        env=_environment(order),
        port=port,
        network=network,
        mounts=mounts,
        hardening=_hardening(order, profile, within, {mount.target for mount in mounts}),
        seats=within.max_sessions,
    )


def _base_path(order: Order) -> str:
    return f"/user/{policy.slug(order.user.name)}"


def _paths(order: Order) -> tuple[str, str]:
    """Return the label `urlpath` (no trailing slash) and the path that is opened, verbatim."""
    if images.kind(order.image.labels) is None:
        path = order.grant.application.path or "/"
        return path.rstrip("/"), path
    url_path = f"{_base_path(order)}/containers/{order.session_id}"
    return url_path, url_path + "/"


def _labels(order: Order, port: int | None, profile: str) -> dict[str, str]:
    url_path, path = _paths(order)
    application = order.grant.application
    return {
        RUNINFO + "user": order.user.name,
        RUNINFO + "mapping_id": order.grant.id,
        RUNINFO + "url_id": order.session_id,
        RUNINFO + "urlpath": url_path,
        RUNINFO + "realm": order.realm,
        EXTRA + "image": application.image,
        EXTRA + "port": str(port or ""),
        EXTRA + "scheme": application.scheme or "http",
        EXTRA + "path": path,
        EXTRA + "title": application.title or images.title(order.image.labels, application.image),
        EXTRA + "profile": profile,
        EXTRA + "user_id": str(order.user.lasting_id),
    }


def _limit_labels(grant: Grant, within: Limits) -> dict[str, str]:
    """Return how long the session may run, and by which group: in its labels, so that it keeps what it began with."""
    return {
        EXTRA + "group": grant.group or "",
        EXTRA + "max_lifetime": str(within.max_lifetime or ""),
        EXTRA + "idle_timeout": str(within.idle_timeout or ""),
        EXTRA + "expires": within.expires.isoformat() if within.expires else "",
    }


def _environment(order: Order) -> dict[str, str]:
    application = order.grant.application
    env = requested(order.request, application.image, order.image.labels, order.grant.policy)
    if order.grant.policy.license:
        env["APP_LICENSE"] = order.grant.policy.license
    return env | {
        "JPY_USER": order.user.name,
        "JPY_BASE_USER_URL": _base_path(order),
        "USER": policy.unix_name(order.user.name),
        "URL_ID": order.session_id,
    }


def _check_env(name: str, value: str) -> None:
    if not _ENV_NAME.fullmatch(name):
        raise UsageError(f"Not the name of an environment variable: {name!r}")
    if _RESERVED_ENV.fullmatch(name):
        raise UsageError(f"--env can't set {name}: the session protocol or the grant sets it")
    if re.search(r"[\x00\ud800-\udfff]", value):
        raise UsageError(f"The value of {name} has a NUL character or a byte in it that is not UTF-8")


def requested(request: StartRequest, image: str, marks: Mapping[str, str], permits: Policy) -> dict[str, str]:
    """Return the variables for what the person set, each checked against the image's labels (`marks`) and the grant.

    Raises `NotAllowedError` for what they do not offer and `UsageError` for bad values.
    """
    env = dict(request.env)
    for name, value in env.items():
        _check_env(name, value)
    settings = dict(request.settings)
    if request.startup_data is not None:
        settings["startup-data"] = request.startup_data
    offered = images.configurables(marks, permits)
    for name, value in settings.items():
        if name not in offered:
            raise NotAllowedError(
                f"{name!r} can't be set for {image}",
                f"Offered: {', '.join(offered)}" if offered else "The image and the grant offer no settings",
            )
        if name == "resolution":
            width, height = images.parse_resolution(value)
            env |= {"X11_WIDTH": str(width), "X11_HEIGHT": str(height), "X11_DEPTH": "16"}
        else:
            env["STARTUPDATA"] = _startup_data(value)
    return env


def _startup_data(path: str) -> str:
    if not path or policy.CONTROL.search(path):
        raise UsageError(f"Not a path for start-up data: {path!r}")
    return path


def _mounts(order: Order) -> tuple[Mount, ...]:
    mounts = [
        Mount("bind", volume.source, volume.target, read_only=volume.mode == "ro")
        for volume in order.grant.policy.volumes
    ]
    if order.grant.policy.allow_home:
        if order.home_root:
            folder = (
                f"{order.home_root.rstrip('/')}/{order.realm}/{policy.slug(order.user.name)}-{order.user.lasting_id}"
            )
            mounts.append(Mount("directory", folder, policy.WORKSPACE))
        else:
            mounts.append(Mount("volume", policy.home_volume(order.realm, order.user), policy.WORKSPACE))
    return tuple(mounts)


def _hardening(order: Order, profile: str, within: Limits, taken: Container[str]) -> Hardening:
    """Return how the container is confined; what is mounted at the `taken` paths must not be hidden."""
    scratch = tuple(path for path in _SCRATCH if path not in taken)
    if profile == "standard":
        base = Hardening(cap_drop=_STANDARD_DROPS)
    else:
        is_root = order.image.user.split(":")[0].lstrip("0") in ("", "root")
        base = Hardening(
            read_only=True,
            user=_STRICT_USER if is_root else None,
            cap_drop=("ALL",),
            tmpfs=scratch,
            pids=512,
            memory=4 * _GIB,
        )
    return replace(
        base,
        read_only=base.read_only or bool(within.read_only),
        tmpfs=scratch if within.read_only else base.tmpfs,
        pids=within.pids or base.pids,
        memory=within.memory or base.memory,
        cpus=within.cpus or base.cpus,
        shm_size=within.shm_size,
        gpus=None if within.gpus == "0" else within.gpus,
    )
