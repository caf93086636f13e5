"""What explanations know of forecasts: columns, windows, the test part, the network that was judged."""

import numpy as np
import pandas as pd
import pytest
import torch

from tidegate import DataError, Forecaster, ModelFolderError, WindowRegressor, explain
from tidegate.explain.looking import ALL
from tidegate.explain.subject import SEQUENCE
from tidegate.forecasting.explaining.tables import TableSubject
from tidegate.forecasting.run import Request, run
from tidegate.storage.model_folder import load_model, save_model

HOURS = pd.date_range("2026-01-01", periods=260, freq="h")
SMALL = {"lookback": 8, "horizon": 2, "units": 4, "layers": 1, "epochs": 2, "linear_skip": 0}


def table(series=("a",)):
    rng = np.random.default_rng(0)
    frames = []
    for name in series:
        wind, colour = rng.standard_normal(260), rng.choice(["red", "blue", "green"], 260)
        y = np.roll(wind, 2) + np.sin(np.arange(260) / 4) + (colour == "red")
        own = {"unique_id": name, "ds": HOURS, "y": y, "wind": wind, "colour": colour}
        frames.append(pd.DataFrame(own).assign(open=rng.integers(0, 2, 260), size=float(len(name))))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def rich():
    """A forecaster of everything that a table may hold, fitted on the first 80 % of each series."""
    frame = table(("a", "bb"))
    settings = {"past_cols": ("wind", "colour"), "future_cols": ("open",), "static_cols": ("size",)}
    forecaster = Forecaster(**settings, features=("hour", "difference_1"), **SMALL)
    return forecaster.fit(frame[frame["ds"] < HOURS[208]]), frame


class Silent:
    def note(self, sentence):
        pass

    def progress(self, epochs):
        return None

    def verdict(self, result):
        pass


@pytest.fixture(scope="module", autouse=True)
def _without_reports():
    """Runs write no report, which costs more than all else here and is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidegate.forecasting.run.write_report", lambda result, folder, lang: folder / "report.html")
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    table().drop(columns=["unique_id", "size"]).to_csv(folder / "data.csv", index=False)
    values = {**SMALL, "past_cols": ("wind", "colour"), "future_cols": ("open",)}
    return folder, run(Request(folder / "data.csv", folder / "run"), values, Silent())


def test_every_column_of_the_table_has_its_own_inputs(rich):
    forecaster, frame = rich
    examples = TableSubject.of(forecaster, frame).judged(10)
    where = {name: dict(places) for name, places in examples.columns.items()}
    assert where == {
        "y": {SEQUENCE: [0]},
        "wind": {SEQUENCE: [1]},
        "colour": {SEQUENCE: [2, 3, 4]},
        "open": {SEQUENCE: [5], "future": [0]},
        "hour": {SEQUENCE: [6, 7], "future": [1, 2]},
        "size": {"static": [0]},
    }
    assert {name: part.shape[-1] for name, part in examples.inputs.items()} == {SEQUENCE: 8, "future": 3, "static": 1}
    assert len(examples.inputs[SEQUENCE]) == 10


def test_the_answers_are_the_forecasts(rich):
    forecaster, frame = rich
    history = frame[frame["ds"] < HOURS[208]]
    future = forecaster.future_frame(history).assign(open=0.0)
    expected = forecaster.predict(history, future)["LSTM"].to_numpy().reshape(2, 2)
    panel = forecaster.panel(history)
    subject = TableSubject.of(forecaster, history)
    scale = subject._prepared.scale_of(panel)
    known = subject._prepared.newest(
        subject._prepared.fill(panel), scale, np.zeros((2, 2, 1)), np.array([HOURS[208:210]] * 2)
    )
    examples = subject._examples(known)
    with torch.no_grad():
        answers = examples.answer(examples.inputs).unsqueeze(-1).numpy()
    np.testing.assert_allclose(subject._prepared.unscale(answers, scale)[..., 0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("series", [("a",), ("a", "bb")])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_the_error_without_permutation_is_that_of_the_backtest(series, strategy):
    frame = table(series)[["unique_id", "ds", "y", "open"]]
    forecaster = Forecaster(future_cols=("open",), strategy=strategy, **SMALL)
    result = forecaster.backtest(frame, refit=False)
    found = explain.importance(forecaster, frame, repeats=1)
    assert found["error"].iloc[0] == pytest.approx(result.verdict.error, rel=1e-6)
    assert found.attrs["metric"] == result.verdict.metric.upper()


def test_permutation_of_a_column_is_that_of_the_table_s_windows(rich):
    """By hand: the forecasts of windows in which one column is that of other windows."""
    forecaster, frame = rich
    subject = TableSubject.of(forecaster, frame)
    examples = subject.judged(40)
    found = explain.importance(forecaster, frame, repeats=1, seed=3, most=40).set_index("column")
    rng = np.random.default_rng(3)
    orders = {name: torch.from_numpy(rng.permutation(40)) for name in examples.columns}
    changed = {name: part.clone() for name, part in examples.inputs.items()}
    changed[SEQUENCE][:, :, 5] = changed[SEQUENCE][orders["open"], :, 5]
    changed["future"][:, :, 0] = changed["future"][orders["open"], :, 0]
    with torch.no_grad():
        assert found.loc["open", "permuted"] == pytest.approx(examples.error(examples.answer(changed)))


def test_a_forecaster_that_uses_one_column_gives_the_others_no_importance():
    forecaster = Forecaster(past_cols=("wind",), scale_by="global", **SMALL).fit(table().drop(columns="unique_id"))
    network = forecaster.fitted().network
    with torch.no_grad():
        network.layer.weight_ih_l0[:, 0] = 0  # the target's own past is not read
    found = explain.importance(forecaster, table().drop(columns="unique_id")).set_index("column")
    assert found.loc["y", "importance"] == 0
    assert found.loc["wind", "importance"] > 0
    back = explain.lookback(forecaster, table().drop(columns="unique_id"))
    assert (back.loc[back["column"] == "y", "value"] == 0).all()
    both = back.pivot_table(index=["measure", "lag"], columns="column", values="value")
    np.testing.assert_allclose(both[ALL], both["wind"], rtol=1e-6)


def test_the_gradient_by_lag_is_that_of_central_differences_in_the_table():
    """A value of the table a little larger moves the forecast by the gradient, windows' normalisation included."""
    frame = table().drop(columns="unique_id")[["ds", "y"]].head(40)
    forecaster = Forecaster(**SMALL, scale_by="global").fit(frame)
    step = 1e-2
    back = explain.lookback(forecaster, None)
    back = back[(back["measure"] == "gradient") & (back["column"] == "y")].set_index("lag")["value"]
    for lag in (1, 2, 5, 8):
        forecasts = []
        for sign in (1, -1):
            moved = frame.copy()
            moved.loc[len(moved) - lag, "y"] += sign * step
            forecasts.append(forecaster.predict(moved)["LSTM"].to_numpy())
        expected = np.abs(forecasts[0] - forecasts[1]).mean() / (2 * step)
        assert back[lag] == pytest.approx(expected, rel=2e-2, abs=1e-4)


def test_a_series_is_chosen_by_its_name_and_an_unknown_one_refused(rich):
    forecaster, frame = rich
    first, second = (explain.activations(forecaster, frame, series=name) for name in ("a", "bb"))
    assert not first.equals(second)
    assert first.equals(explain.activations(forecaster, frame))
    with pytest.raises(DataError, match="the model was not fitted on a series 'c'; its series are"):
        explain.activations(forecaster, frame, series="c")
    with pytest.raises(DataError, match="the model was not fitted on the series 'new'"):
        explain.activations(Forecaster(**SMALL).fit(table()[["unique_id", "ds", "y"]]), table(("a", "new")))


def test_without_a_test_part_importance_is_refused_and_the_rest_works(rich):
    forecaster, frame = rich
    assert len(explain.activations(forecaster))
    assert explain.lookback(forecaster)["lag"].max() == 9  # with the row before, of which the difference is made
    with pytest.raises(DataError, match="rows that the model has not seen, and there are none here; give the table"):
        explain.importance(forecaster)
    with pytest.raises(DataError, match="too few for one window"):
        explain.importance(forecaster, frame, test_size=1)
    with pytest.raises(DataError, match="a forecaster's table holds what follows; leave y out"):
        explain.importance(forecaster, frame, [1])


def test_a_run_is_explained_by_the_network_that_was_judged(finished):
    folder, done = finished
    subject = TableSubject.of_folder(folder / "run")
    examples = subject.judged(10_000)
    with torch.no_grad():
        error = examples.error(examples.answer(examples.inputs))
    assert error == pytest.approx(done.result.verdict.error, rel=1e-6)
    assert str(subject.notes[0]).startswith("This is the network that was judged")
    again = TableSubject.of_folder(folder / "run", folder / "data.csv").judged(10_000)
    for name, part in again.inputs.items():
        torch.testing.assert_close(part, examples.inputs[name])


def test_a_run_without_a_second_training_is_explained_by_its_model(tmp_path):
    table().drop(columns=["unique_id", "size", "colour"]).to_csv(tmp_path / "data.csv", index=False)
    request = Request(tmp_path / "data.csv", tmp_path / "run", refit=False)
    done = run(request, {**SMALL, "target_col": "y"}, Silent())
    assert not (tmp_path / "run" / "judged").exists()
    subject = TableSubject.of_folder(tmp_path / "run")
    examples = subject.judged(10_000)
    with torch.no_grad():
        assert examples.error(examples.answer(examples.inputs)) == pytest.approx(done.result.verdict.error, rel=1e-6)
    assert subject.notes == ()


def test_a_model_folder_alone_shows_what_needs_no_table(finished):
    subject = TableSubject.of_folder(finished[0] / "run" / "model")
    (note,) = subject.notes
    assert str(note) == "What open will be is not known, so forecasts here are made with their mean."
    assert len(subject.one().times) == 8
    assert subject.several(5).inputs[SEQUENCE].shape == (1, 8, 6)
    with pytest.raises(DataError, match="give the table"):
        subject.judged(10)


def test_folders_of_another_kind_and_damaged_ones_are_refused(finished, tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 5))
    WindowRegressor(units=2, layers=1, epochs=1).fit(x, x[:, -1]).save(tmp_path / "windows")
    with pytest.raises(DataError, match="holds a model that keeps no data to look at; explain it from Python"):
        explain.write_explanation(tmp_path / "windows", tmp_path / "page.html")
    with pytest.raises(ModelFolderError, match="does not exist"):
        explain.write_explanation(tmp_path / "nowhere", tmp_path / "page.html")
    config, tensors = load_model(finished[0] / "run" / "table", "table")
    broken = {
        "starts": {**tensors, "starts": tensors["starts"] + 1},
        "seen": {**tensors, "seen": tensors["seen"] + 10_000},
        "past": {**tensors, "past": tensors["past"][:, :1]},
        "arrays": {name: part for name, part in tensors.items() if name != "times"},
    }
    for reason, damaged in broken.items():
        run_folder = tmp_path / reason
        save_model(run_folder / "table", "table", config, damaged)
        (run_folder / "model").symlink_to(finished[0] / "run" / "model")
        with pytest.raises(ModelFolderError, match=rf"does not hold the rows of this run \({reason}"):
            TableSubject.of_folder(run_folder)
    save_model(tmp_path / "seen" / "table", "table", {**config, "more": 1}, tensors)
    with pytest.raises(ModelFolderError, match="does not hold the rows of this run"):
        TableSubject.of_folder(tmp_path / "seen")


def test_a_linear_forecast_that_was_kept_is_told():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"ds": HOURS, "y": rng.standard_normal(260)})
    forecaster = Forecaster(lookback=8, horizon=1, units=4, layers=1, epochs=1).fit(frame)
    assert forecaster.fitted().history.kept_start
    (note,) = TableSubject.of(forecaster).notes
    assert str(note).startswith("Training found nothing clearly better than a linear forecast")


def test_a_model_of_gaps_has_its_flags_permuted_with_their_column():
    frame = table().drop(columns="unique_id")[["ds", "y", "wind"]]
    frame.loc[50:60, "wind"] = np.nan
    forecaster = Forecaster(past_cols=("wind",), missing="mask", **SMALL).fit(frame)
    examples = TableSubject.of(forecaster, frame).judged(20)
    assert examples.columns["wind"] == {SEQUENCE: [1], "observed": [1]}
    assert len(explain.importance(forecaster, frame, repeats=1)) == 2
    assert np.isfinite(explain.lookback(forecaster, frame)["value"]).all()
