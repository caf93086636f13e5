"""A result that was written comes back equal, also from a folder of the version before; a damaged one is refused."""

import json
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from fake_result import fake_result

from tidegate import DataError, Forecaster
from tidegate.forecasting.evaluation.result_files import load_result, metrics_json, save_result
from tidegate.forecasting.frames import csv_bytes

FRAMES = ("forecasts", "errors", "parts", "examples", "history", "ahead")


@pytest.fixture(scope="module", params=["dates", "numbers"])
def result(request):
    numbers = request.param == "numbers"
    return fake_result(rows=150, targets=("NA", "温度"), series=2, horizon=3, numeric_time=numbers)


def assert_equal(one, other):
    for name in (field.name for field in fields(one)):
        if name in FRAMES:
            pd.testing.assert_frame_equal(
                getattr(one, name), getattr(other, name).reset_index(drop=True), check_dtype=False
            )
        else:
            assert getattr(one, name) == getattr(other, name), name


def test_a_saved_result_comes_back_equal(result, tmp_path):
    save_result(result, tmp_path)
    assert_equal(load_result(tmp_path), result)


def test_the_p_value_of_an_older_test_is_left_out_and_said(result, tmp_path):
    """It came from a test that called equals different too often."""
    save_result(result, tmp_path)
    file = tmp_path / "result" / "result.json"
    plain = json.loads(file.read_text(encoding="utf-8"))
    plain["verdict"] = {"beats": True, "mixed": False}
    del plain["significance"]["freedom"]
    file.write_text(json.dumps(plain), encoding="utf-8")
    old = load_result(tmp_path)
    assert old.verdict.text.startswith("Not decided")
    assert "earlier version" in str(old.notes[-1])


def test_a_result_of_the_version_before_is_read(result, tmp_path):
    """It called the folder and the file in it otherwise."""
    save_result(result, tmp_path)
    (tmp_path / "result" / "forecasts.csv").unlink()
    result.forecasts_by_step.to_csv(tmp_path / "backtest.csv", index=False)
    (tmp_path / "result" / "ahead.csv").unlink()
    (tmp_path / "result" / "result.json").rename(tmp_path / "result" / "judgement.json")
    (tmp_path / "result").rename(tmp_path / "judgement")
    assert_equal(load_result(tmp_path), replace(result, ahead=pd.DataFrame()))
    save_result(result, tmp_path)
    (tmp_path / "judgement" / "judgement.json").write_text("{}", encoding="utf-8")
    assert_equal(load_result(tmp_path), result)  # the newer of the two is taken


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"dated": true, "verdict": 1}'])
def test_a_damaged_result_is_refused_in_a_sentence(result, tmp_path, damage):
    save_result(result, tmp_path)
    (tmp_path / "result" / "result.json").write_text(damage, encoding="utf-8")
    with pytest.raises(DataError, match=r"holds no readable result .*; `tidegate forecast fit DATA --out .*` writes"):
        load_result(tmp_path)


def test_a_folder_without_a_result_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no readable result"):
        load_result(tmp_path / "nowhere")


def test_metrics_json_holds_the_numbers_of_the_table(result):
    content = json.loads(metrics_json(result), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    first = result.errors.iloc[0]
    assert content["overall"]["LSTM"]["NA"]["mae"] == first["mae"]
    assert len(content["per_step"]["Drift"]["温度"]["rmse"]) == 3
    assert content["overall"]["LSTM"]["all targets"]["mae"] is None
    assert content["verdict"]["text"] == {lang: result.verdict.sentence(lang) for lang in ("en", "zh")}
    assert content["diebold_mariano"]["p_value"] == result.significance.p_value


@pytest.mark.parametrize(("targets", "ids"), [(("a",), 1), (("a", "b"), 1), (("a", "b"), 2)])
def test_backtest_csv_names_columns_as_a_forecast_does(targets, ids, tmp_path):
    rows = np.arange(120.0)
    table = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=120, freq="h").strftime("%d.%m.%Y %H:%M")})
    table = table.assign(**{name: np.sin(rows / 3) + n for n, name in enumerate(targets)})
    if ids > 1:
        table = pd.concat([table.assign(shop=f"{n:03}") for n in range(ids)])
    settings = {"lookback": 6, "units": 2, "layers": 1, "epochs": 1, "horizon": 2}
    forecaster = Forecaster(**settings, target_col=targets, time_col="when", id_col="shop" if ids > 1 else "unique_id")
    result = forecaster.backtest(table, refit=False)
    save_result(result, tmp_path)
    text = {"shop": str}
    written = pd.read_csv(
        tmp_path / "backtest.csv", parse_dates=["when", "cutoff"], date_format="%d.%m.%Y %H:%M", dtype=text
    )
    forecast = forecaster.predict()
    keys = [name for name in forecast if not str(name).startswith("LSTM")]
    assert list(written) == [*keys, "cutoff", *targets, *_named(result.methods, targets)]
    assert set(forecast) <= set(written)
    several = len(targets) > 1
    for target in targets:
        own = result.forecasts.query("target == @target") if several else result.forecasts
        for method in result.methods:
            name = f"{method}-{target}" if several else method
            assert written[name].tolist() == own[method].tolist()
        assert written[target].tolist() == own["y"].tolist()
    assert written["when"].tolist() == own["ds"].tolist()
    assert ids == 1 or written["shop"].tolist() == own["unique_id"].tolist()
    loaded = load_result(tmp_path)
    assert loaded.columns == result.columns
    pd.testing.assert_frame_equal(loaded.forecasts, result.forecasts, check_dtype=False)


def _named(methods, targets):
    return [*methods] if len(targets) == 1 else [f"{method}-{target}" for method in methods for target in targets]


def test_times_of_a_day_are_written_with_their_clock_in_every_file():
    midnight = pd.DataFrame({"ds": pd.to_datetime(["2026-01-01"]), "LSTM": [0.1 + 0.2]})
    assert csv_bytes(midnight, None, "h") == b"ds,LSTM\n2026-01-01 00:00:00,0.30000000000000004\n"
    assert csv_bytes(midnight, None, "D") == b"ds,LSTM\n2026-01-01,0.30000000000000004\n"
