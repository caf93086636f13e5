"""The verdict: does the network beat the best naive forecast, said in words, in either direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from tidegate.forecasting.evaluation.baselines import NAIVE_METHODS, method_words
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, ALL_TARGETS
from tidegate.forecasting.evaluation.significance import SIGNIFICANT, DieboldMariano
from tidegate.reporting.formats import number_text, p_value_text
from tidegate.words import words

_PACKAGE = "tidegate.forecasting.evaluation"


@dataclass(frozen=True)
class Verdict:
    """The network against the naive forecast that did best on the same test windows, both by the same metric.

    Attributes:
        beats: True where the network's error is lower and the difference significant; False where it is not lower;
            None where it is lower but may be so by chance, where the test windows are too few to tell, or where there
            is nothing to compare with.
        method: the network's name.
        best_naive: the naive method with the lowest error; None where none could be made.
        metric: the loss of the ranking, of the words and of the test: "mae" with one series and one target; with
            several of either "mase", in which no scale outweighs the others.
        error: the network's.
        naive_error: the best naive forecast's.
        p_value: of the Diebold-Mariano test; NaN where it could not be made.
    """

    beats: bool | None
    method: str
    best_naive: str | None
    metric: str
    error: float
    naive_error: float
    p_value: float

    @property
    def text(self) -> str:
        """The sentence in English."""
        return self.sentence("en")

    def sentence(self, lang: str = "en") -> str:
        """The verdict as one sentence in English ("en") or Chinese ("zh")."""
        error, naive_error = _distinct(self.error, self.naive_error)
        return words(_PACKAGE, lang)[f"verdict.{self._case()}"].format(
            method=self.method,
            naive=method_words(self.best_naive or "", lang),
            metric=self.metric.upper(),
            error=error,
            naive_error=naive_error,
            change=self._change(lang),
            p=p_value_text(self.p_value),
        )

    def _case(self) -> str:
        if not math.isfinite(self.error):
            return "broken"
        if self.best_naive is None:
            return "alone"
        if self.beats:
            return "beats"
        if math.isnan(self.p_value):
            return "undecided"
        if self.error < self.naive_error:
            return "unsure"
        return "worse" if self.p_value < SIGNIFICANT else "no_better"

    def _change(self, lang: str) -> str:
        if self.error == self.naive_error:
            return words(_PACKAGE, lang)["verdict.equal"]
        direction = "lower" if self.error < self.naive_error else "higher"
        if not self.naive_error > 0:
            return words(_PACKAGE, lang)[f"verdict.{direction}"]
        if self.error >= 3 * self.naive_error:
            return words(_PACKAGE, lang)["verdict.times"].format(times=number_text(self.error / self.naive_error, 2))
        percent = 100 * abs(self.error / self.naive_error - 1)
        return words(_PACKAGE, lang)[f"verdict.{direction}_percent"].format(percent=_percent(percent))


def verdict_metric(errors: pd.DataFrame, series: int) -> tuple[str, str]:
    """The one loss of a comparison, and the target of the table in whose rows it stands.

    Raw errors of several series or targets would be those of the largest; MASE weighs them alike. It is undefined where
    no series ever moved; one target is then compared by MAE.
    """
    overall = errors[errors["step"] == ALL_STEPS]
    if (errors["target"] == ALL_TARGETS).any():
        return "mase", ALL_TARGETS
    metric = "mase" if series > 1 and overall["mase"].notna().any() else "mae"
    return metric, str(errors["target"].iloc[0])


def best_naive(errors: pd.DataFrame, series: int, naive: Sequence[str] = NAIVE_METHODS) -> str | None:
    """The naive method with the lowest error over all test windows and steps; None where none has a finite error."""
    ranked = {name: _overall(errors, series, name) for name in naive if name in set(errors["method"])}
    finite = {name: error for name, error in ranked.items() if math.isfinite(error)}
    return min(finite, key=lambda name: finite[name]) if finite else None


def verdict_on(errors: pd.DataFrame, series: int, method: str, significance: DieboldMariano) -> Verdict:
    """The verdict on `method`.

    Args:
        errors: the table of errors.
        series: how many series there are.
        method: the network.
        significance: the test of `method` (a) against the best naive (b), on the loss of `verdict_metric`.
    """
    metric, _ = verdict_metric(errors, series)
    naive = best_naive(errors, series)
    error = _overall(errors, series, method)
    naive_error = _overall(errors, series, naive) if naive else math.nan
    beats = _beats(error, naive_error, significance)
    return Verdict(beats, method, naive, metric, error, naive_error, significance.p_value)


def _beats(error: float, naive_error: float, significance: DieboldMariano) -> bool | None:
    if not math.isfinite(error):
        return False
    if math.isnan(naive_error) or math.isnan(significance.p_value):
        return None
    if error < naive_error:
        return True if significance.significant and significance.better == "a" else None
    return False


def _overall(errors: pd.DataFrame, series: int, method: str) -> float:
    metric, target = verdict_metric(errors, series)
    rows = (errors["method"] == method) & (errors["target"] == target) & (errors["step"] == ALL_STEPS)
    return float(errors.loc[rows, metric].to_numpy()[0])


def _distinct(first: float, second: float) -> tuple[str, str]:
    """Both numbers with as many digits as it takes to tell them apart."""
    for digits in range(3, 8):
        texts = number_text(first, digits), number_text(second, digits)
        if texts[0] != texts[1]:
            return texts
    return number_text(first), number_text(second)


def _percent(percent: float) -> str:
    if percent < 0.1:
        return "< 0.1"
    return f"{percent:.1f}" if percent < 9.95 else f"{percent:,.0f}"
