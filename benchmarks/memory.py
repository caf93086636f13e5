"""Memory and time of a large panel: 10 million rows in 100 000 series, read, trained for some steps, forecast.

Prints the peak of resident memory beyond the table itself. Run: python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tidegate
from tidegate.forecasting.forecaster import Forecaster


def peak() -> float:
    """Largest resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def now() -> float:
    """Resident memory of this process, in GB (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * resource.getpagesize() / 1e9


def table(series: int, rows: int) -> pd.DataFrame:
    """A long frame: integer ids, daily time stamps, float32 values of very different sizes."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(rows) * 2 * np.pi / 7)
    values = wave * rng.lognormal(3, 2, (series, 1)) + rng.normal(size=(series, rows))
    days = pd.date_range("2026-01-01", periods=rows).to_numpy()
    ids = np.repeat(np.arange(series), rows)
    return pd.DataFrame({"unique_id": ids, "ds": np.tile(days, series), "y": values.astype(np.float32).ravel()})


def main() -> None:
    """Fit and predict, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--steps", type=int, default=500, help="optimiser steps per epoch")
    arguments = parser.parse_args()
    Forecaster(lookback=28, epochs=1, steps_per_epoch=1).fit(table(3, arguments.rows))  # imports and warm-up
    frame = table(arguments.series, arguments.rows)
    size, before = frame.memory_usage().sum() / 1e9, now()
    forecaster = tidegate.Forecaster(lookback=28, horizon=7, epochs=2, steps_per_epoch=arguments.steps, batch_size=128)
    begin = time.perf_counter()
    forecaster.fit(frame)
    fitted = time.perf_counter()
    forecast = forecaster.predict()
    done = time.perf_counter()
    print(f"table: {len(frame):,} rows, {arguments.series:,} series, {size:.2f} GB; resident before {before:.2f} GB")
    print(f"fit: {fitted - begin:.1f} s (2 epochs of {arguments.steps} steps); predict: {done - fitted:.1f} s")
    print(f"forecast: {len(forecast):,} rows; peak {peak():.2f} GB, {peak() - before:.2f} GB beyond the table")


if __name__ == "__main__":
    main()
