"""What the screen remembers from one run to the next: the pane, how each is sorted, and the theme.

It is a convenience and no more: what can't be read or understood is as good as nothing, what can't be written is lost,
and neither is worth a word. Of two screens at once, the one that ends last is remembered.
"""

import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srctl.folders import make_private
from srctl.shared_files import replace_file

VERSION = 1
Order = tuple[str, bool]
"""The title of the column that rows are sorted by, and whether backwards."""

_LARGEST = 16 * 1024


@dataclass
class Kept:
    """Names of a pane and of a theme, empty where the person has chosen none, and orders by the names of panes."""

    pane: str = ""
    theme: str = ""
    orders: dict[str, Order] = field(default_factory=dict)


def default_path() -> Path | None:
    """Return where it is kept, `None` where there is no home."""
    from platformdirs import user_state_path

    try:
        return user_state_path("srctl", appauthor=False) / "screen.json"
    except RuntimeError:
        return None


def read(path: Path | None) -> Kept:
    """Return what was kept, as far as it can be understood. The names in it are checked by nobody yet."""
    try:
        found = json.loads(_content(path)) if path is not None else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return Kept()
    return Kept(_text(found.get("pane")), _text(found.get("theme")), _orders(found.get("orders")))


def write(path: Path | None, kept: Kept) -> None:
    """Keep it, if that can be done."""
    if path is None:
        return
    content = {"version": VERSION, "pane": kept.pane, "theme": kept.theme, "orders": kept.orders}
    with suppress(OSError):
        make_private(path.parent)
        replace_file(path, json.dumps(content, indent=2).encode())


def _content(path: Path) -> bytes:
    """Return the content of a file of a size that may be; what is no file, such as a pipe, is not waited for."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise OSError(f"{path} is not what is kept")
        return stream.read(_LARGEST)


def _orders(found: Any) -> dict[str, Order]:
    orders = {}
    for pane, order in found.items() if isinstance(found, dict) else ():
        match order:
            case [str() as title, bool() as backwards]:
                orders[pane] = (title, backwards)
    return orders


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
