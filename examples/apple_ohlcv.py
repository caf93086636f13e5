"""A5: Apple's open, high, low, close and volume; window 100, 67/33 split, early stopping with patience 10.

What the article got wrong, and is right here: early stopping watched the test set, so the test chose the model; here a
validation part that ends before the test does. Predictions on training data are drawn, but never counted as skill.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import tidegate

BUNDLED = Path(__file__).parent / "data" / "apple.csv"


def main(epochs: int = 100, out: str = "run/apple_ohlcv") -> tidegate.BacktestResult:
    """Describe the data, train, judge, write loss curves and the plot over the original series."""
    table = pd.read_csv(BUNDLED, parse_dates=["date"])
    print(table.describe().round(2))
    forecaster = tidegate.Forecaster(
        lookback=100,
        units=50,
        layers=2,
        dropout=0.2,
        epochs=epochs,
        patience=10,
        scaler="minmax",
        scale_by="global",
        linear_skip=0,
        transform="none",
        loss="mse",
        learning_rate=1e-3,
        schedule="constant",
        time_col="date",
        target_col="close",
        past_cols=("open", "high", "low", "volume"),
    )
    result = forecaster.backtest(table, test_size=0.33)
    print(result.verdict.text)
    print("report:", tidegate.write_report(result, Path(out)))
    return result


if __name__ == "__main__":
    main()
