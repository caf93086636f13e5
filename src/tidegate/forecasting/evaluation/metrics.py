"""How wrong forecasts are, in original units: overall and per step, for several methods on the same windows.

Conventions, for e = truth - forecast over the points whose truth is known:

- mae, mse, rmse: mean of |e|, mean of e², root of mse.
- mape: mean of |e| / |truth| in percent, over the points whose truth is not zero.
- smape: mean of 2 |e| / (|truth| + |forecast|) in percent, from 0 to 200 as in the M4 competition; 0 where both are 0.
- mase: mean of |e| / scale, where scale is the error of the one-season-back forecast on the training rows
  (Hyndman & Koehler 2006); windows without a positive scale are left out.
- r2: 1 - sum of e² / sum of (truth - its mean)² (mean over the same points); undefined where truth is constant.

An error that is undefined is NaN. A forecast that is NaN where the truth is known makes its method's error NaN: a
network that diverged must not be scored on the points that it survived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tidegate.forecasting.finite import quiet

METRICS = ("mae", "mse", "rmse", "mape", "smape", "mase", "r2")
SCALE_FREE = ("mape", "smape", "mase", "r2")
ALL_STEPS = "all"
ALL_TARGETS = "all targets"


def error_table(
    truth: np.ndarray, forecasts: Mapping[str, np.ndarray], mase_scale: np.ndarray, targets: Sequence[str]
) -> pd.DataFrame:
    """Errors of several methods on the same windows.

    Args:
        truth: (W, S, K) observed values in original units; NaN where unknown, which leaves the point out.
        forecasts: method -> (W, S, K) forecasts.
        mase_scale: (K,) or, one per window (its series'), (W, K); see `mase_scale`.
        targets: the K targets' names.

    Returns:
        One row per method, target and step ("all" first, then 1 … S), one column per metric. With several targets,
        rows of the target "all targets" hold the mean over targets of the metrics that have no unit.

    Example:
        >>> truth = np.array([[[10.0], [20.0]]])
        >>> table = error_table(truth, {"Mean": np.full((1, 2, 1), 12.0)}, np.ones(1), ["y"])
        >>> table[["method", "step", "mae"]].values.tolist()
        [['Mean', 'all', 5.0], ['Mean', 1, 2.0], ['Mean', 2, 8.0]]
    """
    truth = np.asarray(truth, dtype=np.float64)
    scale = np.broadcast_to(np.asarray(mase_scale, dtype=np.float64), (truth.shape[0], truth.shape[2]))[:, None, :]
    tables = []
    for method, forecast in forecasts.items():
        errors = _errors(truth, np.asarray(forecast, dtype=np.float64), scale)
        tables.append(_tidy(method, errors, [str(target) for target in targets]))
    return pd.concat(tables, ignore_index=True)


def mase_scale(train: np.ndarray, season_length: int) -> np.ndarray:
    """Mean absolute error of the one-season-back forecast on the training rows, the unit of MASE.

    Args:
        train: (R, K) training rows of one series, NaN where unknown.
        season_length: rows per season; where the rows do not span a season, one row back is used.

    Returns:
        (K,) scale; NaN where no two rows can be compared.
    """
    train = np.asarray(train, dtype=np.float64)
    scale = _mean_absolute_step(train, season_length)
    return np.where(np.isnan(scale), _mean_absolute_step(train, 1), scale)


def _mean_absolute_step(rows: np.ndarray, lag: int) -> np.ndarray:
    step = np.abs(rows[lag:] - rows[:-lag])
    return _mean(step, ~np.isnan(step), axis=0)


def _errors(truth: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Each metric as (1 + S, K): all steps together, then each step."""
    known = ~np.isnan(truth)
    size = np.abs(truth)
    # a diverged network's infinite forecasts shall be told as infinite errors, not as warnings
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        error = np.abs(truth - forecast)
        both = size + np.abs(forecast)
        relative = 100 * error / size
        symmetric = np.where(both == 0, 0, 200 * error / both)
        scaled = error / scale
        mse = _by_step(error**2, known)
    return {
        "mae": _by_step(error, known),
        "mse": mse,
        "rmse": np.sqrt(mse),
        "mape": _by_step(relative, known & (size > 0)),
        "smape": _by_step(symmetric, known),
        "mase": _by_step(scaled, known & (scale > 0)),
        "r2": _r2(truth, mse, known),
    }


def _r2(truth: np.ndarray, mse: np.ndarray, known: np.ndarray) -> np.ndarray:
    # centred before it is squared: with a large offset the textbook sum of squares would lose every digit
    with quiet():
        per_step = _mean((truth - _mean(truth, known, axis=0)) ** 2, known, axis=0)
        overall = _mean((truth - _mean(truth, known, axis=(0, 1))) ** 2, known, axis=(0, 1))
        variance = np.concatenate([overall[None], per_step])
        return 1 - np.divide(mse, variance, out=np.full_like(mse, np.nan), where=variance > 0)


def _by_step(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    return np.concatenate([_mean(values, keep, axis=(0, 1))[None], _mean(values, keep, axis=0)])


def _mean(values: np.ndarray, keep: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean over the kept points; NaN where there is none."""
    count = keep.sum(axis=axis)
    total = np.sum(values, axis=axis, where=keep)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _tidy(method: str, errors: dict[str, np.ndarray], targets: list[str]) -> pd.DataFrame:
    steps: list[object] = [ALL_STEPS, *range(1, len(errors["mae"]))]
    tables = [
        pd.DataFrame({"method": method, "target": target, "step": steps} | {m: errors[m][:, k] for m in METRICS})
        for k, target in enumerate(targets)
    ]
    if len(targets) > 1:
        means = {
            m: _mean(errors[m], ~np.isnan(errors[m]), axis=1) if m in SCALE_FREE else np.full(len(steps), np.nan)
            for m in METRICS
        }
        tables.append(pd.DataFrame({"method": method, "target": ALL_TARGETS, "step": steps} | means))
    return pd.concat(tables, ignore_index=True)
