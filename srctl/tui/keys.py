"""The keys: one table for what they do, the line at the bottom of the screen, and the help."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.binding import Binding

from srctl.tui.columns import width_of

SIGNS = {
    "enter": "⏎",
    "slash": "/",
    "backslash": "\\",
    "question_mark": "?",
    "colon": ":",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "circumflex_accent": "^",
    "dollar_sign": "$",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key: `label` stands in the bottom line, nothing where it is empty; `text` in the help.

    `changes` = what it does is not to be had with `--readonly`.
    """

    key: str
    action: str
    label: str
    text: str
    changes: bool = False

    @property
    def sign(self) -> str:
        """What is printed on it."""
        return " ".join(SIGNS.get(name, name) for name in self.key.split(","))


def bindings(keys: Iterable[Key]) -> list[Binding]:
    """Return the keys as Textual takes them; none is shown by its own means."""
    return [Binding(key.key, key.action, key.label, show=False) for key in keys]


def permitted(keys: Iterable[Key], readonly: bool) -> list[Key]:
    """Return the keys that do something."""
    return [key for key in keys if not (readonly and key.changes)]


def at(keys: Iterable[Key], shown: str, x: int) -> Key | None:
    """Return the key that stands in the bottom line at cell `x`."""
    end = 0
    for key in keys:
        word = f"{key.sign} {key.label}"
        start = shown.find(word, end) if key.label else -1
        if start >= 0:
            end = start + len(word)
            if width_of(shown[:start]) <= x < width_of(shown[:end]):
                return key
    return None


def command_line(command: str, width: int) -> str:
    """Return the line with a command, with the key that copies it where there is room for that."""
    room = width - len(" $ ") - len("  y copy ")
    if not command:
        return ""
    return f" $ {command:<{room}}  y copy" if len(command) <= room else f" $ {command}"


def line(keys: Sequence[Key], width: int) -> str:
    """Return the bottom line: as many keys, from the left, as there is room for; of the last two as many as fit."""
    shown = [f"{key.sign} {key.label}" for key in keys if key.label]
    *most, before, last = ["", "", *shown]
    for chosen in (*([*most[:count], before, last] for count in range(len(most), -1, -1)), [last]):
        text = " " + "  ".join(filter(None, chosen))
        if width_of(text) <= width:
            break
    return text
