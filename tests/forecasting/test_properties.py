"""Any settings on any table: a finite forecast that does not depend on how it was asked for, or one clear sentence."""

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tidegate
from tidegate import Forecaster, TidegateError, cells

SETTINGS = st.fixed_dictionaries(
    {
        "lookback": st.sampled_from([1, 3, 10]),
        "horizon": st.sampled_from([1, 2, 7]),
        "cell": st.sampled_from(cells.names()),
        "layers": st.integers(1, 2),
        "bidirectional": st.booleans(),
        "strategy": st.sampled_from(["direct", "recursive"]),
        "scaler": st.sampled_from(["standard", "minmax", "robust", "none"]),
        "scale_by": st.sampled_from([None, "global", "series"]),
        "loss": st.sampled_from(["mse", "mae", "huber", "quantile"]),
        "missing": st.sampled_from(["forward", "linear", "seasonal", "mask"]),
        "short_series": st.sampled_from(["refuse", "drop", "pad"]),
        "linear_skip": st.sampled_from([0, 1, 12]),
        "validation_size": st.sampled_from([0.0, 0.1, 0.4]),
        "past_cols": st.sampled_from([(), ("wind",)]),
        "static_cols": st.sampled_from([(), ("kind",)]),
        "target_col": st.sampled_from(["y", ("y", "z")]),
        "features": st.sampled_from([(), ("lag_3",), ("difference_1", "mean_3", "month")]),
    }
)


def table(lengths, freq, share_missing, seed):
    rng = np.random.default_rng(seed)
    frames = []
    for number, length in enumerate(lengths):
        size = 10.0 ** rng.integers(-3, 6)
        y = rng.normal(size=length) * size + rng.integers(-5, 100)
        y[rng.random(length) < share_missing] = np.nan
        columns = {"y": y, "z": rng.normal(size=length), "wind": rng.normal(size=length), "kind": "ab"[number % 2]}
        times = pd.date_range("2026-01-05", periods=length, freq=freq)
        frames.append(pd.DataFrame({"unique_id": f"s{number}", "ds": times, **columns}))
    return pd.concat(frames, ignore_index=True)


@given(
    chosen=SETTINGS,
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=4),
    freq=st.sampled_from(["h", "D", "MS", "B", "W-MON"]),
    share_missing=st.sampled_from([0.0, 0.15]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_forecast_is_finite_and_the_same_however_it_is_asked_for(
    tmp_path, chosen, lengths, freq, share_missing, seed
):
    frame = table(lengths, freq, share_missing, seed)
    forecaster = Forecaster(**chosen, units=4, epochs=1, steps_per_epoch=3)
    try:
        forecast = forecaster.fit(frame).predict()
        asked_again = forecaster.predict(frame)
    except TidegateError as refused:
        sentence = str(refused)
    else:
        sentence = ""
    assert "\n" not in sentence
    if sentence:
        return
    values = forecast.columns[2:]
    assert np.isfinite(forecast[values].to_numpy()).all()
    same = asked_again[asked_again["unique_id"].isin(forecast["unique_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, forecast, rtol=1e-3, atol=1e-6)
    forecaster.save(tmp_path / "model")
    pd.testing.assert_frame_equal(tidegate.load(tmp_path / "model").predict(), forecast)
