"""Stream: push observations one at a time, and get the forecast of the next two hours after each.

The last two days of the bundled electricity demand are held back from training and arrive half an hour apart, as they
would from a meter. Beside each forecast stands what the naive forecaster says: the value of the last half hour again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import tidegate

TABLE = Path(__file__).parent / "data" / "electricity.csv"
LIVE = 96


def main(epochs: int = 15, steps_per_epoch: int | None = None) -> tuple[float, float]:
    """Fit on all but the last rows, stream those; return the mean absolute errors, ours and the naive one's."""
    table = pd.read_csv(TABLE, parse_dates=["ds"])
    past, live = table[:-LIVE], table[-LIVE:]
    forecaster = tidegate.Forecaster(lookback=48, horizon=4, units=32, layers=1, features=("hour", "weekday"))
    forecaster.set_params(epochs=epochs, steps_per_epoch=steps_per_epoch).fit(past)

    stream = forecaster.stream(level=[80])
    for row in past.tail(stream.keep).itertuples():
        stream.push(row.y, row.ds)

    ours, naive, last = [], [], past["y"].iloc[-1]
    for row in live.itertuples():
        forecast = stream.forecast()
        ours.append(abs(forecast["LSTM"][0] - row.y))
        naive.append(abs(last - row.y))
        print(f"{row.ds:%a %H:%M}  {row.y:8.0f}  forecast {forecast['LSTM'][0]:8.0f}", end="")
        print(f"  ({forecast['LSTM-lo-80'][0]:.0f} to {forecast['LSTM-hi-80'][0]:.0f})")
        stream.push(row.y, row.ds)
        last = row.y
    errors = float(np.mean(ours)), float(np.mean(naive))
    print(f"mean absolute error of the next half hour: LSTM {errors[0]:.0f}, repeating the last value {errors[1]:.0f}")
    return errors


if __name__ == "__main__":
    main()
