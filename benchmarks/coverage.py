"""How often do prediction intervals hold the truth, for series of known processes? Prints one table.

For each process, several series, each drawn by itself; the default forecaster is fitted on the first rows of each, and
what follows is pushed through a stream whose intervals are compared with what came. An interval of 80 % should hold it
in 80 % of cases, for every process, at every step, for every series. Run: python benchmarks/coverage.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

import tidegate

LEVELS = (80, 90)
Process = Callable[[np.random.Generator, int], np.ndarray]


def autoregressive(factor: float) -> Process:
    """Values that return to their mean, by this factor of the distance at each step."""

    def series(rng: np.random.Generator, rows: int) -> np.ndarray:
        noise, values = rng.normal(size=rows + 200), np.zeros(rows + 200)
        for row in range(1, rows + 200):
            values[row] = factor * values[row - 1] + noise[row]
        return values[200:]

    return series


def garch(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Noise whose variance follows the squares of its last values: calm and restless times, GARCH(1, 1)."""
    values, variance = np.zeros(rows), 1.0
    for row in range(rows):
        values[row] = variance**0.5 * rng.normal()
        variance = 0.05 + 0.1 * values[row] ** 2 + 0.85 * variance
    return values


def wave(rows: int) -> np.ndarray:
    """A season of 24 rows."""
    return np.sin(np.arange(rows) * 2 * np.pi / 24)


PROCESSES: dict[str, Process] = {
    "white noise": lambda rng, rows: rng.normal(size=rows),
    "AR(1), 0.5": autoregressive(0.5),
    "AR(1), 0.95": autoregressive(0.95),
    "random walk": lambda rng, rows: rng.normal(size=rows).cumsum(),
    "random walk with drift": lambda rng, rows: (0.2 + rng.normal(size=rows)).cumsum(),
    "season and noise": lambda rng, rows: wave(rows) + 0.3 * rng.normal(size=rows),
    "trend times season": lambda rng, rows: (
        np.geomspace(10, 40, rows) * (1 + 0.3 * wave(rows)) * (1 + 0.05 * rng.normal(size=rows))
    ),
    "GARCH(1, 1)": garch,
    "noise of growing variance": lambda rng, rows: rng.normal(size=rows) * np.geomspace(1, 8, rows),
    "counts with a season": lambda rng, rows: rng.poisson(3 + 2 * wave(rows)).astype(float),
}


def coverage(name: str, strategy: str, seen: int, after: int, horizon: int, seed: int) -> np.ndarray:
    """Shares (levels, horizon) of the rows after the first `seen` that lie in their intervals, for one series."""
    values = PROCESSES[name](np.random.default_rng([seed, list(PROCESSES).index(name)]), seen + after)
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=len(values), freq="h"), "y": values})
    model = tidegate.Forecaster(horizon=horizon, strategy=strategy, seed=seed).fit(frame[:seen])
    stream, inside = model.stream(level=LEVELS), []
    for value in values[: seen - 1]:
        stream.take(stream.check(value))
    for row in range(seen, len(values) - horizon + 1):
        forecast, truth = stream.push(values[row - 1]), values[row : row + horizon]
        assert forecast is not None
        low, high = (np.stack([forecast[f"LSTM-{side}-{level}"] for level in LEVELS]) for side in ("lo", "hi"))
        inside.append((low <= truth) & (truth <= high))
    return np.mean(inside, axis=0)


def row(name: str, strategy: str, shares: np.ndarray) -> str:
    """One line of the table, from shares (series, levels, horizon)."""
    cells = [name, strategy]
    for own in np.moveaxis(shares, 1, 0):
        series, steps = own.mean(axis=1), own.mean(axis=0)
        ranges = [f"{each.min():.2f} – {each.max():.2f}" for each in (series, steps)]
        cells += [f"{own.mean():.3f}", *ranges]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--seen", type=int, default=640)
    parser.add_argument("--after", type=int, default=400)
    parser.add_argument("--horizon", type=int, default=6)
    parser.add_argument("--strategies", nargs="+", default=["direct", "recursive"], choices=["direct", "recursive"])
    parser.add_argument("--only", nargs="+", default=list(PROCESSES), choices=list(PROCESSES))
    given = parser.parse_args()
    print(f"| process | strategy |{''.join(f' {level} % | series | steps |' for level in LEVELS)}")
    print("|---" * (2 + 3 * len(LEVELS)) + "|")
    for strategy in given.strategies:
        table = []
        for name in given.only:
            seeds = range(given.seeds)
            table.append([coverage(name, strategy, given.seen, given.after, given.horizon, seed) for seed in seeds])
            print(row(name, strategy, np.array(table[-1])), flush=True)
        print(row("all", strategy, np.concatenate(table)), flush=True)


if __name__ == "__main__":
    main()
