"""Notes to the user as data: what was inferred, put in order or left out, to be said in any language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.words import words


@dataclass(frozen=True)
class Note:
    """One sentence; `str(note)` is the English one.

    Attributes:
        key: a package below `tidegate` and a phrase among its words: "tables.sorted".
        params: what the phrase leaves open; texts and numbers alone, so that JSON can hold them.
    """

    key: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence("en")

    def sentence(self, lang: str) -> str:
        """The note in a language, "en" or "zh"."""
        package, _, phrase = self.key.partition(".")
        return words(f"tidegate.{package}", lang)[phrase].format(**self.params)

    def to_json(self) -> dict[str, Any]:
        """The note as plain values."""
        return {"key": self.key, "params": dict(self.params)}

    @classmethod
    def from_json(cls, value: dict[str, Any] | str) -> Note:
        """The inverse of `to_json`; folders of earlier versions hold plain sentences.

        Raises:
            ValueError: no phrase of this version says it.
        """
        note = cls("tables.said", {"text": value}) if isinstance(value, str) else cls(value["key"], value["params"])
        try:
            note.sentence("en")
        except (LookupError, ImportError, OSError, TypeError) as error:
            raise ValueError(f"no phrase says the note {note.key!r}") from error
        return note
