"""Which time zone do the texts of a time column name; a column has one clock or none."""

from __future__ import annotations

import re

import numpy as np

from tidegate.errors import DataError
from tidegate.tables.messages import row_list

_ZONE = re.compile(r"(?<=\d)\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|(?<=:\d\d)[+-]\d{2})$", re.IGNORECASE)


def without_zone(text: str) -> str:
    """A stamp's text without the zone at its end."""
    return _ZONE.sub("", text) if _may_name_zone(text) else text


def offsets_of(texts: list[str], codes: np.ndarray, name: str) -> np.ndarray | None:
    """Nanoseconds (U,) between the zone at the end of each text and UTC; None where no text names a zone.

    Args:
        texts: the distinct values.
        codes: (R,) which of them each row holds; for row numbers in messages.
        name: the column's name.

    Raises:
        DataError: where some rows have a zone and others none.
    """
    zones = [_zone(text) for text in texts]
    named = np.array([bool(zone) for zone in zones])
    if named.any() and not named.all():
        raise _mixed(zones, named, codes, name)
    return np.array([offset_ns(zone) for zone in zones]) if named.any() else None


def refuse_other_zones(universal: np.ndarray, offsets: np.ndarray, codes: np.ndarray, name: str) -> None:
    """Raise a DataError unless one clock, set forward and back by an hour at most, shows all these offsets.

    Args:
        universal: (U,) distinct stamps in UTC, as datetime64[ns].
        offsets: (U,) their offsets, as `offsets_of` gives them.
        codes, name: as there.
    """
    if (offsets == offsets[0]).all():
        return
    order = np.argsort(universal, kind="stable")
    years = (universal.max() - universal.min()) // np.timedelta64(366, "D") + 1
    changes = int((np.diff(offsets[order]) != 0).sum())
    # Some countries change their clocks four times in a year with Ramadan in it.
    if np.ptp(offsets) > 3600 * 10**9 or changes > 4 * years:
        raise _mixed([offset_name(int(offset)) for offset in offsets], offsets, codes, name)


def _mixed(zones: list[str], kinds: np.ndarray, codes: np.ndarray, name: str) -> DataError:
    other = np.flatnonzero((kinds != kinds[codes[0]])[codes])
    return DataError(
        f"the time column {name!r} mixes time zones: row 1 has {zones[codes[0]] or 'no offset'} but {row_list(other)} "
        f"{zones[codes[other[0]]] or 'no offset'}; convert all stamps to one zone, for instance UTC"
    )


def offset_ns(zone: str) -> int:
    """Nanoseconds between a zone, as written, and UTC."""
    if zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 60 + int(digits[2:])) * 60 * 10**9


def offset_name(offset: int) -> str:
    """The name of an offset in nanoseconds as `Columns.zone` holds it: UTC or +01:00."""
    minutes = offset // (60 * 10**9)
    return f"{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if minutes else "UTC"


def pandas_zone(zone: str) -> str:
    """A zone of `Columns` as pandas names it: +01:00 is UTC+01:00."""
    return "UTC" + zone if zone[0] in "+-" else zone


def _zone(text: str) -> str:
    match = _ZONE.search(text) if _may_name_zone(text) else None
    return match[1].upper() if match else ""


def _may_name_zone(text: str) -> bool:
    """Without a time of day, the end of 2020-01-05 is no offset."""
    return ":" in text or text[-1:] in ("Z", "z")
