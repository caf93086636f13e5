"""Which time zone do the texts of a time column name; a column has one zone or none."""

from __future__ import annotations

import re

import numpy as np

from tidegate.errors import DataError
from tidegate.tables.messages import row_list

_ZONE = re.compile(r"(?<=\d)\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|(?<=:\d\d)[+-]\d{2})$", re.IGNORECASE)


def without_zone(text: str) -> str:
    """A stamp's text without the zone at its end."""
    return _ZONE.sub("", text) if _may_name_zone(text) else text


def shared_zone(texts: list[str], codes: np.ndarray, name: str) -> str | None:
    """The zone at the end of every text, as written; None where there is none.

    Args:
        texts: the distinct values.
        codes: (R,) which of them each row holds; for row numbers in messages.
        name: the column's name.

    Raises:
        DataError: where rows are in different zones.
    """
    zones = [_zone(text) for text in texts]
    offsets = np.array([np.nan if not zone else offset_ns(zone) for zone in zones])
    if len(set(map(str, offsets))) == 1:
        return zones[0] or None
    row = offsets[codes]
    other = np.flatnonzero((row != row[0]) & ~(np.isnan(row) & np.isnan(row[0])))
    raise DataError(
        f"the time column {name!r} mixes time zones: row 1 has {zones[codes[0]] or 'no offset'} but {row_list(other)} "
        f"{zones[codes[other[0]]] or 'no offset'}; convert all stamps to one zone, for instance UTC"
    )


def offset_ns(zone: str) -> int:
    """Nanoseconds between a zone, as written, and UTC."""
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:])) * 60 * 10**9


def zone_name(zone: str) -> str:
    """A zone's name as `Columns.zone` holds it: UTC or +01:00."""
    minutes = offset_ns(zone) // (60 * 10**9)
    return f"{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "UTC"


def _zone(text: str) -> str:
    match = _ZONE.search(text) if _may_name_zone(text) else None
    return match[1].upper() if match else ""


def _may_name_zone(text: str) -> bool:
    """Without a time of day, the end of 2020-01-05 is no offset."""
    return ":" in text or text[-1:] in ("Z", "z")
