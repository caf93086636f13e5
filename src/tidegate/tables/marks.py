"""Which sign is the decimal mark of numbers written as text, and which separates thousands?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.tables.settings import TableSettings

_OTHER = {",": ".", ".": ","}
# One group of three digits behind one sign reads either way; not behind a zero, for 0.500 is no number of thousands.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_GROUPED = {mark: re.compile(rf"[+-]?\d{{1,3}}(\{mark}\d{{3}}){{2,}}") for mark in _OTHER}
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DIGITS = re.compile(r"[+-]?[\d.,]*\d[\d.,]*([eE][+-]?\d+)?")
_INFINITE = ("inf", "infinity")


@dataclass(frozen=True)
class Marks:
    """What the user says of numbers in text: each a sign, or None where it is to be found out."""

    decimal: str | None = None
    thousands: str | None = None

    @property
    def given(self) -> str | None:
        """The decimal mark, if it follows from what was given."""
        return self.decimal or _OTHER.get(self.thousands or "")


UNKNOWN = Marks()


def marks_of(settings: TableSettings) -> Marks:
    """The marks that settings give."""
    return Marks(settings.decimal, settings.thousands)


def shown_mark(text: str) -> str | None:
    """The decimal mark that one number shows, or None: `1,5` and `1.234,5` and `1.234.567` have a decimal comma."""
    last = max(text.rfind(","), text.rfind("."))
    if last < 0 or _EITHER.fullmatch(text) or not _DIGITS.fullmatch(text):
        return None
    mark = text[last]
    if _GROUPED[mark].fullmatch(text):
        return _OTHER[mark]
    return mark if text.count(mark) == 1 else None


def reads_either_way(text: str) -> bool:
    """Whether a number may be one of thousands or have three decimals: 106.500 and 106,500 do."""
    return _EITHER.fullmatch(text) is not None


def decimal_mark(texts: Iterable[str]) -> str | None:
    """The decimal mark of numbers that are written alike, a comma if only some show one; None if none shows it."""
    shown = {shown_mark(text) for text in texts}
    return "," if "," in shown else "." if "." in shown else None


def plain_number(text: str, decimal: str) -> str | None:
    """A number as Python writes it, or None: groups of thousands have three digits each."""
    other = _OTHER[decimal]
    if other in text:
        whole, _, broken = text.partition(decimal)
        if not re.fullmatch(rf"[+-]?\d{{1,3}}(\{other}\d{{3}})+", whole) or other in broken:
            return None
        text = text.replace(other, "")
    text = text.replace(decimal, ".")
    return text if _PLAIN.fullmatch(text) or text.lstrip("+-").lower() in _INFINITE else None
