"""Tables of odd but legal numbers are forecast or refused in words: no warning of NumPy's, no other error."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate import Forecaster, TidegateError, write_report
from tidegate.errors import DataError

ROWS = 60
NOISE = np.random.default_rng(0).normal(size=ROWS)
COLUMNS = {
    "constant": np.full(ROWS, 5.0),
    "zero": np.zeros(ROWS),
    "noise": NOISE,
    "huge": NOISE * 1e300,
    "largest": np.full(ROWS, 1.7e308),
    "one huge": np.where(np.arange(ROWS) == 30, 1e308, 1.0),
    "huge and back": np.where(np.arange(ROWS) % 2, 1e300, -1e300),
    "huge in the test": np.where(np.arange(ROWS) < 45, 0, 1e200),
    "tiny": NOISE * 1e-300,
    "denormal": NOISE * 1e-310,
    "float32": (NOISE * 1e37).astype(np.float32),
    "whole": np.arange(ROWS),
    "nothing": np.full(ROWS, np.nan),
    "one value": np.where(np.arange(ROWS) == 5, 1.0, np.nan),
    "sparse": np.where(np.arange(ROWS) % 7 == 0, NOISE, np.nan),
    "late": np.where(np.arange(ROWS) < 50, np.nan, NOISE),
}
SETTINGS = st.fixed_dictionaries(
    {
        "missing": st.sampled_from(["mask", "forward", "linear", "seasonal", "refuse"]),
        "scaler": st.sampled_from(["standard", "minmax", "robust", "none"]),
        "scale_by": st.sampled_from([None, "global", "series"]),
        "loss": st.sampled_from(["mse", "mae", "quantile"]),
        "features": st.sampled_from([(), ("difference_1", "mean_3")]),
        "short_series": st.sampled_from(["refuse", "pad"]),
        "linear_skip": st.sampled_from([0, 3]),
    }
)


def in_words(call, frame):
    """What a call gives, or None where it refuses in one line."""
    try:
        return call(frame)
    except TidegateError as refused:
        sentence = str(refused)
    assert "\n" not in sentence
    return None


def table(kind, other, cov):
    times = pd.date_range("2026-01-01", periods=ROWS)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": times, "y": COLUMNS[name], "p": COLUMNS[cov]}) for name in {kind, other}
    ]
    return pd.concat(frames, ignore_index=True)


@given(*[st.sampled_from(sorted(COLUMNS)) for _ in range(3)], SETTINGS, st.booleans())
@settings(max_examples=8)
def test_odd_tables_are_forecast_or_refused_in_words(tmp_path_factory, kind, other, covariate, chosen, reported):
    frame = table(kind, other, covariate)
    model = Forecaster(
        lookback=6, horizon=2, units=2, layers=1, epochs=1, steps_per_epoch=1, past_cols=("p",), **chosen
    )
    result = in_words(model.backtest, frame)
    if result is None:
        return
    for call in (model.predict, model.score, model.check_leakage):
        in_words(call, frame)
    if reported:
        write_report(result, tmp_path_factory.mktemp("report"))


def test_a_table_too_short_is_told_as_its_reader_can_act():
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=30), "y": np.arange(30.0)})
    model = Forecaster(lookback=6, units=4, layers=1, epochs=1)
    with pytest.raises(DataError, match=r"^the series has 5 rows, and one window needs 7; shorten lookback or horizon"):
        model.fit(frame[:5])
    with pytest.raises(DataError, match=r"^the series has 1 row, and one window needs 6; give more rows$"):
        model.fit(frame).predict(frame[:1])
