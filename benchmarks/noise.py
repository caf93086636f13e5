"""Does the default network lose to the naive forecasts where there is little or nothing to learn? Prints one table.

Series of known processes; for each the error (RMSE) of the default forecaster on the last 20 % of its rows, divided by
that of the naive forecast that is best for the process over all seeds. 1 means as good as it, for a process that the
naive forecast describes fully; below 1 means that the network found more. Run: python benchmarks/noise.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

import tidegate
from tidegate.forecasting.evaluation.baselines import NAIVE_METHODS

Process = Callable[[np.random.Generator, int], np.ndarray]


def autoregressive(factor: float) -> Process:
    """Values that return to their mean, by this factor of the distance at each step."""

    def series(rng: np.random.Generator, rows: int) -> np.ndarray:
        noise, values = rng.normal(size=rows + 200), np.zeros(rows + 200)
        for row in range(1, rows + 200):
            values[row] = factor * values[row - 1] + noise[row]
        return values[200:]

    return series


def moving_average(factor: float) -> Process:
    """Noise with a share of the noise before it."""

    def series(rng: np.random.Generator, rows: int) -> np.ndarray:
        noise = rng.normal(size=rows + 1)
        return noise[1:] + factor * noise[:-1]

    return series


PROCESSES: dict[str, Process] = {
    "white noise": lambda rng, rows: rng.normal(size=rows),
    "AR(1), 0.3": autoregressive(0.3),
    "AR(1), 0.7": autoregressive(0.7),
    "AR(1), 0.95": autoregressive(0.95),
    "MA(1), 0.6": moving_average(0.6),
    "MA(1), -0.6": moving_average(-0.6),
    "random walk": lambda rng, rows: rng.normal(size=rows).cumsum(),
    "random walk with drift": lambda rng, rows: (0.2 + rng.normal(size=rows)).cumsum(),
}


def errors(process: Process, rows: int, seed: int, horizon: int) -> pd.Series:
    """RMSE by method on the test part of one series."""
    values = process(np.random.default_rng([seed, rows]), rows) * 3 + 10
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=rows, freq="D"), "y": values})
    result = tidegate.Forecaster(horizon=horizon, seed=seed).backtest(frame)
    table = result.errors.query("step == 'all'").set_index("method")["rmse"]
    return table.rename({result.method: "network"})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--horizon", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(PROCESSES), choices=list(PROCESSES))
    given = parser.parse_args()
    print("| process | rows | best naive | network / naive, mean of seeds | standard error |")
    print("|---|---|---|---|---|")
    for name in given.only:
        for rows in given.rows:
            table = pd.DataFrame([errors(PROCESSES[name], rows, seed, given.horizon) for seed in range(given.seeds)])
            best = str(table[[each for each in NAIVE_METHODS if each in table]].mean().idxmin())
            ratio = table["network"] / table[best]
            error = ratio.std() / len(ratio) ** 0.5
            print(f"| {name} | {rows} | {best} | {ratio.mean():.3f} | {error:.3f} |", flush=True)


if __name__ == "__main__":
    main()
