import json
import math

import pandas as pd
import pytest

from tidegate.training.history import EpochResult, History


def history(*validation: float | None) -> History:
    rows = [EpochResult(i + 1, 1 / (i + 3), loss, 1e-3, 0.1 * i, 0.25) for i, loss in enumerate(validation)]
    return History(rows)


def test_best_epoch_is_the_first_lowest_validation_loss():
    assert history(3.0, 1.0, 2.0, 1.0).best_epoch == 2


def test_best_epoch_without_validation_is_the_last():
    assert history(None, None, None).best_epoch == 3
    assert History().best_epoch is None


@pytest.mark.parametrize("losses", [(), (0.5, 0.25), (None, None)])
def test_history_survives_json(losses):
    written = history(*losses)
    written.stopped_early = True
    assert History.from_json(json.loads(json.dumps(written.to_json(), allow_nan=False))) == written


def with_metric(*values: float) -> History:
    rows = [EpochResult(i + 1, 0.5, 1.0 * i, 1e-3, 0.1, 0.25, value) for i, value in enumerate(values)]
    return History(rows, "accuracy", higher_is_better=True)


def test_a_metric_decides_survives_json_and_is_a_column():
    written = with_metric(0.5, 0.75, 0.75)
    assert (written.best_epoch, written.decided_by) == (2, "accuracy")
    assert History.from_json(json.loads(json.dumps(written.to_json(), allow_nan=False))) == written
    assert list(written.to_frame()["metric"]) == [0.5, 0.75, 0.75]
    assert "metric" not in history(0.5).to_frame()


def test_what_was_written_before_there_were_metrics_is_read():
    written = history(0.5, 0.25)
    old = {name: value for name, value in written.to_json().items() if name not in ("metric", "higher_is_better")}
    assert History.from_json(old) == written


@pytest.mark.parametrize("data", [{}, {"columns": [], "rows": [[1]], "stopped_early": 0, "interrupted": 0}, [], None])
def test_from_json_refuses_other_data(data):
    with pytest.raises(ValueError, match=r"history|argument"):
        History.from_json(data)


def test_frame_has_a_row_per_epoch_and_nan_for_what_was_not_measured():
    frame = history(None, None).to_frame()
    assert list(frame["epoch"]) == [1, 2]
    assert all(math.isnan(value) for value in frame["validation_loss"])
    assert list(History().to_frame().columns) == list(frame.columns)


def test_csv_reads_back_as_the_frame(tmp_path):
    written = history(0.1, 1 / 3)
    written.write_csv(tmp_path / "history.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "history.csv"), written.to_frame(), rtol=1e-14)
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]
