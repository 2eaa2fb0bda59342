"""Draw the icons of the reference images: `python images/draw_icons.py` writes icon.png and the Dockerfile's label.

Shapes are functions of a point in a square from 0 to 128; four samples in each direction smooth their edges.
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

SIZE = 128
SAMPLES = 4
CLEAR = (0, 0, 0, 0)

Colour = tuple[int, int, int, int]
Picture = Callable[[float, float], Colour]


def box(x: float, y: float, edges: tuple[int, int, int, int], radius: float = 0) -> bool:
    """Tell whether a point lies within the edges (left, top, right, bottom), with rounded corners."""
    left, top, right, bottom = edges
    dx = max(left + radius - x, 0, x - right + radius)
    dy = max(top + radius - y, 0, y - bottom + radius)
    return dx * dx + dy * dy <= radius * radius if radius else left <= x < right and top <= y < bottom


def desktop(x: float, y: float) -> Colour:
    """Colour of a monitor that shows a terminal's prompt."""
    if 40 <= x < 54 + abs(y - 56) and abs(abs(y - 56) - (60 - x)) < 5 and x < 62 and abs(y - 56) < 22:
        return (126, 217, 158, 255)
    if box(x, y, (66, 68, 92, 76)):
        return (223, 231, 238, 255)
    if box(x, y, (16, 26, 112, 88), 4):
        return (23, 33, 43, 255)
    if box(x, y, (8, 18, 120, 96), 10) or box(x, y, (56, 96, 72, 108)) or box(x, y, (40, 106, 88, 114), 4):
        return (61, 90, 116, 255)
    return CLEAR


def web(x: float, y: float) -> Colour:
    """Colour of a globe with its meridians."""
    dx, dy = (x - 64) / 54, (y - 64) / 54
    if dx * dx + dy * dy > 1:
        return CLEAR
    rim = dx * dx + dy * dy > 0.87
    width = (1 - dy * dy) ** 0.5
    lines = (abs(dx), abs(dy), abs(abs(dx) - 0.52 * width), abs(abs(dy) - 0.5))
    return (223, 231, 238, 255) if rim or min(lines) < 0.035 else (61, 90, 116, 255)


def sample(picture: Picture, column: int, row: int) -> bytes:
    """Return a pixel as the mean of the samples in it."""
    steps = [(index + 0.5) / SAMPLES for index in range(SAMPLES)]
    colours = [picture(column + dx, row + dy) for dx in steps for dy in steps]
    alpha = sum(colour[3] for colour in colours)
    mixed = [sum(c[part] * c[3] for c in colours) // alpha if alpha else 0 for part in range(3)]
    return bytes([*mixed, alpha // len(colours)])


def png(picture: Picture) -> bytes:
    """Return a picture as PNG, 128 x 128, with transparency."""
    rows = b"".join(b"\0" + b"".join(sample(picture, x, y) for x in range(SIZE)) for y in range(SIZE))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main() -> None:
    """Write the icons beside the Dockerfiles, and into them."""
    for name, picture in (("desktop", desktop), ("web", web)):
        folder = Path(__file__).parent / name
        (folder / "icon.png").write_bytes(png(picture))
        label = f'LABEL eu.simphony-project.docker.icon_128="{base64.b64encode(png(picture)).decode()}"\n'
        lines = (folder / "Dockerfile").read_text()
        (folder / "Dockerfile").write_text(re.sub(r"LABEL \S+icon_128=.*\n", "", lines) + label)


if __name__ == "__main__":
    main()
