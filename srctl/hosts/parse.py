"""Read the Engine API's answers into our models. Fields that may be null in the wild are treated so."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from srctl.models import Binding, Container, Image, Progress


def listed_container(item: Mapping[str, Any]) -> Container:
    """Read an element of `GET /containers/json`."""
    ports = item.get("Ports") or []
    return Container(
        id=item["Id"],
        name=_name(item.get("Names") or []),
        image=item.get("Image") or "",
        image_id=item.get("ImageID") or "",
        state=item.get("State") or "",
        labels=item.get("Labels") or {},
        created=datetime.fromtimestamp(item.get("Created") or 0, UTC),
        bindings=tuple(
            Binding(port["PrivatePort"], port.get("IP") or "", port["PublicPort"])
            for port in ports
            if port.get("PublicPort") and port.get("Type", "tcp") == "tcp"
        ),
    )


def inspected_container(item: Mapping[str, Any]) -> Container:
    """Read the answer of `GET /containers/ID/json`."""
    config, state = item.get("Config") or {}, item.get("State") or {}
    ports = (item.get("NetworkSettings") or {}).get("Ports") or {}
    return Container(
        id=item["Id"],
        name=(item.get("Name") or "").lstrip("/"),
        image=config.get("Image") or "",
        image_id=item.get("Image") or "",
        state=state.get("Status") or "",
        labels=config.get("Labels") or {},
        created=_time(item.get("Created") or ""),
        bindings=tuple(
            Binding(int(port.partition("/")[0]), bound.get("HostIp") or "", int(bound["HostPort"]))
            for port, bounds in ports.items()
            if port.endswith("/tcp")
            for bound in bounds or []
            if bound.get("HostPort")
        ),
        exit_code=state.get("ExitCode"),
    )


def listed_image(item: Mapping[str, Any]) -> Image:
    """Read an element of `GET /images/json`."""
    return Image(
        id=item["Id"],
        tags=_tags(item),
        labels=item.get("Labels") or {},
        size=item.get("Size") or 0,
    )


def inspected_image(item: Mapping[str, Any]) -> Image:
    """Read the answer of `GET /images/NAME/json`."""
    config = item.get("Config") or {}
    exposed = config.get("ExposedPorts") or {}
    return Image(
        id=item["Id"],
        tags=_tags(item),
        labels=config.get("Labels") or {},
        ports=tuple(sorted(int(port.partition("/")[0]) for port in exposed if port.endswith("/tcp"))),
        env=tuple(config.get("Env") or ()),
        user=config.get("User") or "",
        size=item.get("Size") or 0,
    )


def pull_progress(event: Mapping[str, Any]) -> Progress:
    """Read an event of `POST /images/create`."""
    detail = event.get("progressDetail") or {}
    return Progress(str(event.get("status", "")), event.get("id"), detail.get("current"), detail.get("total"))


def _name(names: list[str]) -> str:
    """Return the container's own name; links of other containers stand beside it as `/other/alias`."""
    own = [name.removeprefix("/") for name in names if "/" not in name.removeprefix("/")]
    return own[0] if own else ""


def _tags(item: Mapping[str, Any]) -> tuple[str, ...]:
    names = [*(item.get("RepoTags") or []), *(item.get("RepoDigests") or [])]
    return tuple(name for name in names if not name.startswith("<none>"))


def _time(text: str) -> datetime:
    """Read an RFC 3339 time with nanoseconds, as the engine writes it; some write their own time zone."""
    try:
        time = datetime.fromisoformat(re.sub(r"\.[0-9]+", "", text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
