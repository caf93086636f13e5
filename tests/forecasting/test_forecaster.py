import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from utilsforecast.evaluation import evaluate
from utilsforecast.losses import mae

import tidegate
from tidegate import DataError, Forecaster, ModelFolderError, SettingError, cells, load
from tidegate.cells import Cell
from tidegate.equations.functions import sigmoid, tanh

FAST = {"lookback": 12, "units": 8, "layers": 1, "epochs": 2, "batch_size": 16}


def hourly(rows=200, name="y", start="2026-01-01"):
    times = pd.date_range(start, periods=rows, freq="h")
    return pd.DataFrame({"ds": times, name: np.sin(np.arange(rows) * 2 * np.pi / 24) + 3})


def several(count=3, rows=120):
    frames = [hourly(rows).assign(unique_id=f"s{n}", y=lambda f, n=n: f["y"] * (n + 1)) for n in range(count)]
    return pd.concat(frames, ignore_index=True)[["unique_id", "ds", "y"]]


def test_predict_continues_the_table_in_its_own_columns():
    frame = hourly(name="load").rename(columns={"ds": "when"})
    forecast = Forecaster(**FAST, horizon=5, time_col="when", target_col="load").fit(frame).predict()
    assert forecast.columns.tolist() == ["when", "LSTM"]
    assert forecast["when"].tolist() == pd.date_range(frame["when"].iloc[-1], periods=6, freq="h")[1:].tolist()
    assert np.isfinite(forecast["LSTM"]).all()


def test_predict_on_the_fitted_rows_equals_predict_without_data():
    frame = several()
    forecaster = Forecaster(**FAST, horizon=4).fit(frame)
    pd.testing.assert_frame_equal(forecaster.predict(), forecaster.predict(frame))


def test_predict_on_a_new_series_needs_no_refit():
    forecaster = Forecaster(**FAST, horizon=4, scale_by="series").fit(several())
    new = hourly(40).assign(unique_id="new", y=lambda f: f["y"] * 100)
    forecast = forecaster.predict(new)
    assert forecast["unique_id"].unique().tolist() == ["new"]
    assert forecast["LSTM"].between(100, 500).all()  # scaled by its own rows


def test_forecasts_and_intervals_are_taken_by_utilsforecast_unchanged():
    frame = several()
    train = frame.groupby("unique_id").head(110)
    forecast = Forecaster(**FAST, horizon=10, validation_size=0.3).fit(train).predict(level=[80])
    assert forecast.columns.tolist() == ["unique_id", "ds", "LSTM", "LSTM-lo-80", "LSTM-hi-80"]
    merged = frame.merge(forecast, on=["unique_id", "ds"])
    scores = evaluate(merged, metrics=[mae], models=["LSTM"], level=[80])
    assert len(scores) == 3


def test_intervals_hold_the_point_forecast_and_widen_with_the_level():
    forecaster = Forecaster(**FAST, horizon=3, validation_size=0.4).fit(hourly())
    frame = forecaster.predict(level=[50, 90])
    assert (frame["LSTM-lo-90"] <= frame["LSTM-lo-50"]).all()
    assert (frame["LSTM-lo-50"] <= frame["LSTM"]).all()
    assert (frame["LSTM-hi-50"] <= frame["LSTM-hi-90"]).all()


def test_quantile_loss_learns_its_levels_and_refuses_others():
    forecaster = Forecaster(**FAST, horizon=2, loss="quantile", levels=(90,)).fit(hourly())
    assert "LSTM-hi-90" in forecaster.predict(level=[90])
    with pytest.raises(SettingError, match="level 50 was not learned"):
        forecaster.predict(level=[50])


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "quantile"])
@pytest.mark.parametrize("scale_by", ["global", "series", "window"])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_every_loss_scale_and_strategy_learns_a_sine(loss, scale_by, strategy):
    forecaster = Forecaster(
        **{**FAST, "epochs": 25, "units": 16, "learning_rate": 1e-2},
        horizon=4,
        loss=loss,
        scale_by=scale_by,
        strategy=strategy,
    )
    forecaster.fit(hourly(240))
    truth = np.sin(np.arange(240, 244) * 2 * np.pi / 24) + 3
    assert forecaster.predict()["LSTM"].to_numpy() == pytest.approx(truth, abs=0.35)


@pytest.mark.parametrize("cell", cells.names())
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_cell_runs_stacked_and_in_both_directions(cell, bidirectional):
    settings = {**FAST, "cell": cell, "layers": 2, "bidirectional": bidirectional, "initial": "uniform"}
    forecast = Forecaster(**settings, dropout=0.2, horizon=3).fit(hourly()).predict()
    assert forecast.columns.tolist() == ["ds", cell.upper()]
    assert np.isfinite(forecast[cell.upper()]).all()


def test_a_cell_of_the_users_own_is_saved_and_loaded_once_registered(tmp_path):
    class Leaky(Cell):
        gates = ("leak", "candidate")

        @staticmethod
        def step(z, prev, w):
            leak = sigmoid(z.leak)
            return ((1 - leak) * prev.h + leak * tanh(z.candidate),)

    forecaster = Forecaster(**FAST, cell=Leaky).fit(hourly())
    forecast = forecaster.predict()
    assert forecast.columns.tolist() == ["ds", "LEAKY"]
    with pytest.raises(SettingError, match=r"tidegate\.cells\.register\(Leaky\)"):
        forecaster.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    try:
        cells.register(Leaky)
        forecaster.save(tmp_path / "model")
        pd.testing.assert_frame_equal(load(tmp_path / "model").predict(), forecast)

        @cells.register
        class Changed(Leaky):
            name = "leaky"

            @staticmethod
            def step(z, prev, w):
                return (tanh(z.candidate) + 0 * z.leak,)

        with pytest.raises(ModelFolderError, match="other equations"):
            load(tmp_path / "model")
    finally:
        cells._registered.clear()
    with pytest.raises(ModelFolderError, match="register"):
        load(tmp_path / "model")


def test_recursive_steps_equal_feeding_forecasts_back_by_hand():
    frame = hourly(150)
    forecaster = Forecaster(**FAST, horizon=3, strategy="recursive", features=("difference_2",)).fit(frame)
    by_hand = frame.copy()
    one = Forecaster(**{**forecaster.get_params(), "horizon": 1})
    one.fit(frame)
    one.fitted().network.load_state_dict(forecaster.fitted().network.state_dict())
    one.fitted().preprocessor = forecaster.fitted().preprocessor
    for _ in range(3):
        step = one.predict(by_hand).head(1).rename(columns={"LSTM": "y"})
        by_hand = pd.concat([by_hand, step], ignore_index=True)
    assert forecaster.predict()["LSTM"].to_numpy() == pytest.approx(by_hand["y"].tail(3).to_numpy(), rel=1e-4)


def test_several_targets_get_a_column_each():
    frame = hourly().assign(z=lambda f: -f["y"])
    forecast = Forecaster(**FAST, horizon=2, target_col=("y", "z"), name="net").fit(frame).predict()
    assert forecast.columns.tolist() == ["ds", "net-y", "net-z"]


def test_known_future_values_are_asked_for_and_used():
    frame = hourly().assign(price=lambda f: np.arange(len(f)) % 7.0)
    forecaster = Forecaster(**FAST, horizon=3, future_cols=("price",), linear_skip=0).fit(frame)
    with pytest.raises(DataError, match="values ahead of price"):
        forecaster.predict()
    ahead = forecaster.future_frame()
    assert ahead.columns.tolist() == ["ds", "price"]
    with pytest.raises(DataError, match="lacks 3 values of 'price'"):
        forecaster.predict(future=ahead)
    low, high = (forecaster.predict(future=ahead.assign(price=value))["LSTM"] for value in (0.0, 6.0))
    assert (low != high).all()
    shuffled = ahead.assign(price=[1.0, 2.0, 3.0]).iloc[::-1]
    pd.testing.assert_frame_equal(
        forecaster.predict(future=shuffled), forecaster.predict(future=ahead.assign(price=[1.0, 2.0, 3.0]))
    )


def test_past_static_and_categorical_columns_are_read():
    frame = several().assign(
        wind=lambda f: f["y"] * 0.5,
        area=lambda f: f["unique_id"].str[1:].astype(float),
        kind=lambda f: np.where(f["unique_id"] == "s0", "north", "south"),
    )
    settings = {"past_cols": ("wind",), "static_cols": ("area", "kind")}
    forecaster = Forecaster(**FAST, **settings, features=("mean_3", "hour")).fit(frame)
    known = forecaster.predict(frame)
    unseen = forecaster.predict(frame.assign(kind="west"))
    assert len(known) == 3
    assert np.isfinite(unseen["LSTM"]).all()


def test_clone_and_params_follow_scikit_learn():
    forecaster = Forecaster(units=7, features=("lag_3",))
    twin = clone(forecaster)
    assert twin.get_params() == forecaster.get_params()
    assert twin.set_params(units=9).units == 9
    assert is_regressor(forecaster)
    with pytest.raises(NotFittedError, match="call fit"):
        forecaster.predict()


def test_arrays_with_targets_are_sent_to_the_window_regressor():
    windows, targets = np.ones((20, 6)), np.ones(20)
    for refused in (Forecaster().fit, Forecaster(**FAST).fit(hourly()).score):
        with pytest.raises(DataError, match=r"takes a table alone.*use tidegate\.WindowRegressor"):
            refused(windows, targets)


def test_settings_changed_after_fit_count_for_the_next_fit_alone(tmp_path):
    frame = hourly().assign(other=lambda f: f["y"] * 2)
    forecaster = Forecaster(**FAST, horizon=3)
    expected = forecaster.fit(frame).predict(level=[50])
    ahead, score = forecaster.future_frame(), forecaster.score(frame)
    forecaster.set_params(horizon=5, name="net", units=3, target_col="other", cell="gru", time_col="when")
    pd.testing.assert_frame_equal(forecaster.predict(level=[50]), expected)
    pd.testing.assert_frame_equal(forecaster.predict(frame, level=[50]), expected)
    pd.testing.assert_frame_equal(forecaster.future_frame(), ahead)
    assert forecaster.score(frame) == score
    forecaster.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert (loaded.horizon, loaded.cell, loaded.name) == (3, "lstm", None)
    pd.testing.assert_frame_equal(loaded.predict(level=[50]), expected)
    stream = forecaster.stream(level=[50])
    for value in frame["y"].tail(60):
        pushed = stream.push(value)
    assert pushed.columns == tuple(expected.columns[1:])
    forecaster.set_params(time_col="ds")
    assert forecaster.fit(frame).predict().shape == (5, 2)
    assert forecaster.predict().columns.tolist() == ["ds", "net"]


def test_a_forecast_that_is_not_finite_is_refused_in_one_sentence():
    forecaster = Forecaster(**FAST, horizon=2, scale_by="global").fit(hourly())
    beyond = hourly().assign(y=lambda f: f["y"] * 1e300)
    with pytest.raises(DataError, match=r"^the forecast is not a finite number; the values lie too far"):
        forecaster.predict(beyond)
    with pytest.raises(DataError, match=r"^the forecast is not a finite number; the values lie too far"):
        forecaster.score(beyond)


def test_an_unfitted_forecaster_can_be_looked_at():
    forecaster = Forecaster()
    for name in ("history_", "columns_", "freq_", "notes_", "model_"):
        assert not hasattr(forecaster, name)
    assert "fit" in dir(forecaster)
    fitted = Forecaster(**FAST).fit(hourly())
    assert all(hasattr(fitted, name) for name in dir(fitted))


def test_the_old_name_of_a_setting_is_taken_with_a_warning():
    with pytest.warns(DeprecationWarning, match="the setting highway is now called linear_skip") as caught:
        forecaster = Forecaster(highway=3)
    assert caught[0].filename == __file__
    assert forecaster.linear_skip == 3
    assert clone(forecaster).get_params() == forecaster.get_params()
    both = {"highway": 3, "linear_skip": 4}
    with pytest.raises(SettingError, match="old name of linear_skip"), pytest.warns(DeprecationWarning, match="now"):
        Forecaster(**both)


def test_update_carries_on_with_new_rows():
    frame = several(2, 150)
    first, later = frame.groupby("unique_id").head(120), frame.groupby("unique_id").tail(30)
    forecaster = Forecaster(**FAST, horizon=2).fit(first)
    before = {name: value.clone() for name, value in forecaster.fitted().network.state_dict().items()}
    forecaster.update(later)
    assert any((value != before[name]).any() for name, value in forecaster.fitted().network.state_dict().items())
    assert forecaster.predict()["ds"].min() == frame["ds"].max() + pd.Timedelta(hours=1)
    with pytest.raises(DataError, match="the table has no row after"):
        forecaster.update(later)


def test_update_by_a_few_rows_leaves_the_errors_that_tell_the_intervals():
    frame = several(1, 150)
    forecaster = Forecaster(**FAST, horizon=2).fit(frame[:146])
    before = forecaster.fitted().residuals
    forecaster.update(frame[146:])
    assert forecaster.fitted().residuals is before
    assert (forecaster.predict(level=80)["LSTM-hi-80"] > forecaster.predict()["LSTM"]).all()


def test_update_takes_in_new_series_and_remembers_their_scale():
    frame = several(2, 150)
    forecaster = Forecaster(**FAST, scale_by="series").fit(frame)
    new = several(3, 100).query("unique_id == 's2'").assign(y=lambda f: f["y"] * 1000)
    forecaster.update(new)
    forecast = forecaster.predict()
    assert forecast["unique_id"].tolist() == ["s0", "s1", "s2"]
    together = forecaster.predict(pd.concat([frame, new]))
    pd.testing.assert_frame_equal(forecast, together)


def test_same_seed_gives_the_same_bits_and_leaves_the_global_generator_alone():
    import torch

    frame = hourly()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    forecasts = [Forecaster(**FAST, dropout=0.2, seed=5).fit(frame).predict() for _ in range(2)]
    pd.testing.assert_frame_equal(*forecasts, check_exact=True)
    assert torch.equal(torch.rand(3), expected)


def test_polars_numpy_and_wide_tables_give_the_same_forecast():
    frame = hourly()
    expected = Forecaster(**FAST).fit(frame).predict()["LSTM"].to_numpy()
    assert Forecaster(**FAST).fit(polars.from_pandas(frame)).predict()["LSTM"].to_numpy() == pytest.approx(expected)
    assert Forecaster(**FAST).fit(frame["y"].to_numpy()).predict()["LSTM"].to_numpy() == pytest.approx(expected)
    wide = frame.rename(columns={"y": "only"})
    forecast = Forecaster(**FAST, layout="wide").fit(wide).predict()
    assert forecast["LSTM"].to_numpy() == pytest.approx(expected)


def test_a_polars_table_is_answered_with_polars():
    frame = several(2, 60).assign(plan=1.0)
    frame["unique_id"] = frame["unique_id"].astype("category")
    forecaster = Forecaster(**FAST, future_cols=("plan",)).fit(frame)
    expected = forecaster.predict(frame, forecaster.future_frame().fillna(1.0))
    given = polars.from_pandas(frame)
    for data in (given, given.lazy()):
        ahead = forecaster.future_frame(data)
        assert isinstance(ahead, polars.DataFrame)
        answer = forecaster.predict(data, ahead.with_columns(plan=polars.lit(1.0)), level=())
        assert isinstance(answer, polars.DataFrame)
        assert answer.schema["unique_id"] == given.schema["unique_id"]
        assert answer.to_dicts() == polars.from_pandas(expected).to_dicts()
    assert isinstance(forecaster.future_frame(), pd.DataFrame)
    assert isinstance(Forecaster(**FAST).fit(given).predict(), polars.DataFrame)


def test_identifiers_that_are_categories_stay_categories(tmp_path):
    frame = several(2, 60)
    frame["unique_id"] = pd.Categorical(frame["unique_id"], categories=["s1", "s0"])
    forecaster = Forecaster(**FAST).fit(frame)
    forecaster.save(tmp_path / "model")
    for each in (forecaster, tidegate.load(tmp_path / "model")):
        forecast = each.predict()
        assert isinstance(forecast["unique_id"].dtype, pd.CategoricalDtype)
        assert forecast["unique_id"].tolist() == ["s0", "s1"]


def test_short_series_are_refused_dropped_or_padded():
    frame = pd.concat([several(2), hourly(8).assign(unique_id="short")], ignore_index=True)
    with pytest.raises(DataError, match=r"short \(8\)"):
        Forecaster(**FAST).fit(frame)
    dropped = Forecaster(**FAST, short_series="drop").fit(frame)
    assert dropped.predict()["unique_id"].tolist() == ["s0", "s1"]
    assert "1 series too short" in " ".join(dropped.notes_)
    padded = Forecaster(**FAST, short_series="pad").fit(frame)
    assert padded.predict()["unique_id"].tolist() == ["s0", "s1", "short"]


@pytest.mark.parametrize("missing", ["forward", "linear", "seasonal", "mask"])
def test_missing_values_are_treated_as_chosen(missing):
    frame = hourly()
    frame.loc[[30, 31, 90], "y"] = np.nan
    with pytest.raises(DataError, match="missing"):
        Forecaster(**FAST).fit(frame)
    forecast = Forecaster(**FAST, missing=missing).fit(frame.drop(index=60)).predict()
    assert np.isfinite(forecast["LSTM"]).all()


@pytest.mark.parametrize("missing", ["forward", "linear", "seasonal", "mask"])
def test_a_gap_at_the_edge_of_the_kept_rows_is_filled_from_further_back(missing):
    frame = hourly()
    frame.loc[150 : len(frame) - 3, "y"] = np.nan  # longer than the lookback, up to two rows before the end
    forecaster = Forecaster(**FAST, missing=missing).fit(frame)
    pd.testing.assert_frame_equal(forecaster.predict(), forecaster.predict(frame))


def test_predict_drops_series_too_short_to_forecast_when_chosen():
    forecaster = Forecaster(**FAST, short_series="drop").fit(several(2))
    frame = pd.concat([several(1), hourly(5).assign(unique_id="short")], ignore_index=True)
    assert forecaster.predict(frame)["unique_id"].tolist() == ["s0"]
    with pytest.raises(DataError, match="short"):
        Forecaster(**FAST).fit(several(2)).predict(frame)


def test_too_short_a_table_says_what_to_do():
    with pytest.raises(DataError, match="shorten lookback or horizon"):
        Forecaster(**FAST).fit(hourly(10))


def test_score_is_r2_over_every_window():
    forecaster = Forecaster(**{**FAST, "epochs": 30, "learning_rate": 1e-2}).fit(hourly(240))
    assert 0.8 < forecaster.score(hourly(100)) <= 1


def test_quiet_by_default(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tidegate.Forecaster(**FAST).fit(hourly()).predict()
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
