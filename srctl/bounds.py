"""Limits as people write them: what each one means, how it is read, and how it is written. Pure.

The command line and the form of the screen have their words from here, so that both read and refuse the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from srctl import limits, sizes
from srctl.errors import UsageError
from srctl.models import Limits


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit: what stands for its value, and what it means. It has one of the `words`, or any text that is read."""

    sign: str
    meaning: str
    words: tuple[str, ...] = ()


BOUNDS = {
    "cpus": Bound("N", "At most so many CPUs, e.g. 1.5."),
    "memory": Bound("SIZE", "At most so much memory, e.g. 4g."),
    "gpus": Bound("N|all", "all, how many, or 0 for none."),
    "shm_size": Bound("SIZE", "Shared memory, e.g. 512m; browsers need it."),
    "pids": Bound("N", "At most so many processes."),
    "network": Bound("KIND", "bridge, isolated (nothing but its page) or none.", limits.NETWORKS[::-1]),
    "read_only": Bound("", "Its files can't be changed, but for /tmp, /run and mounts.", ("yes", "no")),
    "max_sessions": Bound("N", "At most so many at once, over all members."),
    "max_lifetime": Bound("TIME", "A session is ended after so long, e.g. 12h."),
    "idle_timeout": Bound("TIME", "It is ended when unused for so long, e.g. 2h."),
    "expires": Bound("DATE", "From then on the grant permits nothing (UTC)."),
}
"""All limits by name, in their order."""

_READ: dict[str, Callable[[str], Any]] = {
    "cpus": limits.parse_number,
    "memory": sizes.parse,
    "shm_size": sizes.parse,
    "pids": limits.parse_count,
    "read_only": {"yes": True, "no": False}.get,
    "max_sessions": limits.parse_count,
    "max_lifetime": limits.parse_length,
    "idle_timeout": limits.parse_length,
    "expires": limits.parse_moment,
}


def read(texts: Mapping[str, str]) -> Limits:
    """Return the limits that texts say, by their names. Raises `UsageError` for one that can't be read."""
    found: dict[str, Any] = {name: _READ.get(name, str)(text) for name, text in texts.items()}
    return Limits(**found)


def wrong(texts: Mapping[str, str]) -> str | None:
    """Return the first limit that can't be read or makes no sense; `None` where each does."""
    for name, text in texts.items():
        try:
            limits.checked(limits.set_ones(read({name: text})))
        except UsageError:
            return name
    return None


def written(values: Limits) -> dict[str, str]:
    """Return the limits that are set as texts that `read` reads, by their names."""
    texts = limits.as_texts(values)
    return texts if values.read_only is None else texts | {"read_only": "yes" if values.read_only else "no"}
