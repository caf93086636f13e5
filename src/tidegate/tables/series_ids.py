"""Which series does an identifier mean, however it was written: 7 of a table, NumPy's 7, 7.0, or the text of a URL?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from tidegate.errors import DataError
from tidegate.tables.messages import name_list


class SeriesIds:
    """The series of a fit, found by identifiers that a file, JSON, a URL or Python may write in different ways.

    Identifiers mean the same series when their texts are equal: whole numbers as digits, dates in ISO 8601, everything
    else as `str` has it. "07" is therefore not 7.
    """

    def __init__(self, ids: Iterable[Any]) -> None:
        """Take the identifiers of a fit, in order."""
        self._own = list(ids)
        self._exact = {(type(name), name): number for number, name in enumerate(self._own)}

    def __len__(self) -> int:
        return len(self._own)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._own)

    def __contains__(self, name: object) -> bool:
        return self.find(name) is not None

    @cached_property
    def _by_text(self) -> dict[str, int | None]:
        numbers: dict[str, int | None] = {}
        for number, name in enumerate(self._own):
            text = id_text(name)
            numbers[text] = None if text in numbers else number  # 7 and "7" of one fit: the text tells neither
        return numbers

    def find(self, name: object) -> int | None:
        """The number of the series that an identifier means; None when it means none, or cannot tell two apart."""
        exact = self._exact.get((type(name), name)) if name.__hash__ is not None else None
        return self._by_text.get(id_text(name)) if exact is None else exact

    def number(self, name: object) -> int:
        """As `find`.

        Raises:
            DataError: the identifier means none of the series.
        """
        number = self.find(name)
        if number is None:
            known = name_list(self._own[:5]) + (", …" if len(self) > 5 else "")
            word = "series are" if len(self) > 1 else "only series is"
            raise DataError(f"the model was not fitted on a series {str(name)[:100]!r}; its {word} {known}")
        return number

    def own(self, ids: np.ndarray) -> np.ndarray:
        """Identifiers (N,) as the fit wrote them; those that mean none of its series stay as they are.

        Raises:
            DataError: two of them mean the same series.
        """
        numbers = [self.find(name) for name in ids]
        found = ids.copy()
        seen: dict[int, Any] = {}
        for i, number in enumerate(numbers):
            if number is None:
                continue
            if number in seen:
                raise DataError(
                    f"series {seen[number]!r} and {ids[i]!r} of the table are the same series of the model; write its "
                    "identifier in one way"
                )
            seen[number] = ids[i]
            found[i] = self._own[number]
        return found


def id_text(name: object) -> str:
    """The text by which identifiers are compared."""
    if isinstance(name, np.generic):
        name = name.item()
    if isinstance(name, float) and name.is_integer():
        name = int(name)
    return name.isoformat() if isinstance(name, date) else str(name)
