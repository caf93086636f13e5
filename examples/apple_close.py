"""A4: Apple's daily close, window 60, two LSTM layers of 50 units with dropout 0.2, 10 epochs.

What the article got wrong, and is right here: the scaler was fitted on test prices too; a window went in as one step of
60 features instead of 60 steps of one; and its plot looked right because tomorrow's forecast was today's price. The
first line printed says whether the network beats exactly that forecast.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import tidegate

BUNDLED = Path(__file__).parent / "data" / "apple.csv"


def prices() -> pd.DataFrame:
    """Daily closes 2010–2024 from yfinance where it is installed and there is a network, else the bundled years."""
    try:
        import yfinance

        table = yfinance.Ticker("AAPL").history(start="2010-01-01", end="2024-12-31").reset_index()
        if len(table):
            return pd.DataFrame({"date": table["Date"].dt.tz_localize(None), "close": table["Close"]})
    except Exception as reason:  # any failure of the download means the same here: no live prices
        print(f"no live prices ({type(reason).__name__}); using the bundled file, 2015-02 to 2017-02")
    return pd.read_csv(BUNDLED, usecols=["date", "close"])


def main(epochs: int = 10, out: str = "run/apple", table: pd.DataFrame | None = None) -> tidegate.BacktestResult:
    """Train on the first 80 %, judge on the last 20 %, write the report with its dated plot."""
    forecaster = tidegate.Forecaster(
        lookback=60,
        units=50,
        layers=2,
        dropout=0.2,
        epochs=epochs,
        batch_size=32,
        scaler="minmax",
        scale_by="global",
        linear_skip=0,
        transform="none",
        loss="mse",
        learning_rate=1e-3,
        schedule="constant",
        time_col="date",
        target_col="close",
    )
    result = forecaster.backtest(prices() if table is None else table, test_size=0.2)
    print(result.verdict.text)
    print("report:", tidegate.write_report(result, Path(out)))
    return result


if __name__ == "__main__":
    main()
