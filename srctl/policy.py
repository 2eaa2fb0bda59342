"""The rules: which names, volumes and policies are well-formed, and what a grant turns into.

Pure and distrustful. `plan` is the one place where user, grant, image and request become a container; everything
it is given may be hostile, and what the grant does not permit is refused here and nowhere else.
"""

import posixpath
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from srctl import images
from srctl.errors import NotAllowedError, UsageError
from srctl.labels import EXTRA, RUNINFO
from srctl.models import ContainerSpec, Grant, Hardening, Image, Mount, Policy, StartRequest, User, Volume

NETWORK = "srctl"
"""The network that sessions live in; it has no traffic between containers."""

WORKSPACE = "/workspace"
PROFILES = ("strict", "standard")

_USER_NAME = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED_ENV = re.compile(r"(?:STARTUPDATA|APP_LICENSE|USER|URL_ID|PATH|(?:X11|JPY|LD)_.*)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no path and no licence has: control characters, and bytes that are not UTF-8."""
_ESCAPE_LOOKALIKE = re.compile(r"_(?=40|2B|5F)")
_GIB = 1024**3
_MAX_LICENSE = 64 * 1024

_STANDARD_DROPS = ("MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "AUDIT_WRITE")
_STRICT_USER = "1000:1000"
_SCRATCH = ("/tmp", "/run")  # noqa: S108 - paths inside the container


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


def check_user_name(name: str) -> None:
    """Raise `UsageError` unless `name` is 1-64 of `[A-Za-z0-9._@+-]`, not starting with `-` or `.`."""
    if not _USER_NAME.fullmatch(name):
        raise UsageError(
            f"Not a user name: {name!r}",
            "Use 1 to 64 letters, digits and . _ @ + -, not starting with a dot or a dash",
        )


def parse_volume(text: str) -> Volume:
    """Parse `SOURCE:TARGET:ro|rw`; both paths absolute. Raises `UsageError` saying which part is wrong."""
    parts = text.split(":")
    if len(parts) != 3:
        raise UsageError(f"Not a volume: {text!r}", "Write it as /source/on/host:/target/in/container:ro (or :rw)")
    source, target, mode = parts
    return check_volume(Volume(source, target, mode))


def check_volume(volume: Volume) -> Volume:
    """Return the volume with both paths normalised. Raises `UsageError` saying which part is wrong."""
    if volume.mode not in ("ro", "rw"):
        raise UsageError(f"Volume mode {volume.mode!r} is neither ro nor rw")
    source, target = (_absolute(path, part) for path, part in ((volume.source, "source"), (volume.target, "target")))
    if target == "/":
        raise UsageError("Volume target '/' would hide the whole container")
    return Volume(source, target, volume.mode)


def _absolute(path: str, part: str) -> str:
    if not path.startswith("/"):
        raise UsageError(f"Volume {part} {path!r} is not an absolute path")
    if _CONTROL.search(path) or ":" in path:
        raise UsageError(f"Volume {part} {path!r} has a character that no volume may have")
    if ".." in path.split("/"):
        raise UsageError(f"Volume {part} {path!r} has a '..' in it")
    return "/" + posixpath.normpath(path).lstrip("/")


def make_policy(
    *,
    allow_home: bool = False,
    allow_view: bool = False,
    allow_startup_data: bool = False,
    license: str | None = None,  # noqa: A002 - the field's name in the public contract
    volumes: Iterable[Volume] = (),
) -> Policy:
    """Return a checked policy in its one canonical form: volumes by target, an empty licence is none.

    Raises `UsageError`.
    """
    checked = tuple(sorted((check_volume(volume) for volume in volumes), key=lambda volume: volume.target))
    targets = [volume.target for volume in checked]
    for target in targets:
        if targets.count(target) > 1:
            raise UsageError(f"Two volumes have the same target {target!r}")
    if allow_home and WORKSPACE in targets:
        raise UsageError(f"A volume at {WORKSPACE} and --allow-home exclude each other: the home is mounted there")
    if license is not None and _CONTROL.search(license.replace("\n", "").replace("\t", "")):
        raise UsageError("The licence text has control characters in it, or bytes that are not UTF-8")
    if license is not None and len(license.encode()) > _MAX_LICENSE:
        raise UsageError(f"The licence text is longer than {_MAX_LICENSE // 1024} KiB")
    return Policy(allow_home, allow_view, allow_startup_data, license or None, checked)


def in_words(permits: Policy) -> str:
    """Return what a policy permits in a few words; of a licence only that there is one."""
    given = {
        "home": permits.allow_home,
        "view": permits.allow_view,
        "start-up data": permits.allow_startup_data,
        "licence": permits.license is not None,
    }
    volumes = [f"{volume.source}:{volume.target}:{volume.mode}" for volume in permits.volumes]
    return ", ".join([word for word, permitted in given.items() if permitted] + volumes) or "default"


def takes_away(before: Policy, after: Policy) -> bool:
    """Tell whether anything that a policy permits is not permitted by another one, or only with another licence."""
    flags = ("allow_home", "allow_view", "allow_startup_data")
    kept = {(volume.source, volume.target): volume.mode for volume in after.volumes}
    return (
        any(getattr(before, name) and not getattr(after, name) for name in flags)
        or before.license not in (None, after.license)
        or any(kept.get((each.source, each.target)) not in (each.mode, "rw") for each in before.volumes)
    )


def without_license(permits: Policy) -> Policy:
    """Return a policy that tells of its licence only that there is one."""
    return replace(permits, license="***") if permits.license else permits


def writable_parent(permits: Policy, source: str) -> str | None:
    """Return the folder of a policy that can be written to and that a path lies in, `None` where there is none.

    What is mounted itself can't be replaced from inside, so the same path does not count.
    """
    folders = (volume.source for volume in permits.volumes if volume.mode == "rw")
    return next((each for each in folders if source != each and source.startswith(each.rstrip("/") + "/")), None)


def slug(name: str) -> str:
    """Return the user name in `[A-Za-z0-9._-]+`, for URLs and container names; distinct for distinct names.

    `@` and `+` become `_40` and `_2B`; an underscore becomes `_5F` only where it could be taken for one of those.
    """
    return _ESCAPE_LOOKALIKE.sub("_5F", name).replace("@", "_40").replace("+", "_2B")


def is_grant_id(text: str) -> bool:
    """Tell whether the text can be (the beginning of) a grant id."""
    return re.fullmatch(r"[0-9a-f]{1,32}", text) is not None


def unix_name(name: str) -> str:
    """Return a valid unix login name derived from the user name: never empty, never `root`, at most 32 long."""
    plain = re.sub(r"[^a-z0-9_-]", "_", name.lower())
    if not re.match(r"[a-z_]", plain):
        plain = "_" + plain
    return "user" if plain == "root" else plain[:32]


def container_name(realm: str, user: str, grant_id: str) -> str:
    """Return the name of the one container that may run for this user and grant; the engine refuses a second."""
    return f"srctl-{_owner(realm, user)}-{grant_id[:16]}"


def home_volume(realm: str, user: User) -> str:
    """Return the name of the volume that holds the user's home; distinct for distinct realms, names and ids."""
    return f"srctl-home-{_owner(realm, user.name)}-{user.id}"


def _owner(realm: str, user: str) -> str:
    """Join realm and user so that no other two give the same.

    The realm's dashes are doubled and no user's name begins with one: the first odd row of dashes ends the realm.
    """
    return f"{realm.replace('-', '--')}-{slug(user)}"


def plan(order: Order) -> ContainerSpec:
    """Turn user, grant, image and request into the container to make.

    Raises `NotAllowedError` for what image or grant do not offer and `UsageError` for bad values.
    """
    application = order.grant.application
    port = images.container_port(application, order.image)
    profile = application.profile or images.profile(order.image.labels)
    mounts = _mounts(order)
    return ContainerSpec(
        name=container_name(order.realm, order.user.name, order.grant.id),
        image=application.image,
        labels=_labels(order, port, profile),
        env=_environment(order),
        port=port,
        network=NETWORK,
        mounts=mounts,
        hardening=_hardening(order, profile, {mount.target for mount in mounts}),
    )


def _base_path(order: Order) -> str:
    return f"/user/{slug(order.user.name)}"


def _paths(order: Order) -> tuple[str, str]:
    """Return the label `urlpath` (no trailing slash) and the path that is opened, verbatim."""
    if images.kind(order.image.labels) is None:
        path = order.grant.application.path or "/"
        return path.rstrip("/"), path
    url_path = f"{_base_path(order)}/containers/{order.session_id}"
    return url_path, url_path + "/"


def _labels(order: Order, port: int, profile: str) -> dict[str, str]:
    url_path, path = _paths(order)
    application = order.grant.application
    return {
        RUNINFO + "user": order.user.name,
        RUNINFO + "mapping_id": order.grant.id,
        RUNINFO + "url_id": order.session_id,
        RUNINFO + "urlpath": url_path,
        RUNINFO + "realm": order.realm,
        EXTRA + "image": application.image,
        EXTRA + "port": str(port),
        EXTRA + "scheme": application.scheme or "http",
        EXTRA + "path": path,
        EXTRA + "title": application.title or images.title(order.image.labels, application.image),
        EXTRA + "profile": profile,
        EXTRA + "user_id": str(order.user.id),
    }


def _environment(order: Order) -> dict[str, str]:
    application = order.grant.application
    env = requested(order.request, application.image, order.image.labels, order.grant.policy)
    if order.grant.policy.license:
        env["APP_LICENSE"] = order.grant.policy.license
    return env | {
        "JPY_USER": order.user.name,
        "JPY_BASE_USER_URL": _base_path(order),
        "USER": unix_name(order.user.name),
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
    if not path or _CONTROL.search(path):
        raise UsageError(f"Not a path for start-up data: {path!r}")
    return path


def _mounts(order: Order) -> tuple[Mount, ...]:
    mounts = [
        Mount("bind", volume.source, volume.target, read_only=volume.mode == "ro")
        for volume in order.grant.policy.volumes
    ]
    if order.grant.policy.allow_home:
        if order.home_root:
            folder = f"{order.home_root.rstrip('/')}/{order.realm}/{slug(order.user.name)}-{order.user.id}"
            mounts.append(Mount("directory", folder, WORKSPACE))
        else:
            mounts.append(Mount("volume", home_volume(order.realm, order.user), WORKSPACE))
    return tuple(mounts)


def _hardening(order: Order, profile: str, taken: Container[str]) -> Hardening:
    """Return how the container is confined; what is mounted at the `taken` paths must not be hidden."""
    application = order.grant.application
    if profile == "standard":
        return Hardening(cap_drop=_STANDARD_DROPS, shm_size=application.shm_size, gpus=application.gpus)
    return Hardening(
        read_only=True,
        user=_STRICT_USER if order.image.user.split(":")[0].lstrip("0") in ("", "root") else None,
        cap_drop=("ALL",),
        tmpfs=tuple(path for path in _SCRATCH if path not in taken),
        pids=512,
        memory=4 * _GIB,
        shm_size=application.shm_size,
        gpus=application.gpus,
    )
