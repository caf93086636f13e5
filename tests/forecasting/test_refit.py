"""What forecasts after the verdict has learned from every row, for as long as was best, and keeps its settings."""

import numpy as np
import pandas as pd
import pytest

from tidegate import Forecaster
from tidegate.errors import TrainingError
from tidegate.forecasting import refit as module
from tidegate.forecasting.table_model import TableModel

FAST = {"lookback": 12, "units": 4, "layers": 1, "epochs": 6, "batch_size": 16, "learning_rate": 0.01, "linear_skip": 0}


def waves(rows=200):
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(rows) / 4) + rng.normal(0, 0.1, rows)
    return pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="h"), "y": values})


@pytest.fixture(scope="module")
def refitted():
    forecaster = Forecaster(**FAST)
    return forecaster, forecaster.backtest(waves())


def test_refit_equals_a_fit_on_all_rows_for_the_best_number_of_epochs(refitted):
    forecaster, result = refitted
    plain = Forecaster(**{**FAST, "epochs": result.best_epoch}, validation_size=0, patience=None).fit(waves())
    weights = plain.fitted().network.state_dict()
    for name, value in forecaster.fitted().network.state_dict().items():
        assert value.equal(weights[name]), name
    assert forecaster.predict()["LSTM"].tolist() == plain.predict()["LSTM"].tolist()


def test_refit_sees_the_newest_rows_and_the_verdict_does_not(refitted):
    forecaster, result = refitted
    altered = waves()
    altered.loc[190:, "y"] += 5
    other = Forecaster(**FAST)
    judged = other.backtest(altered)
    before = result.forecasts.query("ds < @altered.ds[190]")
    pd.testing.assert_frame_equal(judged.forecasts.query("ds < @altered.ds[190]"), before)
    ours, theirs = (each.fitted().network.state_dict() for each in (forecaster, other))
    assert not all(value.equal(theirs[name]) for name, value in ours.items())


def test_a_refitted_forecaster_keeps_its_settings_and_can_be_saved(refitted, tmp_path):
    forecaster, _ = refitted
    forecaster.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert vars(again.settings()) == vars(forecaster.settings())
    assert (again.epochs, again.validation_size, again.patience) == (6, 0.1, 25)
    pd.testing.assert_frame_equal(again.predict(level=[80]), forecaster.predict(level=[80]))


@pytest.mark.parametrize("failure", [TrainingError("the loss became nan"), KeyboardInterrupt()])
def test_what_was_judged_forecasts_where_refitting_fails(monkeypatch, failure):
    fits = []

    def fit(*arguments):
        fits.append(1)
        if len(fits) > 2:  # two make the network that is judged
            raise failure
        return original(*arguments)

    original = TableModel.fit
    monkeypatch.setattr(module.TableModel, "fit", fit)
    forecaster = Forecaster(**{**FAST, "epochs": 2})
    result = forecaster.backtest(waves())
    assert len(fits) == 3
    assert not result.refitted
    assert "of the network that was judged" in str(result.notes[-1])
    assert len(forecaster.predict()) == 1


def test_a_best_epoch_at_the_end_asks_for_more():
    rising = Forecaster(**{**FAST, "epochs": 2, "learning_rate": 1e-3, "schedule": "constant"}).backtest(
        waves(), refit=False
    )
    assert "epoch 2 of 2 was the best" in "".join(map(str, rising.notes))
    cosine = Forecaster(**{**FAST, "epochs": 2, "schedule": "cosine"}).backtest(waves(), refit=False)
    assert "raise epochs" not in "".join(map(str, cosine.notes))


def test_a_linear_forecast_that_was_kept_is_refitted_as_one(tmp_path):
    rng = np.random.default_rng(1)
    noise = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=300, freq="h"), "y": rng.normal(5, 1, 300)})
    forecaster = Forecaster(**{**FAST, "linear_skip": 12})
    result = forecaster.backtest(noise)
    assert result.best_epoch == 0
    # Without training the network adds nothing to its linear part, which here is the mean of what was seen.
    network = forecaster.fitted().network
    assert all(not value.any() for name, value in network.state_dict().items() if name.startswith("head."))
    assert forecaster.predict()["LSTM"].to_numpy() == pytest.approx(noise["y"].mean(), abs=0.5)
    forecaster.save(tmp_path / "model")
    assert Forecaster.load(tmp_path / "model").predict().equals(forecaster.predict())
