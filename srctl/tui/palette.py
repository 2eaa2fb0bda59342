"""The command palette: all that can be done now, found by any letters of it. Nothing of it is loaded before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from srctl.tui.keys import Key

SIGNS, ROOMY = 11, 60
"""Cells for the signs of keys, on screens that have at least so many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to do: its key where it has one, what it is, and the action on a part of the screen."""

    sign: str
    text: str
    action: str
    target: DOMNode


class _Listed(DiscoveryHit):
    """Stays in the order in which it was offered."""

    def __lt__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


class _Entries(Provider):
    """Searches entries; each palette has a kind of its own, since Textual makes what it searches by itself."""

    found: ClassVar[Sequence[Entry]] = ()

    async def search(self, query: str) -> Hits:
        """Find what has the letters of the query in it."""
        matcher = self.matcher(query)
        for entry in self.found:
            said = self._said(entry)
            score = matcher.match(said)
            if score > 0:
                yield Hit(score, matcher.highlight(said), self._doing(entry), entry.text)

    async def discover(self) -> Hits:
        """List everything."""
        for entry in self.found:
            yield _Listed(Content(self._said(entry)), self._doing(entry), entry.text)

    def _said(self, entry: Entry) -> str:
        """Return the line that is searched and shown."""
        return f"{entry.sign:>{SIGNS}}  {entry.text}" if self.app.size.width >= ROOMY else f"{entry.sign}  {entry.text}"

    def _doing(self, entry: Entry) -> Any:
        return lambda: self.app.run_action(entry.action, entry.target)


class Palette(CommandPalette):
    """Textual's, with more room for what is found."""

    CSS = """
    Palette > Vertical { margin-top: 1; }
    Palette SearchIcon { display: none; }
    Palette #--input { padding-left: 1; }
    Palette CommandList {
        scrollbar-size: 1 1;
        scrollbar-color: $primary;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
    }
    Palette CommandList > .option-list--option { padding: 0 1; }
    """


def entries(keys: Iterable[Key], target: DOMNode) -> list[Entry]:
    """Return an entry for each key that does something."""
    return [Entry(key.sign, key.text, key.action, target) for key in keys if key.action]


def themes(names: Iterable[str], app: DOMNode) -> list[Entry]:
    """Return an entry for each theme."""
    return [Entry("", f"Colours: {name}", f"wear({name!r})", app) for name in names]


def palette(found: Sequence[Entry], placeholder: str) -> Palette:
    """Return a palette of these entries."""
    return Palette(providers=[type("_Found", (_Entries,), {"found": found})], placeholder=placeholder)
