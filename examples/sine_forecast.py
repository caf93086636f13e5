"""A1: forecast a sine with two LSTM layers of 50 units (window 10, 100 epochs, min-max scaling).

What the article got wrong, and is right here: it scaled with the minimum and maximum of all the data, test included;
it showed predictions made on training data; its windows dropped the last sample. Naive forecasts stand beside ours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tidegate


def main(epochs: int = 100, out: str = "run/sine") -> tidegate.BacktestResult:
    """Train, judge on the last fifth, write the report."""
    wave = np.sin(np.arange(0, 100, 0.1))
    forecaster = tidegate.Forecaster(
        lookback=10,
        units=50,
        layers=2,
        scaler="minmax",
        scale_by="global",
        linear_skip=0,
        loss="mse",
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        epochs=epochs,
        batch_size=32,
        patience=None,
    )
    result = forecaster.backtest(wave, test_size=0.2)
    print(result.verdict.text)
    print("report:", tidegate.write_report(result, Path(out)))
    return result


if __name__ == "__main__":
    main()
