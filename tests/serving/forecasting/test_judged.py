"""What stands beside a forecast: the verdict of the run, and the naive forecast that it was measured against."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from service_tools import running

from tidegate.forecasting.evaluation.baselines import naive_forecasts
from tidegate.serving.forecasting.judged import verdict_of

SENTENCES = {"en": "It beats it.", "zh": "优于。"}


@pytest.fixture(scope="module")
def run(forecaster, tmp_path_factory):
    """A run folder: the model, and the metrics that say seasonal naive was the best naive forecast."""
    folder = tmp_path_factory.mktemp("judged") / "run"
    forecaster.save(folder / "model")
    _write(folder, {"beats": True, "text": SENTENCES, "best_naive": "SeasonalNaive"})
    return folder


def _write(folder, verdict):
    (folder / "metrics.json").write_text(json.dumps({"verdict": verdict}), encoding="utf-8")


def _csv(length):
    values = np.random.default_rng(length).normal(size=length)
    times = pd.date_range("2026-01-05", periods=length, freq="h")
    return values, pd.DataFrame({"ds": times, "y": values}).to_csv(index=False).encode()


def test_verdict_is_found_from_the_run_folder_and_from_the_model_inside(run):
    assert verdict_of(run).text == verdict_of(run / "model").text == SENTENCES


def test_verdict_of_another_folder_is_not_taken(forecaster, tmp_path):
    forecaster.save(tmp_path / "wave")
    _write(tmp_path, {"beats": True, "text": SENTENCES, "best_naive": None})
    assert verdict_of(tmp_path / "wave") is None


def test_verdict_that_cannot_be_read_is_logged(run, tmp_path, caplog):
    (tmp_path / "model").mkdir()
    _write(tmp_path, {"beats": "perhaps"})
    with caplog.at_level(logging.WARNING):
        assert verdict_of(tmp_path) is None
    assert "metrics.json holds no verdict" in caplog.text


def test_models_tell_their_verdict_once_it_is_written(run, folder):
    with running(f"judged={run}", folder) as client:
        judged, bare = client.get("/models").json()["models"]
        assert judged["verdict"] == {"beats": True, "text": SENTENCES, "best_naive": "SeasonalNaive"}
        assert bare["verdict"] is None
        assert judged["roles"] == {"time": "ds", "id": None, "targets": ["y"], "past": [], "future": [], "static": []}
        assert judged["outputs"] == ["LSTM"]


@pytest.mark.parametrize(("length", "method"), [(60, "SeasonalNaive"), (20, "RepeatLast")])
def test_naive_forecast_of_a_file_is_the_best_of_the_run_where_its_rows_suffice(run, length, method):
    values, text = _csv(length)
    with running(run) as client:
        one = client.post("/predict/csv?history=true", content=text).json()["forecasts"][0]
    expected = naive_forecasts(values[:, None], np.array([length - 1]), 3, 24)[method][0, :, 0]
    assert one["naive"]["method"] == method
    assert one["naive"]["columns"]["y"] == pytest.approx(expected.tolist())
