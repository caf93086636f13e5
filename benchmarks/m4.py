"""How good is a forecaster that is told nothing but the horizon, on M4's series? Prints one table.

Reads M4's training files (Weekly-train.csv and its like, also .csv.xz; github.com/Mcompetitions/M4-methods) from the
folder given. M4's test parts are not used: the last rows of each training series are forecast from those before, at as
many origins as asked for, the newest first, a horizon apart. sMAPE, MASE and Naive2 are those of the competition
(Makridakis, Spiliotis, Assimakopoulos 2020, sections 3.1 and 4); OWA is the mean of both errors by those of Naive2.
Run: python benchmarks/m4.py FOLDER --groups Weekly Hourly --origins 2
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import tidegate

Series = dict[str, np.ndarray]


class Group(NamedTuple):
    """What the competition says of one frequency: rows to forecast, the season of its errors, the step of time."""

    horizon: int
    season: int
    step: str


GROUPS = {
    "Hourly": Group(48, 24, "h"),
    "Daily": Group(14, 1, "D"),
    "Weekly": Group(13, 1, "W"),
    "Monthly": Group(18, 12, "MS"),
    "Quarterly": Group(8, 4, "QS"),
    "Yearly": Group(6, 1, "YS"),
}


def read(folder: Path, group: str) -> Series:
    """The training series of a group by name."""
    table = pd.read_csv(next(iter(sorted(folder.glob(f"{group}-train*.csv*")))), index_col=0)
    rows = table.to_numpy(float)
    return {str(name): row[~np.isnan(row)] for name, row in zip(table.index, rows, strict=True)}


def split(series: Series, horizon: int, origin: int) -> tuple[Series, Series]:
    """What is known at an origin, 1 for the newest, and what follows; series of under three horizons are left out."""
    ends = {name: len(values) - horizon * origin for name, values in series.items()}
    long = {name: values for name, values in series.items() if ends[name] >= 3 * horizon}
    known = {name: values[: ends[name]] for name, values in long.items()}
    return known, {name: values[ends[name] : ends[name] + horizon] for name, values in long.items()}


def seasonal_indices(values: np.ndarray, season: int) -> np.ndarray:
    """The factors (season,) of a multiplicative decomposition, from the first row on; 1 where none is significant."""
    if season == 1 or len(values) < 3 * season:
        return np.ones(season)
    centred = values - values.mean()
    alike = np.array([(centred[lag:] * centred[:-lag]).sum() for lag in range(1, season + 1)]) / (centred**2).sum()
    if abs(alike[-1]) <= 1.645 * np.sqrt((1 + 2 * (alike[:-1] ** 2).sum()) / len(values)):
        return np.ones(season)
    window = np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
    trend = np.convolve(values, window / season, "valid")
    first = (len(window) - 1) // 2
    ratios = np.full(len(values), np.nan)
    ratios[first : first + len(trend)] = values[first : first + len(trend)] / trend
    indices = np.array([np.nanmean(ratios[place::season]) for place in range(season)])
    return indices / indices.mean()


def naive2(values: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The last value without its season, repeated, with the seasons of the rows ahead."""
    indices = seasonal_indices(values, season)
    ahead = (len(values) + np.arange(horizon)) % season
    return values[-1] / indices[(len(values) - 1) % season] * indices[ahead]


def errors(known: Series, truth: Series, forecast: Series, season: int) -> tuple[float, float]:
    """sMAPE in percent and MASE, means over the series."""
    smape, mase = [], []
    for name, actual in truth.items():
        error = np.abs(actual - forecast[name])
        smape.append((200 * error / (np.abs(actual) + np.abs(forecast[name]))).mean())
        mase.append(error.mean() / np.abs(known[name][season:] - known[name][:-season]).mean())
    return float(np.mean(smape)), float(np.mean(mase))


def as_table(series: Series, step: str) -> pd.DataFrame:
    """A long table; the dates are made up, for M4's files have none."""
    first = "1700-01-01" if step == "YS" else "1980-01-01"
    times = pd.date_range(first, periods=max(map(len, series.values())), freq=step)
    parts = [pd.DataFrame({"unique_id": name, "ds": times[: len(y)], "y": y}) for name, y in series.items()]
    return pd.concat(parts, ignore_index=True)


def row(name: str, series: Series, origin: int, seed: int) -> str:
    """One line of the table: a fit with default settings at an origin, and its errors."""
    group = GROUPS[name]
    known, truth = split(series, group.horizon, origin)
    table = as_table(known, group.step)
    begin, used = time.perf_counter(), time.process_time()
    forecast = tidegate.Forecaster(horizon=group.horizon, seed=seed).fit(table).predict()
    seconds, processor = time.perf_counter() - begin, time.process_time() - used
    ours = {str(key): part.iloc[:, -1].to_numpy() for key, part in forecast.groupby("unique_id")}
    naive = {key: naive2(values, group.horizon, group.season) for key, values in known.items()}
    smape, mase = errors(known, truth, ours, group.season)
    naive_smape, naive_mase = errors(known, truth, naive, group.season)
    owa = (smape / naive_smape + mase / naive_mase) / 2
    figures = f"{owa:.3f} | {smape:.2f} ({naive_smape:.2f}) | {mase:.3f} ({naive_mase:.3f})"
    return f"| {name} | {len(truth)} | {origin} | {seed} | {figures} | {seconds:.0f} | {processor:.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", nargs="+", default=["Weekly", "Hourly"], choices=list(GROUPS))
    parser.add_argument("--origins", type=int, default=2, help="how many, a horizon apart, from the newest back")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    print("| group | series | origin | seed | OWA | sMAPE (Naive2) | MASE (Naive2) | seconds | of processor |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in given.groups:
        series = read(given.folder, name)
        for origin in range(1, given.origins + 1):
            for seed in given.seeds:
                print(row(name, series, origin, seed), flush=True)


if __name__ == "__main__":
    main()
