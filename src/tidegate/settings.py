"""Settings as data: a default, a one-line help and a constraint, from which checks and options are made.

No heavy import may enter this module: `tidegate --help` reads it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tidegate.errors import SettingError


def setting(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """Declare one field of a settings dataclass.

    Args:
        default: value when nothing is given; lists and tuples are given as tuples.
        help: one line for the command line and the documentation.
        choices: the allowed words, if the setting is a word.
        low, high: inclusive bounds of a number.
        above, below: exclusive bounds of a number.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=metadata)


def check_settings(settings: Any) -> None:
    """Check each field of a settings dataclass against its own constraint, then what its `check_together` checks.

    Raises:
        SettingError: naming the first setting that does not fit, what was expected and what came.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value is None and "None" in str(field.type):
            continue
        problem = _choice_problem(field, value) or _number_problem(field, value)
        if problem:
            raise SettingError(f"{field.name} must be {problem}, not {value!r}")
    if hasattr(settings, "check_together"):
        settings.check_together()


def kind_of(field: dataclasses.Field[Any]) -> str:
    """Return the type of a field as its class writes it, without `| None`; annotations may be text or types."""
    return field.type.__name__ if type(field.type) is type else str(field.type).split(" |")[0]


def _choice_problem(field: dataclasses.Field[Any], value: Any) -> str | None:
    choices = field.metadata.get("choices")
    if choices is None or (isinstance(value, str) and value in choices):
        return None
    return "one of " + ", ".join(choices)


def _number_problem(field: dataclasses.Field[Any], value: Any) -> str | None:
    kind = kind_of(field)
    if kind == "bool":
        return None if isinstance(value, bool) or type(value).__name__ == "bool_" else "true or false"
    if kind not in ("int", "float"):
        return None
    expected = _describe_range(field, "a whole number" if kind == "int" else "a number")
    try:
        number = value.__index__() if kind == "int" else float(value)
    except (AttributeError, TypeError, ValueError):
        return expected
    if isinstance(value, bool | str):
        return expected
    return None if _within(number, field) else expected


def _within(number: float, field: dataclasses.Field[Any]) -> bool:
    low, high = field.metadata.get("low"), field.metadata.get("high")
    above, below = field.metadata.get("above"), field.metadata.get("below")
    return (
        number == number
        and abs(number) != float("inf")
        and (low is None or number >= low)
        and (high is None or number <= high)
        and (above is None or number > above)
        and (below is None or number < below)
    )


def _describe_range(field: dataclasses.Field[Any], noun: str) -> str:
    words = {"low": "at least", "high": "at most", "above": "above", "below": "below"}
    bounds = [f"{word} {field.metadata[key]:g}" for key, word in words.items() if field.metadata.get(key) is not None]
    return noun + (" " + " and ".join(bounds) if bounds else "")
