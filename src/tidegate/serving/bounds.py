"""How much a body holds, counted on its bytes in one pass before anything reads it."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.serving.responses import Refusal

LARGE = 64 * 1024  # bytes of a body that the event loop may read itself: some milliseconds
MOST_COLUMNS = 2000
_SEPARATORS = (b",", b";", b"\t", b"|")


@dataclass(frozen=True)
class Bounds:
    """What a request may hold.

    Attributes:
        rows: rows of a table, or of all windows.
        values: values in all.
    """

    rows: int
    values: int

    def check_json(self, body: bytes) -> None:
        """Refuse JSON with more values than allowed: commas and brackets bound what any reader can make of it.

        Raises:
            Refusal: 413.
        """
        if len(body) > self.values:
            self.check_values(body.count(b",") + max(body.count(b"["), body.count(b"{")))

    def check_text(self, text: bytes) -> None:
        """Refuse a file of separated values with more rows, columns or values than allowed.

        Raises:
            Refusal: 413.
        """
        lines = text.count(b"\n") + text.count(b"\r")
        self.check_rows(min(lines, text.count(b"\n") or lines))
        first = text[: text.find(b"\n")] if b"\n" in text else text
        self.check_columns(1 + max(first.count(separator) for separator in _SEPARATORS))
        if len(text) > self.values:
            self.check_values(sum(text.count(separator) for separator in _SEPARATORS))

    def check_rows(self, count: int) -> None:
        """Refuse more rows than allowed, by status 413."""
        if count > self.rows:
            raise Refusal(413, f"the request has more than {self.rows} rows; send fewer at a time")

    def check_columns(self, count: int) -> None:
        """Refuse more columns than a table may have, by status 413."""
        if count > MOST_COLUMNS:
            raise Refusal(413, f"the table has more than {MOST_COLUMNS} columns; send those of the model alone")

    def check_values(self, count: int) -> None:
        """Refuse more values than allowed, by status 413."""
        if count > self.values:
            raise Refusal(413, f"the request has more than {self.values} values; send fewer at a time")
