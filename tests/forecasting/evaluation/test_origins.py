"""What a backtest sees at an origin is what `predict` sees of the table cut there, whatever fills its gaps."""

import numpy as np
import pandas as pd
import pytest

from tidegate import Forecaster
from tidegate.forecasting.evaluation.window_forecasts import forecast_part

FAST = {"lookback": 9, "units": 4, "layers": 1, "epochs": 1, "horizon": 2, "season_length": 6}


def gappy(seed=0, rows=120):
    rng = np.random.default_rng(seed)
    frames = []
    for name in ("a", "b"):
        values = np.sin(np.arange(rows)) + rng.normal(0, 0.3, rows)
        frame = pd.DataFrame(
            {"unique_id": name, "ds": pd.date_range("2026-01-01", periods=rows, freq="h"), "y": values}
        )
        frame["wind"], frame["plan"] = rng.normal(size=(2, rows))
        for column in ("y", "wind"):
            frame.loc[rng.random(rows) < 0.3, column] = np.nan
        frame.loc[60:68, "wind"] = np.nan  # longer than a season and than the lookback's end
        frame.loc[:4, "wind"] = np.nan
        bare = frame["y"].isna() & frame["wind"].isna()  # at the end of a table such a row would be one of the future
        frame.loc[bare, "y"] = 0.5
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("missing", ["forward", "linear", "seasonal", "mask"])
@pytest.mark.parametrize(
    "options",
    [{"scale_by": "series"}, {"scale_by": "window", "features": ("lag_3", "hour")}, {"short_series": "pad"}],
    ids=["series", "window", "pad"],
)
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_a_backtest_fills_gaps_as_predict_on_the_table_cut_at_the_origin(missing, options, known):
    frame = gappy()
    columns = {"past_cols": ("wind",), "future_cols": ("plan",)}
    forecaster = Forecaster(**FAST, **options, **columns, missing=missing).fit(frame)
    if not known:
        frame = gappy(1).assign(unique_id=lambda each: each["unique_id"] + "2")
    panel = forecaster.panel(frame)
    found = forecast_part(forecaster.fitted(), panel, (np.zeros_like(panel.lengths), panel.lengths))
    assert len(found.rows) > 2 * 100
    for origin in (20, 41, 62, 64, 69, 70, 75, 90):
        cut = frame.groupby("unique_id").head(origin)
        ahead = forecaster.future_frame(cut).drop(columns="plan").merge(frame[["unique_id", "ds", "plan"]])
        expected = forecaster.predict(cut, future=ahead)["LSTM"].to_numpy().reshape(2, 2)
        here = found.rows - panel.starts[found.series] == origin
        np.testing.assert_allclose(found.forecast[here, :, 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("missing", ["forward", "linear", "seasonal"])
def test_a_backtest_judges_no_origin_before_which_a_column_is_unknown(missing):
    frame = gappy().query("unique_id == 'a'").reset_index(drop=True)
    frame.loc[:40, "wind"] = np.nan
    frame.loc[41, "wind"] = 1.0
    forecaster = Forecaster(**FAST, past_cols=("wind",), missing=missing).fit(frame)
    panel = forecaster.panel(frame)
    found = forecast_part(forecaster.fitted(), panel, (np.zeros_like(panel.lengths), panel.lengths))
    assert found.rows.min() == 42
