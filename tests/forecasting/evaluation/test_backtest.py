import numpy as np
import pandas as pd
import pytest

from lacking import need_module
from tidegate import DataError, Forecaster, SettingError, write_report

FAST = {"lookback": 12, "units": 8, "layers": 1, "epochs": 2, "batch_size": 16}


def noisy_sine(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    values = np.sin(np.arange(rows) * 2 * np.pi / 24) + rng.normal(0, 0.1, rows)
    return pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="h"), "y": values})


def random_walk(rows=400, seed=0):
    steps = np.random.default_rng(seed).normal(size=rows).cumsum()
    return pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="D"), "y": steps + 100})


def test_every_test_row_is_forecast_and_naive_forecasts_share_the_windows():
    frame = noisy_sine()
    result = Forecaster(**FAST, horizon=1).backtest(frame, test_size=0.2, refit=False)
    assert result.windows == 60
    assert result.forecasts["ds"].tolist() == frame["ds"].tail(60).tolist()  # the last sample is kept
    assert result.forecasts["y"].to_numpy() == pytest.approx(frame["y"].tail(60).to_numpy())
    assert result.forecasts["RepeatLast"].to_numpy() == pytest.approx(frame["y"].iloc[239:299].to_numpy())
    assert result.forecasts["SeasonalNaive"].to_numpy() == pytest.approx(frame["y"].iloc[216:276].to_numpy())
    assert result.parts["rows"].tolist() == [216, 24, 60]


def test_errors_are_those_of_the_forecasts_in_original_units():
    result = Forecaster(**FAST, horizon=3).backtest(noisy_sine(), refit=False)
    frame = result.forecasts_by_step
    for method in ("LSTM", "RepeatLast"):
        row = result.errors.query("method == @method and step == 'all'").iloc[0]
        assert row["mae"] == pytest.approx((frame["y"] - frame[method]).abs().mean())
        second = result.errors.query("method == @method and step == 2").iloc[0]
        expected = (frame["y"] - frame[method])[frame["step"] == 2].abs().mean()
        assert second["mae"] == pytest.approx(expected)


def logistic_map(rows=600):
    values = [0.3]
    while len(values) < rows:
        values.append(3.8 * values[-1] * (1 - values[-1]))
    return pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="h"), "y": values})


def test_verdict_goes_in_either_direction():
    settings = {**FAST, "epochs": 30, "learning_rate": 1e-2, "scale_by": "global"}
    learned = Forecaster(**settings).backtest(
        logistic_map(), refit=False
    )  # one step of it is a parabola, and no naive forecast
    assert learned.verdict.beats is True
    hopeless = Forecaster(**FAST).backtest(random_walk(), refit=False)
    assert hopeless.verdict.beats is not True
    assert "not" in hopeless.verdict.text.lower()


def test_ranking_words_and_test_are_of_one_loss():
    """Small series that the network knows and a large one that it does not: raw MAE is that of the large one."""
    known, walk = logistic_map(1500), random_walk(400)
    small = [known.iloc[500 * n : 500 * n + 400].assign(unique_id=n, ds=walk["ds"].to_numpy()) for n in range(3)]
    table = pd.concat([*small, walk.assign(unique_id=3, y=walk["y"] * 1000)])
    settings = {**FAST, "epochs": 15, "learning_rate": 1e-2, "scale_by": "series", "linear_skip": 0}
    result = Forecaster(**settings).backtest(table, refit=False)
    verdict, test = result.verdict, result.significance
    overall = result.errors.query("step == 'all'").set_index("method")
    assert overall["mae"].drop("LSTM").min() < overall.loc["LSTM", "mae"]
    assert (verdict.metric, verdict.error) == ("mase", overall.loc["LSTM", "mase"])
    assert result.best_naive == overall["mase"].drop("LSTM").idxmin()
    assert verdict.error < verdict.naive_error
    assert test.better == "a"
    assert "lower" in verdict.text


def test_test_rows_never_change_a_trained_bit():
    frame = noisy_sine()
    cut = len(frame) - round(len(frame) * 0.2)
    altered = [frame.copy() for _ in range(3)]
    altered[0].loc[cut:, "y"] = altered[0].loc[cut:, "y"].iloc[::-1].to_numpy() + 50
    altered[1].loc[cut:, "y"] *= 1000
    altered[2] = frame.iloc[:cut]
    for scaler in ("standard", "minmax", "robust"):
        settings = {**FAST, "scaler": scaler, "dropout": 0.1}
        base = Forecaster(**settings)
        base.backtest(frame, refit=False)
        weights = base.fitted().network.state_dict()
        for changed in altered:
            other = Forecaster(**settings)
            if len(changed) == cut:
                other.fit(changed)
            else:
                other.backtest(changed, refit=False)
            for name, value in other.fitted().network.state_dict().items():
                assert value.equal(weights[name]), (scaler, name)


def test_interpolation_does_not_reach_over_an_origin():
    frame = noisy_sine()
    frame.loc[260:264, "y"] = np.nan
    later = frame.copy()
    later.loc[265:, "y"] += 1000.0  # what a linear fill of rows 260-264 would lean on
    forecasts = []
    for table in (frame, later):
        result = Forecaster(**FAST, missing="linear").backtest(table, refit=False)
        forecasts.append(result.forecasts.query("ds <= @frame.ds[265]")["LSTM"].to_numpy())
    assert (forecasts[0] == forecasts[1]).all()


@pytest.mark.parametrize("refit", [True, False])
def test_predict_after_a_backtest_continues_the_whole_table(refit):
    frame = noisy_sine()
    forecaster = Forecaster(**FAST)
    result = forecaster.backtest(frame, refit=refit)
    forecast = forecaster.predict(level=[80])
    assert forecast["ds"].iloc[0] == frame["ds"].iloc[-1] + pd.Timedelta(hours=1)
    assert result.refitted is refit
    for column in ("ds", "LSTM", "LSTM-lo-80", "LSTM-hi-80"):
        assert result.ahead[column].tolist() == forecast[column].tolist()


def test_series_are_evaluated_together_and_examples_are_few():
    frames = [noisy_sine(120, seed=n).assign(unique_id=f"s{n}") for n in range(6)]
    result = Forecaster(**FAST, horizon=2).backtest(pd.concat(frames), refit=False)
    assert result.series == 6
    assert result.windows == 6 * 23
    assert 1 <= result.examples["unique_id"].nunique() <= 3
    assert set(result.examples["part"]) == {"train", "validation", "test"}


def test_curves_of_one_step_ahead_reach_the_last_row():
    """They ended a horizon early, for want of windows that lie wholly in the table."""
    result = Forecaster(**FAST, horizon=6, features=("hour",)).backtest(noisy_sine(), refit=False)
    assert result.examples[["LSTM", result.best_naive]].tail(6).notna().all(axis=None)
    first = result.forecasts_by_step.query("step == 1").set_index("ds")["LSTM"]
    shown = result.examples.set_index("ds")["LSTM"].reindex(first.index)
    assert shown.to_numpy() == pytest.approx(first.to_numpy(), rel=1e-5)


def by_utilsforecast(frame, methods):
    losses = need_module("utilsforecast.losses")
    evaluate = need_module("utilsforecast.evaluation").evaluate
    errors = evaluate(frame, metrics=[losses.mae, losses.rmse, losses.smape], cutoff_col="cutoff")
    assert set(errors) == {"unique_id", "cutoff", "metric", *methods}
    return errors


@pytest.mark.parametrize("series", [None, 2])
def test_frames_go_into_utilsforecast_unchanged(series):
    """Its errors, of each window, have the mean of ours; sMAPE is a share there and 0 to 200 % here."""
    table = noisy_sine(200)
    if series:
        table = pd.concat([table.assign(unique_id=name) for name in range(series)])
    result = Forecaster(**FAST, horizon=3).backtest(table, refit=False)
    errors = by_utilsforecast(result.forecasts, result.methods).groupby("metric")[result.methods].mean()
    ours = result.errors.query("step == 'all'").set_index("method")
    assert errors.loc["mae"].to_dict() == pytest.approx(ours["mae"].to_dict())
    assert (200 * errors.loc["smape"]).to_dict() == pytest.approx(ours["smape"].to_dict())
    assert len(by_utilsforecast(result.forecasts, result.methods)) == 3 * result.windows


def test_folds_go_into_utilsforecast_unchanged():
    folds = Forecaster(**FAST, horizon=2).cross_validate(noisy_sine(200), folds=2)
    frame = pd.concat([fold.forecasts for fold in folds])
    errors = by_utilsforecast(frame, folds[0].methods).query("metric == 'mae'")
    windows = [fold.windows for fold in folds]
    assert len(errors) == sum(windows)
    mean = np.average([fold.errors["mae"].iloc[0] for fold in folds], weights=windows)
    assert errors["LSTM"].mean() == pytest.approx(mean)


def test_cross_validation_rolls_the_origin_and_leaves_the_forecaster_alone():
    frame = noisy_sine(200)
    forecaster = Forecaster(**FAST)
    folds = forecaster.cross_validate(frame, folds=3, test_size=0.1)
    assert [fold.forecasts["ds"].min() for fold in folds] == frame["ds"].iloc[[140, 160, 180]].tolist()
    assert [fold.windows for fold in folds] == [20, 20, 20]
    assert not hasattr(forecaster, "model_")
    alone = Forecaster(**FAST).backtest(frame.iloc[:160], test_size=20 / 160, refit=False)
    pd.testing.assert_frame_equal(folds[0].forecasts, alone.forecasts)
    with pytest.raises(SettingError, match="folds must be"):
        forecaster.cross_validate(frame, folds=10, test_size=0.1)


@pytest.mark.parametrize("rows", [24, np.int64(24)])
def test_a_whole_number_as_test_size_is_rows_of_each_series(rows):
    frame = pd.concat([noisy_sine(length).assign(unique_id=str(length)) for length in (120, 200)])
    result = Forecaster(**FAST).backtest(frame, test_size=rows, refit=False)
    assert result.forecasts.groupby("unique_id").size().tolist() == [24, 24]
    assert result.parts["rows"].tolist()[-1] == 48
    folds = Forecaster(**FAST).cross_validate(frame, folds=2, test_size=rows)
    assert [fold.forecasts.groupby("unique_id")["ds"].min().iloc[0] for fold in folds] == [
        frame["ds"].iloc[120 - 48],
        frame["ds"].iloc[120 - 24],
    ]


def test_more_rows_to_test_than_there_are_is_refused():
    with pytest.raises(DataError, match="test_size of 120 rows leaves none of the longest series"):
        Forecaster(**FAST).backtest(noisy_sine(120), test_size=120)
    with pytest.raises(DataError, match="3 folds of 40 rows leave none of the longest series"):
        Forecaster(**FAST).cross_validate(noisy_sine(120), folds=3, test_size=40)


@pytest.mark.parametrize("test_size", [0, 1.0, -0.1, -3, 24.5, "0.2", True, float("nan")])
def test_unusable_test_size_is_refused(test_size):
    with pytest.raises(SettingError, match="test_size must be a share"):
        Forecaster(**FAST).backtest(noisy_sine(), test_size=test_size)


def test_a_test_part_without_a_window_says_so():
    with pytest.raises(DataError, match="hold no window"):
        Forecaster(**FAST, horizon=10).backtest(noisy_sine(100), test_size=0.05)


@pytest.mark.parametrize("names", [["a", "b"], [7, 8]])
def test_a_table_of_polars_is_judged_in_frames_of_polars(names, tmp_path):
    polars = need_module("polars")
    need_module("pyarrow")
    evaluate, losses = need_module("utilsforecast.evaluation").evaluate, need_module("utilsforecast.losses")
    times = pd.date_range("2026-01-01", periods=80)
    frames = [pd.DataFrame({"unique_id": name, "ds": times, "y": np.sin(np.arange(80))}) for name in names]
    frame = pd.concat(frames, ignore_index=True)
    chosen = {"lookback": 6, "horizon": 2, "units": 3, "epochs": 1, "steps_per_epoch": 2}
    result = Forecaster(**chosen).backtest(frame)
    same = Forecaster(**chosen).backtest(polars.from_pandas(frame))
    for name in ("forecasts", "parts", "examples", "history", "ahead", "forecasts_by_step"):
        ours, theirs = getattr(result, name), getattr(same, name)
        assert isinstance(theirs, polars.DataFrame)
        if name != "history":  # has seconds
            pd.testing.assert_frame_equal(theirs.to_pandas(), ours.reset_index(drop=True), check_dtype=False)
    assert (same.methods, same.targets, same.horizon) == (result.methods, result.targets, result.horizon)
    assert same.errors["step"].to_list() == result.errors["step"].astype(str).tolist()
    scores = evaluate(same.forecasts, metrics=[losses.mae], models=same.methods, cutoff_col="cutoff")
    assert isinstance(scores, polars.DataFrame)
    folds = Forecaster(**chosen).cross_validate(polars.from_pandas(frame), folds=2)
    assert all(isinstance(fold.forecasts, polars.DataFrame) for fold in folds)
    reports = [write_report(each, tmp_path / str(i)) for i, each in enumerate((result, same))]
    one, two = ((report.parent / "backtest.csv").read_bytes() for report in reports)
    assert one == two
    pd.testing.assert_frame_equal(same.in_frames_of("pandas").errors, result.errors, check_dtype=False)
