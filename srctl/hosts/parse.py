"""Read the Engine API's answers into our models. Fields that may be null in the wild are treated so.

Nothing is taken on trust: ports and addresses end up in URLs, and what answers may be no engine at all.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, TypeVar

from srctl.errors import UnreachableError
from srctl.models import Binding, Container, Counters, EngineInfo, Image, Progress, Usage

T = TypeVar("T")

_MOST_CORES = 1 << 16
_MOST_BYTES = 1 << 63


class NotAnEngineError(UnreachableError):
    """What answers is not a Docker engine; `faults.translated` adds which host it is."""

    def __init__(self, message: str = "What answers there is not a Docker engine", hint: str = "Check its URL") -> None:
        super().__init__(message, hint)


@contextmanager
def engine_only() -> Iterator[None]:
    """Raise `NotAnEngineError` for whatever goes wrong while an answer is read."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
        raise NotAnEngineError from error


@engine_only()
def listed(answer: Any, read: Callable[[Mapping[str, Any]], T]) -> list[T]:
    """Read an answer that is a list, element by element. Raises `NotAnEngineError`."""
    if not isinstance(answer, list):
        raise NotAnEngineError
    return [read(item) for item in answer]


@engine_only()
def field(answer: Any, name: str) -> str:
    """Return a text that must be in an answer. Raises `NotAnEngineError`."""
    if not isinstance(answer[name], str):
        raise TypeError
    return str(answer[name])


@engine_only()
def listed_container(item: Mapping[str, Any]) -> Container:
    """Read an element of `GET /containers/json`. Raises `NotAnEngineError`, as do the others here."""
    ports = [port for port in _of(list, item.get("Ports"), []) if port.get("Type", "tcp") == "tcp"]
    return Container(
        id=_text(item["Id"]),
        name=_name(_texts(item.get("Names"))),
        image=_text(item.get("Image")),
        image_id=_text(item.get("ImageID")),
        state=_text(item.get("State")),
        labels=_labels(item.get("Labels")),
        created=datetime.fromtimestamp(item.get("Created") or 0, UTC),
        bindings=_bindings((port.get("PrivatePort"), port.get("IP"), port.get("PublicPort")) for port in ports),
    )


@engine_only()
def inspected_container(item: Mapping[str, Any]) -> Container:
    """Read the answer of `GET /containers/ID/json`."""
    config, state = item.get("Config") or {}, item.get("State") or {}
    ports = (item.get("NetworkSettings") or {}).get("Ports") or {}
    return Container(
        id=_text(item["Id"]),
        name=_text(item.get("Name")).lstrip("/"),
        image=_text(config.get("Image")),
        image_id=_text(item.get("Image")),
        state=_text(state.get("Status")),
        labels=_labels(config.get("Labels")),
        created=_time(_text(item.get("Created"))),
        bindings=_bindings(
            (_number(port.removesuffix("/tcp")), bound.get("HostIp"), _number(bound.get("HostPort")))
            for port, bounds in ports.items()
            if port.endswith("/tcp")
            for bound in bounds or []
        ),
        exit_code=_of(int, state.get("ExitCode"), None),
        finished=_moment(_text(state.get("FinishedAt"))),
    )


@engine_only()
def counters(answer: Mapping[str, Any]) -> Counters | None:
    """Read the answer of `GET /containers/ID/stats`; one that does not run has used nothing."""
    used = (answer.get("cpu_stats") or {}).get("cpu_usage") or {}
    if not (nanoseconds := _of(int, used.get("total_usage"), 0)):
        return None
    links = answer.get("networks")
    if links is None:
        return Counters(nanoseconds / 1e9, None)
    return Counters(nanoseconds / 1e9, sum(_of(int, link.get("tx_bytes"), 0) for link in links.values()))


@engine_only()
def death(event: Mapping[str, Any]) -> tuple[str, datetime]:
    """Read an event of the end of a container's process: its id, and when."""
    return _text(event["Actor"]["ID"]), datetime.fromtimestamp(_of(int, event["timeNano"], 0) / 1e9, UTC)


@engine_only()
def listed_image(item: Mapping[str, Any]) -> Image:
    """Read an element of `GET /images/json`."""
    return Image(
        id=_text(item["Id"]),
        tags=_tags(item),
        labels=_labels(item.get("Labels")),
        size=_of(int, item.get("Size"), 0),
    )


@engine_only()
def inspected_image(item: Mapping[str, Any]) -> Image:
    """Read the answer of `GET /images/NAME/json`."""
    config = item.get("Config") or {}
    exposed = [_number(port.removesuffix("/tcp")) for port in config.get("ExposedPorts") or {} if port.endswith("/tcp")]
    return Image(
        id=_text(item["Id"]),
        tags=_tags(item),
        labels=_labels(config.get("Labels")),
        ports=tuple(sorted(port for port in exposed if port is not None and _is_port(port))),
        env=_texts(config.get("Env")),
        user=_text(config.get("User")),
        size=_of(int, item.get("Size"), 0),
    )


@engine_only()
def pull_progress(event: Mapping[str, Any]) -> Progress:
    """Read an event of `POST /images/create`."""
    detail = event.get("progressDetail") or {}
    current, total = _of(int, detail.get("current"), None), _of(int, detail.get("total"), None)
    return Progress(str(event.get("status", "")), _of(str, event.get("id"), None), current, total)


@engine_only()
def engine_info(answer: Mapping[str, Any]) -> EngineInfo:
    """Read the answer of `GET /info`."""
    return EngineInfo(
        version=_text(answer["ServerVersion"]),
        system=_text(answer.get("OperatingSystem")),
        cores=_count(answer.get("NCPU"), _MOST_CORES) or 0,
        memory=_count(answer.get("MemTotal")) or 0,
        running=_count(answer.get("ContainersRunning")) or 0,
        machine=_text(answer.get("Name")),
    )


@engine_only()
def usage(container_id: str, item: Mapping[str, Any]) -> Usage:
    """Read a line of `GET /containers/ID/stats`, with what `docker stats` would say of it."""
    memory = _of(dict, item.get("memory_stats"), {})
    return Usage(
        container_id,
        cpu=_processor(_of(dict, item.get("cpu_stats"), {}), _of(dict, item.get("precpu_stats"), {})),
        memory=_memory(_count(memory.get("usage")), _of(dict, memory.get("stats"), {})),
        limit=_count(memory.get("limit")),
    )


def _processor(now: Mapping[str, Any], before: Mapping[str, Any]) -> float | None:
    """Return the share of one core in percent: the container's part of the system's time, times the cores."""
    system, earlier = _count(now.get("system_cpu_usage")), _count(before.get("system_cpu_usage"))
    if not system or not earlier:  # the first line has no line before it
        return None
    taken, taken_earlier = _of(dict, now.get("cpu_usage"), {}), _of(dict, before.get("cpu_usage"), {})
    cores = _count(now.get("online_cpus"), _MOST_CORES) or len(_of(list, taken.get("percpu_usage"), [])) or 1
    used = (_count(taken.get("total_usage")) or 0) - (_count(taken_earlier.get("total_usage")) or 0)
    if used <= 0 or system <= earlier:
        return 0.0
    return min(used / (system - earlier), 1.0) * cores * 100.0


def _memory(usage: int | None, stats: Mapping[str, Any]) -> int | None:
    """Return what is in use, without the files' pages that the kernel would give up first (cgroup 1 and 2)."""
    name = "total_inactive_file" if "total_inactive_file" in stats else "inactive_file"
    inactive = _count(stats.get(name)) or 0
    return usage if usage is None or inactive >= usage else usage - inactive


def _count(value: Any, most: int = _MOST_BYTES) -> int | None:
    """Return a number that counts something, `None` for null. Raises `ValueError` for one that can't be."""
    found: int | None = _of(int, value, None)
    if found is not None and (isinstance(found, bool) or not 0 <= found <= most):
        raise ValueError
    return found


def _of(kind: type[Any], value: Any, missing: Any) -> Any:
    """Return the value if it is of its kind, `missing` for null. Raises `TypeError`."""
    if value is not None and not isinstance(value, kind):
        raise TypeError
    return missing if value is None else value


def _text(value: Any) -> str:
    return str(_of(str, value, ""))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _of(list, value, []))


def _labels(value: Any) -> dict[str, str]:
    return {name: _text(text) for name, text in _of(dict, value, {}).items()}


def _bindings(found: Iterable[tuple[Any, Any, Any]]) -> tuple[Binding, ...]:
    """Return the bindings (container port, address, port) that can be: they will stand in a URL."""
    return tuple(
        Binding(inside, address or "", port)
        for inside, address, port in found
        if _is_port(inside) and _is_port(port) and _is_address(address or "")
    )


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


def _is_address(value: Any) -> bool:
    """Tell whether it is an IP address or empty; one with a zone (`%`), which may hold anything, is not."""
    if value == "":
        return True
    try:
        return isinstance(value, str) and "%" not in value and bool(ip_address(value))
    except ValueError:
        return False


def _number(value: Any) -> int | None:
    """Return the number that a text of a few ASCII digits means, `None` for all else."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value) else None


def _name(names: Iterable[str]) -> str:
    """Return the container's own name; links of other containers stand beside it as `/other/alias`."""
    own = [name.removeprefix("/") for name in names if "/" not in name.removeprefix("/")]
    return own[0] if own else ""


def _tags(item: Mapping[str, Any]) -> tuple[str, ...]:
    names = [*_texts(item.get("RepoTags")), *_texts(item.get("RepoDigests"))]
    return tuple(name for name in names if not name.startswith("<none>"))


def _moment(text: str) -> datetime | None:
    """Read a time that may never have been: the engine writes the year 1 then."""
    found = _time(text)
    return found if found.year > 1970 else None


def _time(text: str) -> datetime:
    """Read an RFC 3339 time with nanoseconds, as the engine writes it; some write their own time zone."""
    try:
        time = datetime.fromisoformat(re.sub(r"\.[0-9]+", "", text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
