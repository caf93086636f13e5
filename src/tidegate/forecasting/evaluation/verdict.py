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
            None where it is lower but may be so by chance, or where there is nothing to compare with.
        method: the network's name.
        best_naive: the naive method with the lowest error; None where none could be made.
        metric: "mae", or "mase" averaged over targets where there are several.
        error: the network's.
        naive_error: the best naive forecast's.
        p_value: of the Diebold-Mariano test; NaN where it could not be made.
        mixed: True where the error over all windows is lower, but the mean over origins in time, on which the test
            rests, is not; that takes series of unequal length.
    """

    beats: bool | None
    method: str
    best_naive: str | None
    metric: str
    error: float
    naive_error: float
    p_value: float
    mixed: bool = False

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
        if self.mixed:
            return "mixed"
        if self.error < self.naive_error:
            return "untested" if math.isnan(self.p_value) else "unsure"
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


def verdict_metric(errors: pd.DataFrame) -> tuple[str, str]:
    """Metric and target of the table on which the verdict rests: mae, or with several targets their mean mase."""
    return ("mase", ALL_TARGETS) if (errors["target"] == ALL_TARGETS).any() else ("mae", str(errors["target"].iloc[0]))


def best_naive(errors: pd.DataFrame, naive: Sequence[str] = NAIVE_METHODS) -> str | None:
    """The naive method with the lowest error over all test windows and steps; None where none has a finite error."""
    ranked = {name: _overall(errors, name) for name in naive if name in set(errors["method"])}
    finite = {name: error for name, error in ranked.items() if math.isfinite(error)}
    return min(finite, key=lambda name: finite[name]) if finite else None


def verdict_on(errors: pd.DataFrame, method: str, significance: DieboldMariano) -> Verdict:
    """The verdict on `method` from the table of errors and the test of `method` (a) against the best naive (b)."""
    naive = best_naive(errors)
    error = _overall(errors, method)
    naive_error = _overall(errors, naive) if naive else math.nan
    lower = error < naive_error
    mixed = lower and significance.better == "b"
    beats = None if naive is None or (lower and (mixed or not significance.significant)) else lower
    if not math.isfinite(error):
        beats = False
    metric, _ = verdict_metric(errors)
    return Verdict(beats, method, naive, metric, error, naive_error, significance.p_value, mixed)


def _overall(errors: pd.DataFrame, method: str) -> float:
    metric, target = verdict_metric(errors)
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
