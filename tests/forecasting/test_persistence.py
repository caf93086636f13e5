import json

import numpy as np
import pandas as pd
import pytest

import tidegate
from tidegate import Forecaster, ModelFolderError

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
    pd.testing.assert_frame_equal(loaded.history_, forecaster.history_)
    later = frame.assign(ds=frame["ds"] + (pd.Timedelta(days=80) if dates else 80))
    pd.testing.assert_frame_equal(loaded.update(later).predict(), forecaster.update(later).predict(), check_exact=True)


def test_saved_equals_loaded_after_plain_arrays(tmp_path):
    inputs, targets = np.random.default_rng(0).normal(size=(2, 30, 5))
    forecaster = Forecaster(units=4, epochs=1).fit(inputs, targets)
    forecaster.save(tmp_path)
    assert (tidegate.load(tmp_path).predict(inputs) == forecaster.predict(inputs)).all()


def test_a_folder_holds_no_pickle_and_readable_settings(tmp_path):
    Forecaster(**FAST).fit(table()).save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "weights.safetensors"]
    assert "lookback" in json.dumps(json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8")))


def test_loading_what_is_no_model_is_one_clear_error(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelFolderError):
            tidegate.load(folder)
