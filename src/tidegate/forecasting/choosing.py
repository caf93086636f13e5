"""Settings that the user left open, chosen from what the table shows: its seasons, its length, how its changes grow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from tidegate.forecasting.seasons import find_seasons
from tidegate.forecasting.settings import CompleteSettings, ForecasterSettings
from tidegate.forecasting.transforming import choose_transform
from tidegate.notes import Note
from tidegate.tables.panel import Panel

_LOOKBACK, _SKIP = 48, 12  # without a season
_MOST_LAGS = 8
_LEARNED = 1 / 3  # of a series' rows are kept as origins to learn from
_SHORT = 0.25  # of the series may be shorter than a window, and are padded

_CHOSEN = ("lookback", "linear_skip", "features", "transform", "short_series")


def left_open(settings: ForecasterSettings) -> list[str]:
    """Return the names of the settings that the user left open."""
    return [name for name in _CHOSEN if getattr(settings, name) in (None, "auto")]


def as_chosen(settings: ForecasterSettings, complete: CompleteSettings) -> CompleteSettings:
    """Return settings with what they leave open as `complete` ones, those of a fit, have it."""
    return with_choices(settings, {name: getattr(complete, name) for name in left_open(settings)})


def chosen(settings: ForecasterSettings, panel: Panel) -> tuple[CompleteSettings, tuple[Note, ...]]:
    """Return settings with nothing left open, and notes that say what was chosen and why.

    The lookback is the longest season that shows, and a quarter more; lags of seasons are known for every step of the
    horizon; the linear skip reads the whole lookback, or a dozen values without a season; logarithms are taken where
    changes grow with the level. Series too short for that have shorter windows, and where only a few are, padded ones.
    """
    names = left_open(settings)
    if not names:
        return cast("CompleteSettings", settings), ()
    seasons = (settings.season_length,) if settings.season_length else find_seasons(panel)
    room = _room(panel.lengths, settings.horizon)
    # Who says how far back to look gives so many rows and no more, a stream too.
    lags = () if settings.lookback else _lags(seasons, settings.horizon)
    if max(seasons, default=0) + max(lags, default=0) > room:
        lags = ()
    lookback = settings.lookback or min(_lookback(seasons), max(1, room - max(lags, default=0)))
    found = {
        "lookback": lookback,
        "features": tuple(f"lag_{lag}" for lag in lags),
        "linear_skip": lookback if seasons else min(_SKIP, lookback),
        "transform": choose_transform(panel, min(seasons, default=1)),
        "short_series": "refuse" if settings.lookback else "pad",
    }
    found = {name: found[name] for name in names}
    if found.get("short_series") == "pad" and not (panel.lengths < _needed(settings, found)).any():
        found["short_series"] = "refuse"
    return with_choices(settings, found), tuple(_notes(found, seasons))


def with_choices(settings: ForecasterSettings, found: dict[str, Any]) -> CompleteSettings:
    """Return settings with what was chosen for those left open."""
    return cast("CompleteSettings", replace(settings, **found))


def _lookback(seasons: tuple[int, ...]) -> int:
    longest = max(seasons, default=0)
    return max(longest + longest // 4, _LOOKBACK) if longest else _LOOKBACK


def _lags(seasons: tuple[int, ...], horizon: int) -> tuple[int, ...]:
    """Multiples of the shortest season up to the longest, each known for the whole horizon; at least one."""
    if not seasons:
        return ()
    first, longest = seasons[0], seasons[-1]
    begin = first * -(-horizon // first)
    lags = range(begin, max(begin, longest) + 1, first)
    return tuple(lags) if len(lags) <= _MOST_LAGS else (begin, lags[-1])


def _room(lengths: np.ndarray, horizon: int) -> int:
    """Rows that a window may reach back: those that all but a few series have, less what they need to learn."""
    rows = int(np.quantile(lengths, _SHORT, method="lower"))
    return int((rows - 2 * horizon) * (1 - _LEARNED))


def _needed(settings: ForecasterSettings, found: dict[str, Any]) -> int:
    """Rows of one window and what follows it."""
    from tidegate.forecasting.features import parse_features

    whole = with_choices(settings, found)
    return whole.lookback + parse_features(tuple(whole.features), whole.horizon).extra_rows + whole.horizon


def _notes(found: dict[str, Any], seasons: tuple[int, ...]) -> list[Note]:
    notes = []
    if "lookback" in found:
        lookback, lengths = str(found["lookback"]), ", ".join(map(str, seasons))
        if seasons:
            notes.append(Note("forecasting.chosen_seasons", {"seasons": lengths, "lookback": lookback}))
        else:
            notes.append(Note("forecasting.chosen_lookback", {"lookback": lookback}))
    if found.get("transform") == "log":
        notes.append(Note("forecasting.chosen_log"))
    return notes
