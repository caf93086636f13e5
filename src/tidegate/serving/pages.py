"""The streams in a damaged database file, read from its pages without their order: every row has its own checksum.

Source: sqlite.org/fileformat2.html. SQLite reaches a row through the pages above it, and what its log holds only as far
as a chain of checksums is whole, so that one bit can cost it everything. Here each page is looked through by itself.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tidegate.serving.store import PAGE, SavedStream, checked

_LEAF, _INDEXES = 13, (2, 10)  # kinds of pages: rows of a table; entries of an index
_MAGIC = b"\x37\x7f\x06"  # of a log, before the byte that tells the order of its checksums
_FRAME = 24 + PAGE
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # bytes by serial type
_COLUMNS = 7  # of the table of streams, its row number first


def read_pages(data: bytes) -> tuple[dict[str, SavedStream], set[str]]:
    """All whole streams of a database file, the newest of each name, and all names that the file still tells."""
    found: dict[str, SavedStream] = {}
    names: set[str] = set()
    for start in range(0, len(data), PAGE):
        rows, told = _page(data, start)
        names |= told
        for saved in rows:
            names.add(saved.id)
            if saved.id not in found or found[saved.id].used < saved.used:
                found[saved.id] = saved
    return found, names


def _page(data: bytes, start: int) -> tuple[list[SavedStream], set[str]]:
    page = data[start : start + PAGE]
    head = 100 if start == 0 else 0  # of the file, before that of its first page
    if len(page) < head + 12 or not any(page):
        return [], set()
    kind, count = page[head], int.from_bytes(page[head + 3 : head + 5], "big")
    first = head + (12 if kind in (2, 5) else 8)
    cells = [int.from_bytes(page[first + 2 * i : first + 2 * i + 2], "big") for i in range(min(count, PAGE // 2))]
    if kind in _INDEXES:
        keys = (_values(data, start + cell + (4 if kind == 2 else 0), rows=False) for cell in cells)
        return [], {key[0] for key in keys if key is not None and isinstance(key[0], str)}
    rows = [_values(data, start + cell, rows=True) for cell in cells] if kind == _LEAF else [None]
    whole = [saved for row in rows if row is not None and (saved := _stream(row)) is not None]
    told = {row[1] for row in rows if row is not None and row[0] is None and isinstance(row[1], str)}
    if len(whole) < len(rows):  # something of the page is damaged: wherever a row may begin, look whether one does
        tried = (_values(data, start + place, rows=True) for place in range(head, len(page)))
        whole = [saved for row in tried if row is not None and (saved := _stream(row)) is not None]
    return whole, told


def _stream(row: list[Any]) -> SavedStream | None:
    return checked(tuple(row[1:])) if len(row) == _COLUMNS and row[0] is None else None


def _values(data: bytes, place: int, *, rows: bool) -> list[Any] | None:
    """The values of the record in the cell at a place; None when there is none."""
    try:
        size, place = _varint(data, place)
        if rows:
            _, place = _varint(data, place)
        content = b"".join(_payload(data, place, size, rows))
        end, at = _varint(content, 0)
        kinds = []
        while at < end:
            kind, at = _varint(content, at)
            kinds.append(kind)
        if not 0 < len(kinds) <= _COLUMNS + 1:
            return None
        values = []
        for kind in kinds:
            value, at = _value(content, at, kind)
            values.append(value)
    except (IndexError, UnicodeDecodeError, ValueError):
        return None
    return values


def _payload(data: bytes, place: int, size: int, rows: bool) -> Iterator[bytes]:
    """The bytes of a record, which may go on in other pages."""
    if not 0 < size <= len(data):
        raise ValueError
    most, least = (PAGE - 35 if rows else (PAGE - 12) * 64 // 255 - 23), (PAGE - 12) * 32 // 255 - 23
    if size <= most:
        yield data[place : place + size]
        return
    here = least + (size - least) % (PAGE - 4)
    here = here if here <= most else least
    yield data[place : place + here]
    place, size = place + here, size - here
    following = int.from_bytes(data[place : place + 4], "big")
    while size > 0:
        start = (following - 1) * PAGE
        if following < 1 or start + 4 > len(data):
            raise ValueError
        yield data[start + 4 : start + 4 + min(size, PAGE - 4)]
        size -= PAGE - 4
        following = int.from_bytes(data[start : start + 4], "big")


def _value(content: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (0, 8, 9):
        return {0: None, 8: 0, 9: 1}[kind], at
    size = _INTEGERS.get(kind, (kind - 12) // 2)
    part = content[at : at + size]
    if len(part) != size or kind in (7, 10, 11):
        raise ValueError
    if kind in _INTEGERS:
        return int.from_bytes(part, "big", signed=True), at + size
    return (part.decode() if kind % 2 else part), at + size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        byte = data[place + i]
        value = value << 7 | byte & 127
        if byte < 128:
            return value, place + i + 1
    return value << 8 | data[place + 8], place + 9


def with_log(data: bytes, log: bytes) -> tuple[bytes, str | None]:
    """A database with all that its log holds, and what is wrong with the log, if anything.

    The checksum of a frame goes on from that of the frame before, as it is stored, so each can be judged by itself. A
    damaged frame is used as it is, for rows have their own checksums; but at the end it is one whose writing was broken
    off, and what was cut off behind it cannot be seen.
    """
    frames = [log[at : at + _FRAME] for at in range(32, len(log) - _FRAME + 1, _FRAME)]
    if not frames:
        return data, None
    order = ">" if log[3] & 1 else "<"
    before = _pair(log[24:32])
    sound = log[:3] == _MAGIC and _chain(log[:24], (0, 0), order) == before
    salt = log[16:24] if sound else Counter(frame[8:16] for frame in frames).most_common(1)[0][0]
    good = [False] * len(frames)
    for i, frame in enumerate(frames):
        good[i] = frame[8:16] == salt and _chain(frame[:8] + frame[24:], before, order) == _pair(frame[16:24])
        before = _pair(frame[16:24])
    end = max((i + 1 for i in range(len(frames)) if good[i]), default=0)
    damaged = end - sum(good) - (not sound and end > 0 and not good[0])
    fault = None if sound and not damaged else f"{damaged or 1} damaged places in its log"
    return _applied(data, [frame for frame in frames[:end] if _bits(frame[8:16], salt) <= 1]), fault


def _applied(data: bytes, frames: list[bytes]) -> bytes:
    """A database with the pages of all frames up to the last that ends a transaction."""
    most = len(data) // PAGE + len(frames)
    last = max((i + 1 for i, frame in enumerate(frames) if any(frame[4:8])), default=0)
    pages = {_pair(frame[:8])[0]: frame[24:] for frame in frames[:last]}
    pages = {number: page for number, page in pages.items() if 0 < number <= most}
    merged = bytearray(data.ljust(max(pages, default=0) * PAGE, b"\0"))
    for number, page in pages.items():
        merged[(number - 1) * PAGE : number * PAGE] = page
    return bytes(merged)


def _chain(data: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def _pair(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")


def _bits(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
