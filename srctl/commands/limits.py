"""The options that limit what a session may take, which grants and the defaults of applications share."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from srctl import limits, sizes
from srctl.models import Limits

_OPTIONS: dict[str, Any] = {
    "cpus": Annotated[str | None, typer.Option("--cpus", metavar="N", help="At most so many CPUs, e.g. 1.5.")],
    "memory": Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="At most so much memory, e.g. 4g.")],
    "gpus": Annotated[str | None, typer.Option("--gpus", metavar="N|all", help="all, how many, or 0 for none.")],
    "shm_size": Annotated[
        str | None, typer.Option("--shm-size", metavar="SIZE", help="Shared memory, e.g. 512m; browsers need it.")
    ],
    "pids": Annotated[str | None, typer.Option("--pids", metavar="N", help="At most so many processes.")],
    "network": Annotated[
        str | None,
        typer.Option("--network", metavar="KIND", help="bridge, isolated (nothing but its page) or none."),
    ],
    "read_only": Annotated[
        bool | None,
        typer.Option("--read-only/--no-read-only", help="Its files can't be changed, but for /tmp, /run and mounts."),
    ],
    "max_sessions": Annotated[
        str | None, typer.Option("--max-sessions", metavar="N", help="At most so many at once, over all members.")
    ],
    "max_lifetime": Annotated[
        str | None, typer.Option("--max-lifetime", metavar="TIME", help="A session is ended after so long, e.g. 12h.")
    ],
    "idle_timeout": Annotated[
        str | None, typer.Option("--idle-timeout", metavar="TIME", help="It is ended when unused for so long, e.g. 2h.")
    ],
    "expires": Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="From then on the grant permits nothing (UTC).")
    ],
}
_READ: dict[str, Callable[[str], Any]] = {
    "cpus": limits.parse_number,
    "memory": sizes.parse,
    "shm_size": sizes.parse,
    "pids": limits.parse_count,
    "max_sessions": limits.parse_count,
    "max_lifetime": limits.parse_length,
    "idle_timeout": limits.parse_length,
    "expires": limits.parse_moment,
}


def limited(*, without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that limit a session; it gets what was given as `within`. Goes below `verb`."""
    names = [name for name in _OPTIONS if name not in without]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(*given: Any, **values: Any) -> None:
            texts = {name: values.pop(name) for name in names}
            function(*given, **values, within=_limits(texts))

        kind = inspect.Parameter.KEYWORD_ONLY
        own = [each for each in inspect.signature(function, eval_str=True).parameters.values() if each.name != "within"]
        added = [inspect.Parameter(name, kind, annotation=_OPTIONS[name], default=None) for name in names]
        command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        return command

    return decorate


def _limits(given: dict[str, Any]) -> Limits:
    """Return the limits that were given. Raises `UsageError`."""
    found = {name: value for name, value in given.items() if value is not None}
    return Limits(**{name: _READ[name](value) if name in _READ else value for name, value in found.items()})
