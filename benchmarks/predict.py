"""What `Forecaster.predict` costs beyond its network: one series, frame in and frame out, against the bare network.

Prints a table of medians in one run: the fitted network called on a ready tensor, `predict()` on the rows of `fit`,
and `predict(frame)` on a frame of new history. Run: python benchmarks/predict.py
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np
import pandas as pd
import torch

import tidegate


def timed(calls: dict[str, object], repeats: int) -> dict[str, float]:
    """Median microseconds of each call; the calls take turns, so that drift of the machine hits all alike."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            spent[name].append((time.perf_counter() - begin) * 1e6)
    return {name: median(times[repeats // 10 :]) for name, times in spent.items()}


def main() -> None:
    """Fit one small forecaster per size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print(
        f"{'lookback':>8} {'units':>6} {'rows':>6} {'network':>9} {'predict()':>10} {'predict(df)':>12} {'ratios':>12}"
    )
    for lookback, units, rows in ((60, 50, 120), (60, 50, 2000), (168, 64, 400), (60, 128, 120)):
        hours = pd.date_range("2026-01-01", periods=rows, freq="h")
        frame = pd.DataFrame({"unique_id": "a", "ds": hours, "y": np.sin(np.arange(rows) / 4.0)})
        long = pd.concat([frame, frame.assign(ds=hours + pd.Timedelta(hours=rows))], ignore_index=True)
        settings = {"lookback": lookback, "horizon": 12, "units": units, "layers": 2, "epochs": 1, "steps_per_epoch": 2}
        forecaster = tidegate.Forecaster(**settings).fit(long)
        network = forecaster.model_.network
        past, empty = torch.randn(1, lookback, 1), torch.empty(1, 12, 0)

        @torch.inference_mode()
        def bare(network=network, past=past, empty=empty):
            return network(past, empty, torch.empty(1, 0))

        calls = {"bare": bare, "own": forecaster.predict, "new": lambda f=forecaster, d=frame: f.predict(d)}
        spent = timed(calls, repeats)
        ratios = f"{spent['own'] / spent['bare']:.2f} {spent['new'] / spent['bare']:.2f}"
        print(
            f"{lookback:>8} {units:>6} {rows:>6} {spent['bare']:>7.0f}µs {spent['own']:>8.0f}µs "
            f"{spent['new']:>10.0f}µs {ratios:>12}"
        )


if __name__ == "__main__":
    main()
