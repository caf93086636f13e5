"""Values known ahead in the table itself: rows at its end with an empty target forecast what a table of them would."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tidegate
from tidegate import DataError, Forecaster

QUICK = {"lookback": 8, "horizon": 3, "units": 3, "epochs": 1, "steps_per_epoch": 2, "future_cols": ("price",)}


def whole(names=("a", "b"), rows=40, freq="D"):
    rng = np.random.default_rng(len(names))
    times = pd.date_range("2026-01-01", periods=rows, freq=freq)
    parts = [pd.DataFrame({"unique_id": n, "ds": times, "y": rng.normal(size=rows).cumsum()}) for n in names]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(price=rng.normal(size=len(frame)))


def emptied(frame, steps=3):
    last = frame.groupby("unique_id").cumcount(ascending=False) < steps
    return frame.assign(y=frame["y"].where(~last)), frame[~last], frame[last].drop(columns="y")


def note(model):
    return [text for text in model.notes_ if "target is empty" in text]


@given(
    order=st.randoms(use_true_random=False),
    missing=st.sampled_from(["refuse", "forward", "mask"]),
    freq=st.sampled_from(["D", "B", "h", "MS"]),
    past=st.booleans(),
)
@settings(max_examples=8)
def test_rows_with_an_empty_target_are_the_table_of_what_is_known_ahead(order, missing, freq, past):
    chosen = QUICK | {"missing": missing, "past_cols": ("wind",) if past else ()}
    frame = whole(freq=freq)
    mixed, history, future = emptied(frame.assign(wind=np.arange(len(frame)) % 5))
    mixed["wind"] = mixed["wind"].where(mixed["y"].notna())
    rows = list(mixed.index)
    order.shuffle(rows)
    one, two = Forecaster(**chosen).fit(mixed), Forecaster(**chosen).fit(history)
    expected = two.predict(future=future)
    pd.testing.assert_frame_equal(one.predict(), expected)
    assert note(one) == ["rows at the end whose target is empty were taken as what is known ahead: 6"]
    shuffled = two.predict(mixed.loc[rows]).sort_values(["unique_id", "ds"], ignore_index=True)
    pd.testing.assert_frame_equal(shuffled, expected, check_exact=False, rtol=1e-5)


def test_a_table_of_the_future_goes_before_the_rows_at_the_end_and_completes_them():
    mixed, history, future = emptied(whole())
    model = Forecaster(**QUICK).fit(history)
    other = future.assign(price=1.0)
    pd.testing.assert_frame_equal(model.predict(mixed, future=other), model.predict(history, future=other))
    fewer = mixed.drop(mixed.index[[39, 79]])
    with pytest.raises(
        DataError, match=r"ahead of price at 2026-02-09, and the rows of the table .* end before that; fill"
    ):
        model.predict(fewer)
    ends = future.groupby("unique_id").tail(1)
    pd.testing.assert_frame_equal(
        model.predict(fewer, future=ends), model.predict(history, future=future), check_exact=False, rtol=1e-6
    )


def test_update_takes_the_rows_that_are_new_and_what_is_known_ahead(tmp_path):
    frame = whole()
    early, _, _ = emptied(frame[frame.groupby("unique_id").cumcount() < 33])
    model = Forecaster(**QUICK).fit(early)
    first = model.predict()
    assert first["ds"].min() == pd.Timestamp("2026-01-31")
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(tidegate.load(tmp_path / "model").predict(), first)
    mixed, history, future = emptied(frame)
    model.update(mixed[(mixed["unique_id"] == "a") | (mixed["ds"] < "2026-01-31")])
    now = model.predict()
    assert now.groupby("unique_id")["ds"].min().tolist() == [pd.Timestamp("2026-02-07"), pd.Timestamp("2026-01-31")]
    pd.testing.assert_frame_equal(now[:3], model.predict(history, future=future)[:3], check_exact=False, rtol=1e-5)


def test_a_backtest_does_not_judge_on_them_and_forecasts_with_them():
    mixed, history, future = emptied(whole(["a"], 60))
    one, two = Forecaster(**QUICK), Forecaster(**QUICK)
    judged, plain = one.backtest(mixed), two.backtest(history)
    pd.testing.assert_frame_equal(judged.forecasts, plain.forecasts)
    assert judged.ahead["ds"].tolist() == future["ds"].tolist()
    pd.testing.assert_frame_equal(one.predict(), two.predict(future=future))
    assert not one.check_leakage(mixed).leaks


def test_wide_tables_have_them_too():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=40), "price": rng.normal(size=40)})
    frame = frame.assign(a=rng.normal(size=40), b=rng.normal(size=40))
    frame.loc[37:, ["a", "b"]] = np.nan
    model = Forecaster(**QUICK, layout="wide").fit(frame)
    future = frame[37:][["ds", "price"]]
    both = pd.concat([future.assign(unique_id=name) for name in "ab"])
    pd.testing.assert_frame_equal(
        model.predict(), Forecaster(**QUICK, layout="wide").fit(frame[:37]).predict(future=both)
    )


def test_an_empty_target_without_values_ahead_is_a_missing_value():
    mixed, _, _ = emptied(whole(["a"]))
    mixed.loc[39, "price"] = np.nan
    with pytest.raises(DataError, match="column 'y' has no value in rows 38, 39, 40"):
        Forecaster(**QUICK).fit(mixed)


def test_a_day_without_trading_among_them_is_asked_for():
    mixed, _, _ = emptied(whole(["a"], freq="B"))
    with pytest.raises(
        DataError, match=r"series a leave out 2026-02-24, which will be forecast at step B; add a row for it"
    ):
        Forecaster(**QUICK).fit(
            mixed.drop(38),
        )


def test_a_row_that_measured_anything_lies_in_the_past():
    frame = whole(("a",)).assign(wind=1.0)
    frame.loc[frame.index[-2:], "y"] = np.nan  # the sensor of the target failed, that of the wind did not
    model = Forecaster(**QUICK, past_cols=("wind",), missing="forward").fit(frame)
    assert not note(model)
    assert model.future_frame()["ds"].iloc[0] == frame["ds"].iloc[-1] + pd.Timedelta("1D")
