"""A fit ends with a training on all rows; what was decided and measured before had not seen the last of them."""

import numpy as np
import pandas as pd
import pytest

from tidegate import Forecaster
from tidegate.errors import TrainingError
from tidegate.forecasting.evaluation.backtest import backtest
from tidegate.forecasting.table_model import TableModel
from tidegate.tables.building import build_panel
from tidegate.training.hooks import TrainingHooks

FAST = {"lookback": 12, "units": 4, "epochs": 4, "batch_size": 16, "learning_rate": 0.01, "linear_skip": 0}


def waves(rows=200):
    random = np.random.default_rng(0)
    values = np.sin(np.arange(rows) / 4) + random.normal(0, 0.1, rows)
    return pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=rows, freq="h"), "y": values})


def same(ours, theirs):
    ours, theirs = (model.network.state_dict() for model in (ours, theirs))
    return all(value.equal(theirs[name]) for name, value in ours.items())


def first_training(frame, **settings):
    """The network that decided, which has not learned from the last rows."""
    settings = Forecaster(**FAST | settings).settings()
    return TableModel.fit(settings, *build_panel(frame, settings), TrainingHooks())


def test_a_fit_is_one_on_all_rows_for_the_epochs_that_were_best_on_the_last():
    fitted = Forecaster(**FAST).fit(waves()).fitted()
    best = first_training(waves()).history.best_epoch
    plain = Forecaster(**FAST | {"epochs": best}, validation_size=0, patience=None).fit(waves()).fitted()
    assert same(fitted, plain)
    assert (fitted.history.best_epoch, len(fitted.history.rows)) == (best, FAST["epochs"])


def test_what_decides_has_not_learned_from_the_rows_by_which_it_does():
    altered = waves()
    altered.loc[190:, "y"] += 5
    ours, theirs = first_training(waves(), epochs=1), first_training(altered, epochs=1)
    assert same(ours, theirs)
    assert ours.history.rows[0].validation_loss != theirs.history.rows[0].validation_loss


def test_intervals_are_of_errors_on_rows_not_yet_learned_from():
    forecaster = Forecaster(**FAST).fit(waves())
    np.testing.assert_array_equal(forecaster.fitted().residuals, first_training(waves()).residuals)


def test_what_is_judged_learned_from_no_row_of_the_test():
    judged = []
    for added in (0.0, 50.0):
        frame, settings = waves(), Forecaster(**FAST).settings()
        frame.loc[160:, "y"] += added
        judged.append(backtest(settings, *build_panel(frame, settings), 40, TrainingHooks())[0])
    assert same(*judged)
    assert same(judged[0], Forecaster(**FAST).fit(waves().head(160)).fitted())


def test_without_rows_kept_back_there_is_one_training(monkeypatch):
    fits, original = [], TableModel.fit
    monkeypatch.setattr(TableModel, "fit", lambda *arguments: fits.append(1) or original(*arguments))
    Forecaster(**FAST, validation_size=0).fit(waves())
    assert len(fits) == 1


@pytest.mark.parametrize("failure", [TrainingError("the loss became nan"), KeyboardInterrupt()])
def test_what_decided_is_kept_where_the_second_training_fails(monkeypatch, failure):
    fits, original = [], TableModel.fit

    def fit(*arguments):
        fits.append(1)
        if len(fits) == 2:
            raise failure
        return original(*arguments)

    expected = first_training(waves())
    monkeypatch.setattr(TableModel, "fit", fit)
    forecaster = Forecaster(**FAST).fit(waves())
    assert same(forecaster.fitted(), expected)
    assert "the training on all rows" in forecaster.notes_[-1]


def test_a_fit_that_is_resumed_ends_with_the_same_bits(tmp_path):
    class Killed(Exception):
        """The process ended here."""

    class Progress:
        def on_epoch(self, result):
            if result.epoch == 2:
                raise Killed

        def on_step(self, result):
            pass

    file = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        Forecaster(**FAST).fit(waves(), checkpoint=file, progress=Progress())
    assert same(
        *(each.fitted() for each in (Forecaster(**FAST).fit(waves(), checkpoint=file), Forecaster(**FAST).fit(waves())))
    )


def test_a_drift_that_was_kept_is_that_of_all_rows():
    random = np.random.default_rng(3)
    steps = 1 + 0.1 * random.normal(size=300)
    steps[280:] += 1.0  # the last rows rise twice as fast
    frame = pd.DataFrame({"y": 100 + steps.cumsum()})
    forecaster = Forecaster(lookback=12, epochs=1, units=2, scale_by="global", transform="none").fit(frame)
    assert forecaster.fitted().history.kept_start
    rise = forecaster.predict()["LSTM"].iloc[0] - frame["y"].iloc[-1]
    seen, every = steps[12:270].mean(), steps[12:].mean()
    assert abs(rise - every) < abs(rise - seen)
