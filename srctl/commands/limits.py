"""The options that limit what a session may take, which grants and the defaults of applications share."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import typer

from srctl import bounds, limits
from srctl.bounds import BOUNDS
from srctl.models import Limits

_OPTIONS: dict[str, Any] = {
    name: Annotated[str | None, typer.Option(limits.option(name), metavar=bound.sign, help=bound.meaning)]
    for name, bound in BOUNDS.items()
}
_OPTIONS["read_only"] = Annotated[
    bool | None, typer.Option("--read-only/--no-read-only", help=BOUNDS["read_only"].meaning)
]


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
    texts = {name: value for name, value in given.items() if value is not None}
    read_only = texts.pop("read_only", None)
    return replace(bounds.read(texts), read_only=read_only)
