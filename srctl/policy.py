"""The rules: which names, volumes and policies are well-formed, and how things are named after people. Pure."""

import posixpath
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from srctl import limits
from srctl.errors import UsageError
from srctl.models import NO_LIMITS, Grant, Limits, Policy, User, Volume

L = TypeVar("L", bound=Limits)

WORKSPACE = "/workspace"
PROFILES = ("strict", "standard")

_USER_NAME = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no path and no licence has: control characters, and bytes that are not UTF-8."""
_ESCAPE_LOOKALIKE = re.compile(r"_(?=40|2B|5F)")
_MAX_LICENSE = 64 * 1024


def check_user_name(name: str) -> None:
    """Raise `UsageError` unless `name` is 1-64 of `[A-Za-z0-9._@+-]`, not starting with `-` or `.`."""
    if not is_user_name(name):
        raise UsageError(
            f"Not a user name: {name!r}",
            "Use 1 to 64 letters, digits and . _ @ + -, not starting with a dot or a dash",
        )


def is_user_name(text: str) -> bool:
    """Tell whether the text can be the name of a user."""
    return _USER_NAME.fullmatch(text) is not None


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
    if CONTROL.search(path) or ":" in path:
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
    within: Limits = NO_LIMITS,
) -> Policy:
    """Return a checked policy in its one canonical form: volumes by target, an empty licence is none.

    Raises `UsageError`.
    """
    folders = tuple(sorted((check_volume(volume) for volume in volumes), key=lambda volume: volume.target))
    targets = [volume.target for volume in folders]
    for target in targets:
        if targets.count(target) > 1:
            raise UsageError(f"Two volumes have the same target {target!r}")
    if allow_home and WORKSPACE in targets:
        raise UsageError(f"A volume at {WORKSPACE} and --allow-home exclude each other: the home is mounted there")
    if license is not None and CONTROL.search(license.replace("\n", "").replace("\t", "")):
        raise UsageError("The licence text has control characters in it, or bytes that are not UTF-8")
    if license is not None and len(license.encode()) > _MAX_LICENSE:
        raise UsageError(f"The licence text is longer than {_MAX_LICENSE // 1024} KiB")
    values = limits.checked(limits.set_ones(within))
    return Policy(allow_home, allow_view, allow_startup_data, license or None, folders, **values)


def checked(permits: Policy) -> Policy:
    """Return a policy that somebody made as it is kept. Raises `UsageError`."""
    return make_policy(
        allow_home=permits.allow_home,
        allow_view=permits.allow_view,
        allow_startup_data=permits.allow_startup_data,
        license=permits.license,
        volumes=permits.volumes,
        within=permits,
    )


def in_words(permits: Policy) -> str:
    """Return what a policy permits, and within which limits, in a few words; of a licence only that there is one."""
    given = {
        "home": permits.allow_home,
        "view": permits.allow_view,
        "start-up data": permits.allow_startup_data,
        "licence": permits.license is not None,
    }
    volumes = [f"{volume.source}:{volume.target}:{volume.mode}" for volume in permits.volumes]
    words = [word for word, permitted in given.items() if permitted]
    return ", ".join(words + volumes + limits.in_words(permits)) or "default"


def takes_away(before: Policy, after: Policy) -> bool:
    """Tell whether anything that a policy permits is not permitted by another one, or only with another licence."""
    flags = ("allow_home", "allow_view", "allow_startup_data")
    kept = {(volume.source, volume.target): volume.mode for volume in after.volumes}
    return (
        any(getattr(before, name) and not getattr(after, name) for name in flags)
        or limits.are_tighter(after, before)
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


def seat_name(grant_id: str) -> str:
    """Return how the names of containers with one of a grant's seats begin, whoever's they are; its number follows."""
    return f"srctl-{grant_id[:16]}-"


def has_seat(name: str, grant_id: str) -> bool:
    """Tell whether this is the name of a container with one of a grant's seats."""
    number = name.removeprefix(seat_name(grant_id))
    return number != name and bool(re.fullmatch("[1-9][0-9]{0,8}", number))


def home_volume(realm: str, user: User) -> str:
    """Return the name of the volume that holds the user's home; distinct for distinct realms, names and ids."""
    return f"srctl-home-{_owner(realm, user.name)}-{user.lasting_id}"


def _owner(realm: str, user: str) -> str:
    """Join realm and user so that no other two give the same.

    The realm's dashes are doubled and no user's name begins with one: the first odd row of dashes ends the realm.
    """
    return f"{realm.replace('-', '--')}-{slug(user)}"


def as_options(permits: Policy) -> list[str]:
    """Return a policy as options. A licence is a secret, which has no place on a command line: it comes from stdin."""
    flags = (
        ("--allow-home", permits.allow_home),
        ("--allow-view", permits.allow_view),
        ("--allow-startup-data", permits.allow_startup_data),
    )
    words = [name for name, given in flags if given]
    if permits.license is not None:
        words += ["--license-file", "-"]
    for volume in permits.volumes:
        words += ["--volume", f"{volume.source}:{volume.target}:{volume.mode}"]
    return words + limits.as_options(permits)


def changed(before: L, given: L, without: Sequence[str] = ()) -> L:
    """Return a policy, or limits, with what is given in place of what it had, and as by default in the named options.

    Raises UsageError for a name that no option has, and for one that is given as well.
    """
    own = {each.name: each.default for each in fields(before)}
    names = {_option(name): name for name in own}
    new: dict[str, Any] = {name: getattr(given, name) for name in own if getattr(given, name) != own[name]}
    gone: dict[str, Any] = {}
    for word in without:
        name = names.get(word.removeprefix("--"))
        if name is None:
            raise UsageError(f"There is no option {word!r} to do without", f"Choose {', '.join(names)}")
        if name in new:
            raise UsageError(f"--{_option(name)} is given, and to be done without", "Leave out one of the two")
        gone[name] = own[name]
    return replace(before, **new, **gone)


def _option(name: str) -> str:
    return "volume" if name == "volumes" else name.replace("_", "-")


def who_changes(grant: Grant, name: str) -> str:
    """Return who can change a limit that is in force for a grant, and how."""
    of_all = getattr(grant.policy, name) is None
    words = ["app", "limit", grant.application.image] if of_all else ["grant", "edit", grant.id[:12]]
    return f"an administrator can change it: {shlex.join(['srctl', *words])} {limits.option(name)} ..."
