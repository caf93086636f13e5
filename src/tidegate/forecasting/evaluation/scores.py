"""The errors of a result, methods beside one another, as the report and the terminal show them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tidegate.forecasting.evaluation.baselines import method_words
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, ALL_TARGETS, METRICS
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.reporting.scores import MetricColumn, Scores
from tidegate.words import words

_HEADINGS = {"r2": "R²", "smape": "sMAPE %", "mape": "MAPE %"}
_DECIMALS = {"r2": 3}


def scored_targets(result: BacktestResult) -> list[str]:
    """The targets that have errors; with several, their mean first."""
    return sorted(result.errors["target"].unique(), key=lambda target: target != ALL_TARGETS)


def target_scores(result: BacktestResult, target: str, lang: str, metrics: Sequence[str] = METRICS) -> Scores:
    """Every method on one target, over all steps of all test windows."""
    errors = result.errors[(result.errors["step"] == ALL_STEPS) & (result.errors["target"] == target)]
    own = errors.set_index("method")
    return Scores(
        method=result.method,
        names={method: method_words(method, lang) for method in result.methods},
        metrics=tuple(
            MetricColumn(_HEADINGS.get(m, m.upper()), _by_method(own[m]), m == "r2", _DECIMALS.get(m)) for m in metrics
        ),
    )


def _by_method(values: pd.Series) -> dict[str, float]:
    return {str(method): float(value) for method, value in values.items()}


def target_words(target: str, lang: str) -> str:
    """A target's name, or that its errors are the mean over all targets."""
    return words("tidegate.forecasting.evaluation", lang)["all_targets"] if target == ALL_TARGETS else target
