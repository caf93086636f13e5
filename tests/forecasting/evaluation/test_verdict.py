"""The verdict says the truth in either direction, in both languages."""

import math

import numpy as np
import pytest

from tidegate.errors import SettingError
from tidegate.forecasting.evaluation.metrics import error_table
from tidegate.forecasting.evaluation.significance import DieboldMariano
from tidegate.forecasting.evaluation.verdict import best_naive, verdict_on


def errors_of(targets=1, **mae):
    """A table in which each method is wrong by its given amount everywhere."""
    truth = np.arange(6.0 * targets).reshape(3, 2, targets)
    forecasts = {method: truth + error for method, error in mae.items()}
    return error_table(truth, forecasts, np.full(targets, 10.0), [f"y{k}" for k in range(targets)])


def significance(p, better="a"):
    return DieboldMariano(-1.0, p, better, 30, 1, 3)


def verdict_of(p=0.5, better="a", **mae):
    return verdict_on(errors_of(**mae), 1, "LSTM", significance(p, better))


def test_a_better_network_beats_the_best_naive():
    verdict = verdict_of(p=0.0001, LSTM=412, RepeatLast=700, SeasonalNaive=655)
    assert verdict.beats is True
    assert verdict.text == (
        "The LSTM beats the best naive forecast (seasonal naive): MAE 412 against 655, 37 % lower; "
        "Diebold–Mariano p < 0.001."
    )
    assert verdict.sentence("zh") == (
        "LSTM 优于最好的朴素预测（季节性朴素）：MAE 412 对 655，低 37 %；Diebold–Mariano 检验 p < 0.001。"
    )


def test_a_worse_network_is_not_to_be_used():
    verdict = verdict_of(p=0.01, better="b", LSTM=2.31, RepeatLast=2.1)
    assert verdict.beats is False
    assert "does NOT beat the best naive forecast (repeat-last): MAE 2.31 against 2.10, 10 % higher" in verdict.text
    assert verdict.text.endswith("do not use it.")


def test_a_slightly_worse_network_does_not_beat_either():
    verdict = verdict_of(p=0.7, better="b", LSTM=2.31, RepeatLast=2.1)
    assert verdict.beats is False
    assert "does NOT beat" in verdict.text


def test_a_difference_that_may_be_chance_is_called_equal():
    verdict = verdict_of(p=0.21, LSTM=2.0, RepeatLast=2.1)
    assert verdict.beats is None
    assert "not significant (Diebold–Mariano p = 0.21): treat them as equal" in verdict.text


def test_an_equal_network_does_not_beat():
    verdict = verdict_of(p=1.0, better=None, LSTM=2.0, RepeatLast=2.0)
    assert verdict.beats is False
    assert "MAE 2.00 against 2.00, the same" in verdict.text


@pytest.mark.parametrize("error", [2.0, 2.2])
def test_short_of_evidence_nothing_is_decided(error):
    verdict = verdict_of(p=math.nan, LSTM=error, RepeatLast=2.1)
    assert verdict.beats is None
    assert verdict.text.startswith("Not decided: the test rows are too few")
    assert f"MAE {error:.2f} against 2.10" in verdict.text
    assert verdict.sentence("zh").startswith("无法判定")


def test_a_diverged_network_is_not_to_be_used():
    verdict = verdict_of(p=math.nan, LSTM=math.nan, RepeatLast=2.1)
    assert verdict.beats is False
    assert "no usable forecast" in verdict.text


def test_without_a_naive_forecast_there_is_no_verdict():
    verdict = verdict_of(LSTM=2.0, RepeatLast=math.nan)
    assert verdict.beats is None
    assert verdict.best_naive is None
    assert "no naive forecast" in verdict.text


def test_a_perfect_naive_forecast_needs_no_percentage():
    assert "MAE 2.00 against 0.00, higher" in verdict_of(p=0.01, better="b", LSTM=2.0, RepeatLast=0.0).text


def test_a_much_larger_error_is_told_in_times():
    assert "MAE 23.0 against 2.00, 12 times as high" in verdict_of(p=0.01, better="b", LSTM=23.0, RepeatLast=2.0).text


def test_several_targets_are_compared_by_their_mean_mase():
    verdict = verdict_on(errors_of(targets=2, LSTM=2.0, Mean=4.0), 1, "LSTM", significance(0.001))
    assert "MASE 0.200 against 0.400, 50 % lower" in verdict.text


def test_several_series_are_compared_by_mase():
    """Series of 1 and of 1000: the raw error is the large one's alone, MASE weighs both alike."""
    truth, scale = np.zeros((4, 1, 1)), np.array([1.0, 1.0, 1000.0, 1000.0])[:, None]
    forecasts = {"LSTM": truth + np.array([0.1, 0.1, 900, 900])[:, None, None]}
    forecasts |= {"Mean": truth + np.array([1.0, 1.0, 800, 800])[:, None, None]}
    errors = error_table(truth, forecasts, scale, ["y"])
    verdict = verdict_on(errors, 2, "LSTM", significance(0.001))
    assert verdict.beats is True
    assert "MASE 0.500 against 0.900, 44 % lower" in verdict.text
    unmoved = error_table(truth, forecasts, np.zeros(1), ["y"])
    assert "MAE 450 against 400" in verdict_on(unmoved, 2, "LSTM", significance(0.001, "b")).text


def test_close_numbers_show_the_digits_that_differ():
    assert "MAE 2.1001 against 2.1004, < 0.1 % lower" in verdict_of(p=0.001, LSTM=2.1001, RepeatLast=2.1004).text


def test_every_case_has_chinese_words():
    for p, mae in [(0.001, 1.0), (0.3, 1.0), (math.nan, 1.0), (0.001, 3.0), (0.5, 3.0), (0.5, math.nan)]:
        sentence = verdict_of(p=p, LSTM=mae, RepeatLast=2.0).sentence("zh")
        assert sentence.endswith("。")
        assert "{" not in sentence
    with pytest.raises(SettingError, match="en, zh"):
        verdict_of(LSTM=1.0, RepeatLast=2.0).sentence("de")


def test_best_naive_is_the_lowest_over_the_windows():
    assert best_naive(errors_of(LSTM=0.1, RepeatLast=3, SeasonalNaive=2, Mean=math.nan), 1) == "SeasonalNaive"
