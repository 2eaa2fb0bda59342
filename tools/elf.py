"""Which shared libraries an ELF program asks for, read from its bytes (System V ABI, 64 bit, little endian)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
DYNAMIC_ENTRY = struct.Struct("<QQ")
LOAD, DYNAMIC = 1, 2
NEEDED, STRINGS = 1, 5


def is_program(data: bytes) -> bool:
    """Tell whether these bytes are an ELF file of the kind that we read."""
    return data[:6] == b"\x7fELF\x02\x01"


def needed(data: bytes) -> list[str]:
    """Return the names of the libraries that a program or library is linked to."""
    headers = list(program_headers(data))
    entries = [entry for kind, start, _, size in headers if kind == DYNAMIC for entry in dynamic(data, start, size)]
    tables = [value for tag, value in entries if tag == STRINGS]
    if not tables:
        return []
    strings = next(
        offset + tables[0] - at for kind, offset, at, size in headers if kind == LOAD and 0 <= tables[0] - at < size
    )
    return [text_at(data, strings + value) for tag, value in entries if tag == NEEDED]


def program_headers(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Give (type, offset in the file, address, size in the file) of each segment."""
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _, offset, address, _, length, _, _ = PROGRAM_HEADER.unpack_from(data, start + index * size)
        yield kind, offset, address, length


def dynamic(data: bytes, start: int, size: int) -> Iterator[tuple[int, int]]:
    """Give (tag, value) of each entry of the dynamic section."""
    for position in range(start, start + size, DYNAMIC_ENTRY.size):
        tag, value = DYNAMIC_ENTRY.unpack_from(data, position)
        if tag == 0:
            return
        yield tag, value


def text_at(data: bytes, position: int) -> str:
    """Return the text that ends at the next zero byte."""
    return data[position : data.index(b"\0", position)].decode()
