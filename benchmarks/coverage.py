"""How often do prediction intervals hold the truth, for series of known processes? Prints one table.

For each process, several series; each is fitted on its first 80 %, and the rest is pushed through a stream whose
intervals are compared with what came. An interval of 80 % should hold it in 80 % of cases, at every step, for every
series. Run: python benchmarks/coverage.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

import tidegate

LEVELS = (80, 90)
Process = Callable[[np.random.Generator, int], np.ndarray]


def seasonal(rng: np.random.Generator, rows: int) -> np.ndarray:
    """A wave with a noise of a third of its size."""
    return np.sin(np.arange(rows) * 2 * np.pi / 24) + 0.3 * rng.normal(size=rows)


PROCESSES: dict[str, Process] = {
    "noise": lambda rng, rows: rng.normal(size=rows),
    "random walk": lambda rng, rows: rng.normal(size=rows).cumsum(),
    "walk of growing variance": lambda rng, rows: (rng.normal(size=rows) * np.geomspace(1, 8, rows)).cumsum(),
    "noise of growing variance": lambda rng, rows: rng.normal(size=rows) * np.geomspace(1, 8, rows),
    "seasonal": seasonal,
}


def coverage(process: Process, rows: int, horizon: int, seed: int) -> np.ndarray:
    """Shares (levels, horizon) of the test's values that lie in their intervals, for one series."""
    values = process(np.random.default_rng([seed, rows]), rows)
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=rows, freq="h"), "y": values})
    seen = rows * 4 // 5
    model = tidegate.Forecaster(horizon=horizon, seed=seed).fit(frame[:seen])
    stream, inside = model.stream(level=LEVELS), []
    for row, value in enumerate(values[: rows - horizon], start=1):
        forecast = stream.push(value)
        if forecast is not None and row >= seen:
            truth = values[row : row + horizon]
            low, high = (np.stack([forecast[f"LSTM-{side}-{level}"] for level in LEVELS]) for side in ("lo", "hi"))
            inside.append((low <= truth) & (truth <= high))
    return np.mean(inside, axis=0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--horizon", type=int, default=6)
    given = parser.parse_args()
    print("| process | level | mean of series | lowest and highest series | lowest and highest step |")
    print("|---|---|---|---|---|")
    for name, process in PROCESSES.items():
        shares = np.stack([coverage(process, given.rows, given.horizon, seed) for seed in range(given.seeds)])
        for number, level in enumerate(LEVELS):
            own = shares[:, number]
            series, steps = own.mean(axis=1), own.mean(axis=0)
            ranges = [f"{each.min():.2f} – {each.max():.2f}" for each in (series, steps)]
            print(f"| {name} | {level} % | {own.mean():.2f} | {ranges[0]} | {ranges[1]} |", flush=True)


if __name__ == "__main__":
    main()
