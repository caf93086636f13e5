"""What stands beside a forecast: the verdict of the run, and the naive forecast that it was measured against."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from service_tools import fitted, running

from tidegate.forecasting.evaluation.baselines import naive_forecasts
from tidegate.serving.forecasting import judged
from tidegate.serving.forecasting.judged import Judged

SENTENCES = {"en": "It beats it.", "zh": "优于。"}


@pytest.fixture(scope="module")
def run(forecaster, tmp_path_factory):
    """A run folder: the model, and the metrics that say seasonal naive was the best naive forecast."""
    folder = tmp_path_factory.mktemp("judged") / "run"
    forecaster.save(folder / "model")
    _write(folder, {"beats": True, "text": SENTENCES, "best_naive": "SeasonalNaive"})
    return folder


def _write(folder, verdict, p_value=0.003):
    content = {"verdict": verdict, "diebold_mariano": {"p_value": p_value}}
    (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")


def _csv(length):
    values = np.random.default_rng(length).normal(size=length)
    times = pd.date_range("2026-01-05", periods=length, freq="h")
    return values, pd.DataFrame({"ds": times, "y": values}).to_csv(index=False).encode()


def test_verdict_is_found_from_the_run_folder_and_from_the_model_inside(run):
    assert Judged(run).verdict.text == Judged(run / "model").verdict.text == SENTENCES


def test_files_are_looked_at_once_a_second_and_not_for_every_answer(forecaster, tmp_path, monkeypatch):
    """A run saves its model before its verdict, so the verdict must still be found later."""
    clock, looks = iter([0.0, 0.5, 0.9, 1.0, 1.1]), []
    monkeypatch.setattr(judged.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(judged, "stamp_of", lambda folder: looks.append(folder) or (1,))
    forecaster.save(tmp_path / "model")
    found = Judged(tmp_path)
    looks.clear()
    assert [found.verdict, found.verdict] == [None, None]
    _write(tmp_path, {"beats": True, "text": SENTENCES, "best_naive": "Drift"})
    assert [each and each.outcome for each in (found.verdict, found.verdict, found.verdict)] == [
        None,
        "better",
        "better",
    ]
    assert len(looks) == 2


def test_verdict_of_another_folder_is_not_taken(forecaster, tmp_path):
    forecaster.save(tmp_path / "wave")
    _write(tmp_path, {"beats": True, "text": SENTENCES, "best_naive": None})
    assert Judged(tmp_path / "wave").verdict is None


def test_verdict_that_cannot_be_read_is_logged(run, tmp_path, caplog):
    (tmp_path / "model").mkdir()
    _write(tmp_path, {"beats": "perhaps"})
    with caplog.at_level(logging.WARNING):
        assert Judged(tmp_path).verdict is None
    assert "metrics.json holds no verdict" in caplog.text


def test_models_tell_their_verdict_once_it_is_written(run, folder):
    with running(f"judged={run}", folder) as client:
        judged, bare = client.get("/models").json()["models"]
        whole = {"beats": True, "text": SENTENCES, "best_naive": "SeasonalNaive", "p_value": 0.003, "outcome": "better"}
        assert judged["verdict"] == whole
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


def test_every_answer_with_a_forecast_carries_the_verdict(run, folder):
    values, text = _csv(20)
    short = {"outcome": "better", "p_value": 0.003, "text": SENTENCES["en"]}
    body = {"values": values.tolist()}
    push = {"values": 1.0, "history": body}
    with running(f"judged={run}", folder) as client:
        for model, expected in (("judged", short), ("wave", None)):
            for answer in (
                client.post("/predict", json=body | {"model": model}),
                client.post(f"/predict/csv?model={model}", content=text),
                client.get(f"/models/{model}/forecast"),
                client.post(f"/streams/{model}", json=push | {"model": model}),
                client.get(f"/streams/{model}"),
            ):
                assert answer.json()["verdict"] == expected, answer.text


@pytest.mark.parametrize(
    ("beats", "p_value", "outcome"),
    [
        (True, 0.01, "better"),
        (None, 0.3, "undecided"),
        (None, None, "undecided"),
        (False, 0.0, "worse"),
        (False, 0.3, "undecided"),  # no better, and no worse either
        (False, None, "undecided"),
    ],
)
def test_outcome_says_which_way_the_test_decides(tmp_path, beats, p_value, outcome):
    _write(tmp_path, {"beats": beats, "text": SENTENCES, "best_naive": "Drift"}, p_value)
    assert Judged(tmp_path).short["outcome"] == outcome


def test_verdict_of_a_later_run_is_not_told_of_the_model_before_it(forecaster, tmp_path):
    verdict = {"beats": True, "text": SENTENCES, "best_naive": "Drift"}
    forecaster.save(tmp_path / "model")
    _write(tmp_path, verdict)
    before = Judged(tmp_path)
    assert before.short["outcome"] == "better"
    fitted(seed=1).save(tmp_path / "model")  # and it cannot be loaded, say, so that the old one goes on
    _write(tmp_path, verdict | {"beats": None}, 0.4)
    assert (before.short["outcome"], Judged(tmp_path).short["outcome"]) == ("better", "undecided")
