"""A BacktestResult of made-up data, as a backtest would make it, for the tests of figures and reports."""

import numpy as np
import pandas as pd

from tidegate.forecasting.evaluation.baselines import naive_forecasts
from tidegate.forecasting.evaluation.metrics import error_table, mase_scale
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.evaluation.significance import diebold_mariano, loss_by_origin
from tidegate.forecasting.evaluation.verdict import best_naive, verdict_metric, verdict_on
from tidegate.notes import Note


def fake_result(
    *, series=1, targets=("demand",), rows=400, horizon=6, season=24, noise=0.5, numeric_time=False, method="LSTM"
):
    """A daily wave per series and target; the "network" is the truth plus noise."""
    rng = np.random.default_rng(0)
    times = np.arange(rows) if numeric_time else pd.date_range("2024-01-01", periods=rows, freq="h").to_numpy()
    test, validation = int(rows * 0.8), int(rows * 0.72)
    part = np.select([np.arange(rows) >= test, np.arange(rows) >= validation], ["test", "validation"], "train")
    origins = np.arange(test - 1, rows - horizon)
    ids = [f"store {n}" for n in range(series)]
    values = [_waves(rng, rows, len(targets), season) for _ in ids]
    windows = origins[:, None] + np.arange(1, horizon + 1)
    truth = np.concatenate([v[windows] for v in values])
    naive = [naive_forecasts(v, origins, horizon, season) for v in values]
    forecasts = {method: truth + rng.normal(0, 1, truth.shape) * noise}
    forecasts |= {name: np.concatenate([one[name] for one in naive]) for name in naive[0]}
    scale = np.concatenate([np.tile(mase_scale(v[:validation], season), (len(origins), 1)) for v in values])
    errors = error_table(truth, forecasts, scale, targets)
    best = best_naive(errors, series)
    assert best is not None
    divisor = scale if verdict_metric(errors, series)[0] == "mase" else None
    loss = {n: loss_by_origin(truth, forecasts[n], np.tile(origins, series), divisor) for n in (method, best)}
    significance = diebold_mariano(loss[method], loss[best], horizon)
    epochs = np.arange(1, 21)
    return BacktestResult(
        method=method,
        forecasts=_forecast_frame(ids, times, origins, horizon, targets, truth, forecasts),
        errors=errors,
        verdict=verdict_on(errors, series, method, significance),
        significance=significance,
        best_naive=best,
        windows=len(origins) * series,
        series=series,
        parts=pd.DataFrame(
            [
                (name, times[part == name][0], times[part == name][-1], (part == name).sum() * series)
                for name in ("train", "validation", "test")
            ],
            columns=["part", "start", "end", "rows"],
        ),
        examples=pd.concat(
            [
                _example(i, times, v[:, k], target, part, method, best, noise, rng)
                for i, v in zip(ids, values, strict=True)
                for k, target in enumerate(targets)
            ]
        ),
        history=pd.DataFrame(
            {"epoch": epochs, "loss": 1 / epochs, "validation_loss": 1 / epochs + 0.05 + 0.002 * (epochs - 9) ** 2}
        ),
        best_epoch=9,
        settings={"cell": "lstm", "lookback": 48, "horizon": horizon, "learning_rate": 0.001, "past_cols": []},
        ahead=_ahead(ids, times, targets, horizon, values, method),
        refitted=True,
        notes=(Note("tables.step_inferred", {"freq": "h"}), Note("tables.gaps_closed", {"count": 3})),
    )


def _ahead(ids, times, targets, horizon, values, method):
    step = times[1] - times[0]
    ahead = times[-1] + step * np.arange(1, horizon + 1)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": ahead, "target": target, method: np.resize(v[-24:, k], horizon)})
        for name, v in zip(ids, values, strict=True)
        for k, target in enumerate(targets)
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(**{f"{method}-lo-80": frame[method] - 2, f"{method}-hi-80": frame[method] + 2})


def _waves(rng, rows, targets, season):
    t = np.arange(rows)[:, None]
    return 50 + 8 * np.sin(2 * np.pi * (t / season + np.arange(targets) / 5)) + rng.normal(0, 1.2, (rows, targets))


def _forecast_frame(ids, times, origins, horizon, targets, truth, forecasts):
    shape = truth.shape
    series, window = np.divmod(np.arange(shape[0]), len(origins))
    steps = np.broadcast_to(np.arange(1, horizon + 1)[None, :, None], shape)
    origin = np.broadcast_to(origins[window][:, None, None], shape)
    frame = {
        "unique_id": np.broadcast_to(np.array(ids, dtype=object)[series][:, None, None], shape).ravel(),
        "ds": times[(origin + steps).ravel()],
        "cutoff": times[origin.ravel()],
    }
    if len(targets) > 1:
        frame["target"] = np.broadcast_to(np.array(targets, dtype=object), shape).ravel()
    return pd.DataFrame(frame | {"y": truth.ravel()} | {name: forecast.ravel() for name, forecast in forecasts.items()})


def _example(series, times, y, target, part, method, best, noise, rng):
    forecast = y + rng.normal(0, 1, len(y)) * noise
    forecast[:48] = np.nan
    naive = naive_forecasts(y[:, None], np.arange(len(y) - 1), 1, 24)[best][:, 0, 0]
    naive = np.concatenate([[np.nan], naive])
    return pd.DataFrame(
        {"unique_id": series, "ds": times, "target": target, "y": y, "part": part, method: forecast, best: naive}
    )
