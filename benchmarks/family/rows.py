"""All rows by name, those that say most for their time first."""

from benchmarks.family import data_rows, generated_rows
from benchmarks.family.row import Row

_FIRST = ("shapes", "noisy", "parity", "recall", "chorales", "density", "sines", "mnist1d", "activity", "traffic-15")
_LAST = ("adding-600", "copy-600", "traffic-60", "adding-1000", "copy-1000")
_ALL = {**generated_rows.ROWS, **data_rows.ROWS}

ROWS: dict[str, Row] = {
    key: _ALL[key] for key in (*_FIRST, *(each for each in _ALL if each not in _FIRST + _LAST), *_LAST)
}
