"""A result as files: numbers for other programs, and all from which the report can be written again."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, METRICS
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.evaluation.significance import DieboldMariano
from tidegate.forecasting.evaluation.verdict import verdict_on
from tidegate.notes import Note
from tidegate.reporting.formats import time_text
from tidegate.storage.files import write_atomically
from tidegate.words import LANGUAGES

_FILES = {
    "forecasts": "backtest.csv",
    "history": "history.csv",
    "errors": "result/errors.csv",
    "parts": "result/parts.csv",
    "examples": "result/examples.csv",
    "ahead": "result/ahead.csv",
}
_REST = "result/result.json"
_OLD_REST = "judgement/judgement.json"  # of the version before, beside CSV files of the same names
_TIMES = ("ds", "cutoff", "start", "end")


def save_result(result: BacktestResult, run: Path) -> None:
    """Write metrics.json, a CSV file per frame, and `result/result.json` for the rest."""
    (run / "result").mkdir(parents=True, exist_ok=True)
    write_atomically(run / "metrics.json", metrics_json(result).encode())
    elsewhere = {*_FILES, "verdict"}  # a verdict follows from the errors and the test
    plain = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name not in elsewhere}
    plain["significance"] = dataclasses.asdict(result.significance)
    plain["notes"] = [note.to_json() for note in result.notes]
    plain["dated"] = result.examples["ds"].dtype.kind == "M"
    for name, file in _FILES.items():
        write_atomically(run / file, getattr(result, name).to_csv(index=False).encode())
    # A cell of the user's own is a class; its name is all that a report shows.
    write_atomically(run / _REST, json.dumps(plain, ensure_ascii=False, indent=1, default=str).encode())


def load_result(run: Path) -> BacktestResult:
    """Read what `save_result` wrote, here or in the version before.

    Raises:
        DataError: the run folder holds no readable result.
    """
    rest = _OLD_REST if (run / _OLD_REST).exists() and not (run / _REST).exists() else _REST
    try:
        plain = json.loads((run / rest).read_text(encoding="utf-8"))
        dated = plain.pop("dated")
        files = {name: file.replace("result/", f"{Path(rest).parent}/") for name, file in _FILES.items()}
        if not (run / files["ahead"]).exists():  # of a version that did not show the forecast
            del files["ahead"]
        frames: dict[str, Any] = {name: _read(run / file, dated=dated) for name, file in files.items()}
        plain["notes"] = tuple(map(Note.from_json, plain["notes"]))
        if "freedom" not in plain["significance"]:
            plain["significance"] |= {"statistic": math.nan, "p_value": math.nan, "freedom": 0}
            plain["notes"] += (Note("forecasting.old_test"),)
        plain["significance"] = DieboldMariano(**plain["significance"])
        plain["verdict"] = verdict_on(frames["errors"], plain["series"], plain["method"], plain["significance"])
        return BacktestResult(**(plain | frames))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{run} holds no readable result ({reason}); `tidegate forecast fit DATA --out {run}` writes one"
        ) from None


def metrics_json(result: BacktestResult) -> str:
    """The numbers of a report as JSON: the verdict, the test, errors overall and per step; null where undefined."""
    verdict, test = result.verdict, result.significance
    overall: dict[str, Any] = {}
    per_step: dict[str, Any] = {}
    for key, rows in result.errors.groupby(["method", "target"], sort=False):
        method, target = cast(tuple[str, str], key)
        whole, steps = rows[rows["step"] == ALL_STEPS], rows[rows["step"] != ALL_STEPS]
        overall.setdefault(method, {})[target] = {m: _finite(whole[m].iloc[0]) for m in METRICS}
        per_step.setdefault(method, {})[target] = {m: [_finite(value) for value in steps[m]] for m in METRICS}
    content = {
        "verdict": {
            "beats": verdict.beats,
            "text": {lang: verdict.sentence(lang) for lang in LANGUAGES},
            "method": verdict.method,
            "best_naive": verdict.best_naive,
            "metric": verdict.metric,
            "error": _finite(verdict.error),
            "naive_error": _finite(verdict.naive_error),
        },
        "diebold_mariano": {
            "statistic": _finite(test.statistic),
            "p_value": _finite(test.p_value),
            "origins": test.origins,
            "horizon": test.horizon,
            "freedom": test.freedom,
        },
        "forecast": {"refitted": result.refitted},
        "test": {
            "windows": result.windows,
            "series": result.series,
            "horizon": result.horizon,
            "start": time_text(result.test_period[0]),
            "end": time_text(result.test_period[1]),
        },
        "overall": overall,
        "per_step": per_step,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _read(path: Path, *, dated: bool) -> pd.DataFrame:
    text: dict[Hashable, Any] = {name: str for name in ("unique_id", "target", "method", "part", "step")}
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    if "step" in frame:
        frame["step"] = [step if step == ALL_STEPS else int(step) for step in frame["step"]]
    for name in _TIMES if dated else ():
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    return frame


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
