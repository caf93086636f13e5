import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tidegate
from tidegate import Forecaster, ModelFolderError, WindowRegressor
from tidegate.forecasting.intervals import independent
from tidegate.storage.model_folder import load_model, save_model

OLDER = Path(__file__).parent / "older"  # folders that version 0.1.0 saved before its settings were renamed
FAST = {"lookback": 8, "units": 4, "layers": 1, "epochs": 1}


def table(dates=True):
    rows = 80
    times = pd.date_range("2026-01-01", periods=rows, freq="D") if dates else np.arange(rows)
    frames = [
        pd.DataFrame({"unique_id": n, "ds": times, "y": np.sin(np.arange(rows) / 3) + n, "kind": "abc"[n]})
        for n in range(3)
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("dates", [True, False])
@pytest.mark.parametrize("scale_by", ["global", "series", "window"])
def test_saved_equals_loaded(tmp_path, dates, scale_by):
    frame = table(dates)
    forecaster = Forecaster(**FAST, horizon=2, scale_by=scale_by, static_cols=("kind",), validation_size=0.3)
    forecaster.fit(frame).save(tmp_path / "model")
    loaded = tidegate.load(tmp_path / "model")
    assert loaded.get_params() == forecaster.get_params()
    for data in (None, frame):
        expected = forecaster.predict(data, level=[50])
        pd.testing.assert_frame_equal(loaded.predict(data, level=[50]), expected, check_exact=True)
    told = [frame.drop(columns="seconds") for frame in (loaded.history_, forecaster.history_)]
    pd.testing.assert_frame_equal(*told)
    later = frame.assign(ds=frame["ds"] + (pd.Timedelta(days=80) if dates else 80))
    pd.testing.assert_frame_equal(loaded.update(later).predict(), forecaster.update(later).predict(), check_exact=True)


def test_a_table_model_of_an_older_version_loads():
    loaded = tidegate.load(OLDER / "table")
    assert (loaded.linear_skip, loaded.lookback, loaded.horizon) == (3, 6, 2)
    expected = [
        [0.40331048983124684, 0.18714284462021305, 0.6194781350422807],
        [0.4171818018161222, 0.01321494023241239, 0.821148663399832],
    ]
    np.testing.assert_allclose(loaded.predict(level=[50]).iloc[:, 1:], expected, rtol=1e-5)


def test_a_folder_keeps_how_many_windows_its_errors_came_from(tmp_path):
    values = np.random.default_rng(0).normal(size=90)
    model = Forecaster(lookback=12, horizon=3, units=2, layers=1, epochs=1).fit(values)
    model.save(tmp_path / "new")
    assert tidegate.load(tmp_path / "new").fitted().intervals.origins == 67 + 7
    config, tensors = load_model(tmp_path / "new", "forecaster")
    del config["origins"]  # as before; every window counted as one that shares no rows
    save_model(tmp_path / "old", "forecaster", config, tensors)
    older = tidegate.load(tmp_path / "old").fitted().intervals
    assert independent(older.residuals, older.origins).tolist() == [74] * 3


def test_what_an_older_version_learned_from_arrays_loads_as_a_window_regressor(tmp_path):
    loaded = tidegate.load(OLDER / "windows")
    assert isinstance(loaded, WindowRegressor)
    assert (loaded.loss, loaded.scaler, loaded.n_features_in_) == ("quantile", "minmax", 6)
    wave = np.lib.stride_tricks.sliding_window_view(np.sin(np.arange(60) / 3).round(3), 6)
    expected = [-0.5393531548529863, -0.5447681375592947, -0.543567138671875]
    np.testing.assert_allclose(loaded.predict(wave[:3]), expected, rtol=1e-5)
    loaded.save(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))["kind"] == "window_regressor"
    assert (tidegate.load(tmp_path / "model").predict(wave) == loaded.predict(wave)).all()


def test_a_folder_holds_no_pickle_and_readable_settings(tmp_path):
    Forecaster(**FAST).fit(table()).save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "weights.safetensors"]
    assert "lookback" in json.dumps(json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8")))


def test_loading_what_is_no_model_is_one_clear_error(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelFolderError):
            tidegate.load(folder)


def test_a_folder_keeps_the_notes_about_its_table_and_reads_those_of_earlier_versions(tmp_path):
    forecaster = Forecaster(**FAST, freq=None).fit(table().drop(columns="kind").sample(frac=1, random_state=0))
    forecaster.save(tmp_path / "new")
    newest = forecaster.fitted().newest
    loaded = tidegate.load(tmp_path / "new")
    assert any(note.startswith("rows out of order in time") for note in forecaster.notes_)
    assert loaded.notes_ == forecaster.notes_
    assert loaded.fitted().newest.notes == newest.notes
    config, tensors = load_model(tmp_path / "new", "forecaster")
    save_model(tmp_path / "old", "forecaster", config | {"notes": list(forecaster.notes_)}, tensors)
    assert tidegate.load(tmp_path / "old").notes_ == forecaster.notes_
    save_model(tmp_path / "odd", "forecaster", config | {"notes": [{"key": "tables.unheard", "params": {}}]}, tensors)
    with pytest.raises(ModelFolderError, match=r"no phrase says the note 'tables\.unheard'"):
        tidegate.load(tmp_path / "odd")
