"""Settings as data: a default, a one-line help and a constraint, from which checks and options are made.

No heavy import may enter this module: `tidegate --help` reads it.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import functools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tidegate.errors import SettingError

_Settings = TypeVar("_Settings", bound=type)
_Kind = TypeVar("_Kind")


def setting(
    default: Any,
    help: str,
    *,
    choices: Sequence[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    old_name: str | None = None,
    size: bool = True,
) -> Any:
    """Declare one field of a settings dataclass.

    Args:
        default: value when nothing is given; lists and tuples are given as tuples.
        help: one line for the command line and the documentation.
        choices: the allowed words, if the setting is a word.
        low, high: inclusive bounds of a number.
        above, below: exclusive bounds of a number.
        old_name: what an older version called it; see `takes_old_names`.
        size: whether a whole number is the size of a layer's weights, by which a model folder is checked.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=metadata | {"old_name": old_name, "size": size})


def takes_old_names(settings: _Settings) -> _Settings:
    """Let a settings dataclass be made with old names too, with a DeprecationWarning."""
    make = settings.__init__

    @functools.wraps(make)  # with its signature, which scikit-learn reads
    def init(self: Any, **values: Any) -> None:
        for old, new in old_names(settings).items():
            if old in values:
                warnings.warn(f"the setting {old} is now called {new}", DeprecationWarning, stacklevel=2)
        now = with_new_names(settings, values)
        known = {field.name for field in dataclasses.fields(settings)}
        for name in now:
            if name not in known:
                raise SettingError(f"there is no setting {name!r}; {similar(name, known)}docs/settings.md lists them")
        make(self, **now)

    settings.__init__ = init  # pyright: ignore[reportAttributeAccessIssue]
    return settings


def similar(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? ` for a misspelt name, else nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}? " if close else ""


def old_names(settings: type) -> dict[str, str]:
    """What the fields of a settings dataclass were called, and what they are called now."""
    old = {field.metadata.get("old_name"): field.name for field in dataclasses.fields(settings)}
    return {name: now for name, now in old.items() if name}


def with_new_names(settings: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the fields' names of today, from a file that an older version may have written.

    Raises:
        SettingError: one setting is given by both its names.
    """
    old = old_names(settings)
    for name in old:
        if name in values and old[name] in values:
            raise SettingError(f"{name} is the old name of {old[name]}; give one of them")
    return {old.get(name, name): value for name, value in values.items()}


def taken_from(source: Any, settings: type[_Kind]) -> _Kind:
    """The settings alone of an object that has them among other attributes; copies, which do not change with it.

    One value where several may be given, such as `features="weekday"`, is a tuple of one.
    """
    fields = dataclasses.fields(settings)  # pyright: ignore[reportArgumentType]
    values = {field.name: copy.copy(getattr(source, field.name)) for field in fields}
    several = [field.name for field in fields if str(field.type).startswith("tuple")]
    values |= {name: (values[name],) for name in several if isinstance(values[name], str | int | float)}
    return settings(**values)


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
