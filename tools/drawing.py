"""A picture of a terminal as SVG, without fonts from anywhere: what it shows stands in it as plain text too.

So two pictures can be compared row by row, and a change is read in a diff. Colours are compared only where both were
made with the same version of the library that mixes them.
"""

from __future__ import annotations

import html
import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from rich.cells import cell_len

WIDE, HIGH, SIZE, EDGE = 8.4, 17, 14, 8
"""In pixels: a cell, the letters, and what is around all."""

INK, PAPER = "#d8d8d8", "#101010"
"""What a terminal has by itself."""

FONTS = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
LETTERS = string.ascii_letters + string.digits + "!#$%()*+,-./:;=?@[]^_{|}~"
PIECE = re.compile("[!-~]+(?: [!-~]+)*|[\u2500-\u259f]+|[\u0590-\u08ff]+|\\S[\u0300-\u036f]*")
"""What is drawn at a place of its own: a phrase, a piece of a frame, a word that runs to the left, a sign."""

PLAIN = re.compile(r"<metadata><!\[CDATA\[\n(.*)\n\]\]></metadata>", re.DOTALL)


@dataclass(frozen=True)
class Look:
    """How a cell looks: colours as `#rrggbb`, `-` for the terminal's own, and attributes."""

    ink: str = "-"
    paper: str = "-"
    attributes: str = ""

    @property
    def drawn(self) -> tuple[str, str]:
        """The colours of letters and of what is behind them."""
        ink, paper = (self.ink.replace("-", INK), self.paper.replace("-", PAPER))
        return (paper, ink) if "reverse" in self.attributes else (ink, paper)

    def __str__(self) -> str:
        return f"{self.ink} on {self.paper} {self.attributes}".strip()


Row = Sequence[tuple[str, Look]]
"""Texts one after another, and how each looks."""


@dataclass(frozen=True)
class Picture:
    """What a terminal shows; `says` tells what the eye should see in it, `maker` what mixed its colours."""

    says: str
    maker: str
    rows: Sequence[Row]

    @property
    def lines(self) -> list[str]:
        """Its text."""
        return ["".join(text for text, _ in row) for row in self.rows]

    def svg(self) -> str:
        """Return it as SVG."""
        looks = list(dict.fromkeys(look for row in self.rows for _, look in row))
        columns = max(cell_len(line) for line in self.lines)
        width, height = columns * WIDE + 2 * EDGE, len(self.rows) * HIGH + 2 * EDGE
        paper = self._paper()
        styles = [f"text{{white-space:pre;font:{SIZE}px {FONTS}}}"]
        styles += [f".{_name(number)}{{{_css(look)}}}" for number, look in enumerate(looks)]
        body = [line for y, row in enumerate(self.rows) for line in _drawn(row, y, looks, paper)]
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}">',
                f"<title>{_escaped(self.says)}</title>",
                f"<metadata><![CDATA[\n{self._plainly(looks)}\n]]></metadata>",
                f"<style>{''.join(styles)}</style>",
                f'<rect width="100%" height="100%" rx="6" fill="{paper}"/>',
                *body,
                "</svg>\n",
            ]
        )

    def _paper(self) -> str:
        """Return the colour that most of it has behind its letters."""
        cells: Counter[str] = Counter()
        for row in self.rows:
            for text, look in row:
                cells[look.drawn[1]] += cell_len(text)
        return cells.most_common(1)[0][0]

    def _plainly(self, looks: Sequence[Look]) -> str:
        """Return what it shows in lines: text, and for each the letters of its looks with how many cells have them."""
        head = [self.says, self.maker, "", *(f"|{line}|" for line in self.lines), ""]
        legend = [f"{LETTERS[number]} {look}" for number, look in enumerate(looks)]
        runs = [" ".join(f"{LETTERS[looks.index(look)]}{len(text)}" for text, look in row) for row in self.rows]
        return "\n".join([*head, *legend, "", *runs])


def read(svg: str) -> Picture:
    """Return the picture of an SVG that was made here."""
    found = PLAIN.search(svg)
    if found is None:
        raise ValueError("This is none of our pictures")
    head, lines, legend, runs = (part.split("\n") for part in found[1].split("\n\n"))
    looks = {}
    for line in legend:
        ink, _, paper, *attributes = line[2:].split(" ")
        looks[line[0]] = Look(ink, paper, " ".join(attributes))
    rows = []
    for line, marks in zip(lines, runs, strict=True):
        rest, row = line[1:-1], []
        for mark in marks.split(" "):
            count = int(mark[1:])
            row.append((rest[:count], looks[mark[0]]))
            rest = rest[count:]
        rows.append(row)
    return Picture(head[0], head[1], rows)


def difference(before: Picture, after: Picture) -> str:
    """Return how two pictures differ, in words and row by row; empty where they show the same."""
    colours = before.maker == after.maker
    told = []
    if before.says != after.says:
        told += ["says:", f"  - {before.says}", f"  + {after.says}"]
    for number, (old, new) in enumerate(zip_longest(before.rows, after.rows, fillvalue=())):
        texts = ["".join(text for text, _ in row) for row in (old, new)]
        if texts[0] != texts[1]:
            told += [f"row {number}:", f"  - {texts[0]}", f"  + {texts[1]}"]
        else:
            told += [f"row {number}: {each}" for each in _looking_otherwise(old, new, colours)]
    return "\n".join(told)


def _looking_otherwise(old: Row, new: Row, colours: bool) -> Iterator[str]:
    """Yield the texts of a row that are the same and look otherwise."""
    looks = [
        [look if colours else Look(attributes=look.attributes) for text, look in row for _ in text]
        for row in (old, new)
    ]
    text = "".join(text for text, _ in old)
    cells = zip(text, *looks, strict=True)
    for (was, now), group in groupby(cells, key=lambda cell: (cell[1], cell[2])):
        if was != now:
            yield f"{''.join(char for char, *_ in group)!r} was {was}, is {now}"


def _drawn(row: Row, y: int, looks: Sequence[Look], paper: str) -> Iterator[str]:
    x, top = 0, EDGE + y * HIGH
    for text, look in row:
        width = cell_len(text)
        if look.drawn[1] != paper:
            yield (
                f'<rect x="{EDGE + x * WIDE:.1f}" y="{top}" width="{width * WIDE:.1f}" height="{HIGH}" '
                f'fill="{look.drawn[1]}"/>'
            )
        for piece in PIECE.finditer(text):
            left, wide = x + cell_len(text[: piece.start()]), cell_len(piece[0])
            yield (
                f'<text class="{_name(looks.index(look))}" x="{EDGE + left * WIDE:.1f}" y="{top + SIZE}" '
                f'textLength="{wide * WIDE:.1f}" lengthAdjust="spacingAndGlyphs">{_escaped(piece[0])}</text>'
            )
        x += width


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _css(look: Look) -> str:
    words = {
        "bold": "font-weight:bold",
        "italic": "font-style:italic",
        "underline": "text-decoration:underline",
        "dim": "opacity:.6",
    }
    return ";".join([f"fill:{look.drawn[0]}", *(words[each] for each in look.attributes.split() if each in words)])


def _name(number: int) -> str:
    return f"s{number}"
