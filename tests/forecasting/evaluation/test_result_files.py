"""A result that was written comes back equal, also from a folder of the version before; a damaged one is refused."""

import json
from dataclasses import fields

import pandas as pd
import pytest
from fake_result import fake_result

from tidegate import DataError
from tidegate.forecasting.evaluation.result_files import load_result, metrics_json, save_result

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
    (tmp_path / "result" / "result.json").rename(tmp_path / "result" / "judgement.json")
    (tmp_path / "result").rename(tmp_path / "judgement")
    assert_equal(load_result(tmp_path), result)
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
