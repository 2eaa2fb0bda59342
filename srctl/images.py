"""What an image says of itself: its reference, and the labels of the session-image protocol.

Pure rules, no engine. Labels are written by whoever built the image, so everything read from them is checked here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from srctl.errors import NotAllowedError, UsageError
from srctl.models import Application, Available, Grant, Image, Policy

PREFIX = "eu.simphony-project.docker."
"""Prefix of the labels that the protocol of SimPhoNy-Remote 2 puts on images."""

PROFILE_LABEL = "io.srctl.profile"
"""An image may name the hardening profile that it runs under (`strict` or `standard`)."""

DEFAULT_PORT = 8888

LONGEST_LABEL = 1000
"""Characters of a label where images are listed; an icon has many thousands."""

TYPES = ("vncapp", "webapp")

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?"
)
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_DOCKER_HUB = ("docker.io", "index.docker.io")
_KEBAB = re.compile(r"[a-z0-9-]+")
_RESOLUTION = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_MAX_PIXELS = 16384


def canonical(reference: str) -> str:
    """Return the image reference as the engine's lists show it: tag explicit, Docker Hub's own prefixes dropped.

    The grammar is that of the distribution project's `reference` package. Raises `UsageError`.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None or len(match["name"]) > 255 or _IMAGE_ID.fullmatch(reference):
        raise UsageError(f"Not an image name: {reference!r}", "Write it as for docker, e.g. registry.example/app:1.0")
    tag = match["tag"] or (None if match["digest"] else "latest")
    name = _familiar(match["name"])
    return name + (f":{tag}" if tag else "") + (f"@{match['digest']}" if match["digest"] else "")


def _familiar(name: str) -> str:
    """Drop Docker Hub's prefixes, unless the rest would then be read as a name at another registry."""
    registry, _, path = name.partition("/")
    first, slash, _ = path.partition("/")
    if registry in _DOCKER_HUB and path and not (slash and _is_registry(first)):
        name = path
    return name.removeprefix("library/") if name.count("/") == 1 else name


def _is_registry(component: str) -> bool:
    return component == "localhost" or any(char in ".:[" or char.isupper() for char in component)


def title(labels: Mapping[str, str], reference: str) -> str:
    """Return the application's title: the label `ui_name`, else the image name."""
    return labels.get(PREFIX + "ui_name", "").strip() or reference


def names(image: Image) -> tuple[str, ...]:
    """Return what an image is called: its tags, its digests where it has none."""
    tags = tuple(tag for tag in image.tags if "@" not in tag)
    return tags or image.tags


def without_long_labels(image: Image) -> Image:
    """Return the image with the values of labels cut to `LONGEST_LABEL` characters."""
    if all(len(value) <= LONGEST_LABEL for value in image.labels.values()):
        return image
    return replace(image, labels={name: _cut(value) for name, value in image.labels.items()})


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST_LABEL else value[:LONGEST_LABEL] + "…"


def description(labels: Mapping[str, str]) -> str:
    """Return the text for people, empty when the image has none."""
    return labels.get(PREFIX + "description", "")


def kind(labels: Mapping[str, str]) -> str | None:
    """Return `vncapp` or `webapp`; `None` for an image (or container) that does not follow the protocol."""
    value = labels.get(PREFIX + "type")
    return value if value in TYPES else None


def profile(labels: Mapping[str, str]) -> str:
    """Return the hardening profile that the image asks for; `standard` unless it declares `strict`."""
    return "strict" if labels.get(PROFILE_LABEL) == "strict" else "standard"


def understood(labels: Mapping[str, str]) -> frozenset[str]:
    """Return the kebab-case names of the environment variables that the image declares to understand."""
    start = PREFIX + "env."
    names = (label.removeprefix(start) for label in labels if label.startswith(start))
    return frozenset(name for name in names if _KEBAB.fullmatch(name))


def check_declared(env: Mapping[str, str], labels: Mapping[str, str]) -> None:
    """Raise `NotAllowedError` for a variable that the image does not declare to understand."""
    declared = understood(labels)
    for name in env:
        if name.lower().replace("_", "-") not in declared:
            offered = ", ".join(sorted(declared))
            raise NotAllowedError(
                f"The image does not declare the variable {name!r}", f"It declares: {offered}" if offered else ""
            )


def configurables(labels: Mapping[str, str], policy: Policy) -> tuple[str, ...]:
    """Return what a person may set at start: `resolution` and, where the grant allows it, `startup-data`."""
    declared = understood(labels)
    found = []
    if {"x11-width", "x11-height", "x11-depth"} <= declared:
        found.append("resolution")
    if "startupdata" in declared and policy.allow_startup_data:
        found.append("startup-data")
    return tuple(found)


def parse_resolution(text: str) -> tuple[int, int]:
    """Parse `WIDTHxHEIGHT` in pixels, each from 1 to 16384. Raises `UsageError`."""
    match = _RESOLUTION.fullmatch(text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (1 <= width <= _MAX_PIXELS and 1 <= height <= _MAX_PIXELS):
        raise UsageError(f"Not a resolution: {text!r}", "Write it as WIDTHxHEIGHT, e.g. 1280x800 (1 to 16384 each)")
    return width, height


def container_port(application: Application, image: Image) -> int:
    """Return the port that the application listens on inside its container."""
    if application.port is not None:
        return application.port
    if kind(image.labels) is None and len(image.ports) == 1:
        return image.ports[0]
    return DEFAULT_PORT


def offer(grant: Grant, image: Image | None, session_id: str | None) -> Available:
    """Return what a user may start by a grant; `image` is `None` where the host does not have it."""
    marks = image.labels if image else {}
    application = grant.application
    return Available(
        grant_id=grant.id,
        image=application.image,
        title=application.title or title(marks, application.image),
        description=description(marks),
        type=kind(marks),
        policy=grant.policy,
        configurables=configurables(marks, grant.policy),
        image_present=image is not None,
        image_size=(image.size or None) if image else None,
        session_id=session_id,
    )
