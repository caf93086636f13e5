"""Rows outside their interval: as many as the level promises where nothing is wrong, and those that were planted."""

import numpy as np
import pandas as pd
import pytest

from lacking import need_module
from tidegate import DataError, Forecaster


def process(rows, seed, name=None):
    values = 5 * np.sin(np.arange(rows) * 2 * np.pi / 24) + np.random.default_rng(seed).normal(size=rows)
    frame = pd.DataFrame({"Time": pd.date_range("2026-01-01", periods=rows, freq="h"), "Load": values})
    return frame if name is None else frame.assign(Place=name)


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster(lookback=24, horizon=3, units=8, layers=1, epochs=5, validation_size=0.5).fit(process(3000, 0))


@pytest.mark.parametrize("level", [90, 99])
def test_false_alarms_come_at_the_rate_that_is_promised(forecaster, level):
    found = forecaster.detect(process(3000, 1), level=level)
    expected, rows = 1 - level / 100, len(found)
    assert rows == 3000 - 24
    # Windows share rows, so alarms are not independent: five standard errors of independent ones.
    assert found["anomaly"].mean() == pytest.approx(expected, abs=5 * (expected * (1 - expected) / rows) ** 0.5)


def test_what_was_planted_is_found(forecaster):
    table = process(400, 2)
    planted = [60, 150, 151, 300, 399]
    table.loc[planted, "Load"] += 12
    found = forecaster.detect(table, level=99.5).set_index("Time")
    assert found["anomaly"].loc[table["Time"].iloc[planted]].all()
    assert found["anomaly"].sum() < 3 * len(planted)


def test_every_row_is_judged_by_the_newest_forecast_before_it(forecaster):
    table = process(120, 3)
    found = forecaster.detect(table, level=90)
    assert found.columns.tolist() == ["Time", "Load", "LSTM", "LSTM-lo-90", "LSTM-hi-90", "anomaly"]
    assert found["Time"].tolist() == table["Time"].iloc[24:].tolist()
    bounds = ["LSTM", "LSTM-lo-90", "LSTM-hi-90"]
    for row, step in [(24, 0), (70, 0), (117, 0), (118, 1), (119, 2)]:
        told = forecaster.predict(table.iloc[: row - step], level=90)[bounds].iloc[step]
        assert found.set_index("Time").loc[table["Time"].iloc[row], bounds].tolist() == pytest.approx(
            told.tolist(), rel=1e-5
        )
    outside = (found["Load"] < found["LSTM-lo-90"]) | (found["Load"] > found["LSTM-hi-90"])
    assert found["anomaly"].tolist() == outside.tolist()


def test_series_keep_their_names_and_what_is_unknown_is_no_anomaly():
    polars = need_module("polars")
    table = pd.concat([process(200, 0, "north"), process(150, 1, "south")], ignore_index=True)
    forecaster = Forecaster(lookback=12, units=4, layers=1, epochs=1, id_col="Place", missing="mask").fit(table)
    table.loc[[100, 300], "Load"] = np.nan
    found = forecaster.detect(table, level=80)
    assert found.groupby("Place", sort=False).size().to_dict() == {"north": 188, "south": 138}
    assert not found.loc[found["Load"].isna(), "anomaly"].any()
    assert found["Load"].isna().sum() == 2
    assert isinstance(forecaster.detect(polars.from_pandas(table), level=80), polars.DataFrame)


def test_too_few_rows_are_refused(forecaster):
    with pytest.raises(DataError, match="give more"):
        forecaster.detect(process(25, 0))
