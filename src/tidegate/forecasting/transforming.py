"""Transforms of the targets before they are scaled: logarithms, where errors grow with the level."""

from __future__ import annotations

import numpy as np

from tidegate.errors import DataError
from tidegate.forecasting.finite import quiet
from tidegate.tables.panel import Panel

_BLOCKS, _BLOCK = 3, 4  # the fewest stretches of a series, and rows of one, that tell how changes go with the level
_SERIES = 300
_GROWS = 0.5  # changes go with the level to this power, or more; with logarithms they would go with the power 1
_ERRORS = 2  # standard errors
_NEAR_ZERO = 0.01  # of a series' median; logarithms would make much of what comes so near to 0
_SPOILED = 0.05  # of the series may come so near


def transformed(panel: Panel, transform: str) -> np.ndarray:
    """Return the targets (R, K) of a panel as the network reads them, before scaling; NaN where missing.

    Raises:
        DataError: a value has no logarithm; the message names it.
    """
    if transform == "none":
        return panel.targets
    below = panel.targets <= 0
    if below.any():
        row, column = (int(each) for each in np.argwhere(below)[0])
        series = panel.ids[np.searchsorted(panel.starts, row, side="right") - 1]
        raise DataError(
            f"the targets are read as logarithms (transform='log'), and series {series} holds "
            f"{panel.targets[row, column]:g} at {panel.times[row]}, which has none; leave such rows out, or fit with "
            "transform='none'"
        )
    return np.log(panel.targets)


def restored(values: np.ndarray, transform: str) -> np.ndarray:
    """Undo `transformed` on values of any shape."""
    if transform == "none":
        return values
    with quiet():  # what is too large is found where every forecast is
        return np.exp(values)


def mean_by_median(variance: np.ndarray, transform: str) -> np.ndarray:
    """The mean of `restored` values by their median, where the transformed ones are normal with this variance.

    Of logarithms it is exp(variance / 2), the mean of a lognormal distribution with the median 1: a network that learns
    the mean of logarithms has learned the median of what they are taken of. Source: Aitchison, Brown, The Lognormal
    Distribution (1957), section 2.3.
    """
    return np.ones_like(variance) if transform == "none" else np.exp(variance / 2)


def choose_transform(panel: Panel, season: int) -> str:
    """Return "log" where all targets are well above 0 and their changes grow with their level, else "none".

    Each series is cut into stretches of a season; within series, the logarithm of the mean change of a stretch is
    regressed on that of its level. Source: Bartlett, Biometrics 3 (1947), section 3; Guerrero, Journal of Forecasting
    12 (1993).
    """
    chosen = np.unique(np.linspace(0, len(panel.ids) - 1, min(len(panel.ids), _SERIES)).round().astype(int))
    with np.errstate(invalid="ignore"):
        if not (panel.targets[~np.isnan(panel.targets)] > 0).all():
            return "none"
    levels, changes, freedom, near = [], [], 0, 0
    for i in chosen:
        for values in panel.targets[panel.starts[i] : panel.starts[i + 1]].T:
            known = values[~np.isnan(values)]
            near += not len(known) or known.min() < _NEAR_ZERO * np.median(known)
            level, change = _stretches(known, max(season, _BLOCK))
            if len(level) >= _BLOCKS:
                levels.append(level - level.mean())
                changes.append(change - change.mean())
                freedom += len(level) - 1
    if near > _SPOILED * len(chosen) * panel.targets.shape[1]:
        return "none"
    return "log" if levels and _grows(np.concatenate(levels), np.concatenate(changes), freedom - 1) else "none"


def _stretches(values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of the level and of the mean change of each stretch in which anything changes."""
    count = len(values) // length
    blocks = values[len(values) - count * length :].reshape(count, length)
    scale = np.abs(blocks).max(initial=0.0) or 1.0
    level, change = (blocks / scale).mean(1), np.abs(np.diff(blocks / scale, axis=1)).mean(1)
    moving = change > 0
    return np.log(level[moving]), np.log(change[moving])


def _grows(levels: np.ndarray, changes: np.ndarray, freedom: int) -> bool:
    """Whether changes grow with levels, both centred by series, by enough to be sure."""
    spread = (levels**2).sum()
    if freedom < 1 or spread <= 0:
        return False
    slope = (levels * changes).sum() / spread
    error = np.sqrt(((changes - slope * levels) ** 2).sum() / freedom / spread)
    return bool(slope >= _GROWS and slope > _ERRORS * error)
