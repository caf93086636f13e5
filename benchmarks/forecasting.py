"""Does the default network beat the naive forecasts on public data? Prints one table; most rows say by how much.

Reads the bundled electricity demand, and more series from the folder in TIDEGATE_DATA (default ../shared/data), which
are skipped with a line where they are absent. The last 20 % of each series is the test. Run: python
benchmarks/forecasting.py
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import tidegate

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TIDEGATE_DATA", HERE.parent.parent / "shared" / "data"))
CLASSIC, SHARES = DATA / "classic_series", DATA / "stock_aapl" / "AAPL_2005-01-03_2024-08-01_tiingo.csv.gz"

CASES: list[tuple[str, Path, dict[str, Any]]] = [
    (
        "electricity demand, next 2 hours (half-hourly)",
        HERE.parent / "examples" / "data" / "electricity.csv",
        {
            "lookback": 48,
            "horizon": 4,
            "season_length": 336,
            "features": ("lag_336", "hour", "weekday"),
            "units": 32,
            "layers": 1,
            "batch_size": 64,
            "learning_rate": 3e-3,
            "epochs": 30,
        },
    ),
    ("airline passengers, next month", CLASSIC / "airline-passengers.csv", {"lookback": 24, "epochs": 200}),
    ("sunspots, next month", CLASSIC / "monthly-sunspots.csv", {"lookback": 48}),
    ("Melbourne minimum, next day", CLASSIC / "daily-min-temperatures.csv", {"lookback": 30, "missing": "forward"}),
    ("Apple share, next day", SHARES, {"lookback": 60, "target_col": "adjClose", "dropout": 0.2}),
    (
        "Beijing PM2.5, next hour",
        DATA / "beijing_pm25" / "pollution.csv.xz",
        {
            "lookback": 24,
            "target_col": "pm2.5",
            "missing": "forward",
            "past_cols": ("DEWP", "TEMP", "PRES", "Iws"),
            "batch_size": 128,
            "patience": 4,
        },
    ),
    (
        "ETTh1 oil temperature, next 24 hours",
        DATA / "ett" / "ETTh1.csv.xz",
        {"lookback": 96, "horizon": 24, "target_col": "OT", "batch_size": 128, "patience": 4},
    ),
]


def row(title: str, path: Path, settings: dict[str, Any]) -> str:
    """One line of the table."""
    begin = time.process_time()
    result = tidegate.Forecaster(**settings).backtest(path, refit=False)
    verdict, errors = result.verdict, result.errors.query("step == 'all'").set_index("method")
    naive = str(verdict.best_naive)
    change = 100 * (verdict.error / verdict.naive_error - 1)
    word = {True: "yes", False: "**no**", None: "not clearly"}[verdict.beats]
    cells = [
        title,
        f"{verdict.error:.4g}",
        f"{verdict.naive_error:.4g} ({naive})",
        f"{change:+.0f} %",
        f"{errors.loc[result.method, 'rmse']:.4g} / {errors.loc[naive, 'rmse']:.4g}",
        word,
        f"{time.process_time() - begin:.0f} s",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    print("| data | LSTM MAE | best naive MAE | change | RMSE, LSTM / naive | beats it? | processor |")
    print("|---|---|---|---|---|---|---|")
    for title, path, settings in CASES:
        if path.exists():
            print(row(title, path, settings), flush=True)
        else:
            print(f"(skipped, no file: {title})", flush=True)


if __name__ == "__main__":
    main()
