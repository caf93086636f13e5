"""A result as files: numbers for other programs, and all from which the report can be written again."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.evaluation.metrics import ALL_STEPS, METRICS
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.evaluation.significance import DieboldMariano
from tidegate.forecasting.evaluation.verdict import verdict_on
from tidegate.forecasting.frames import csv_bytes
from tidegate.notes import Note
from tidegate.reporting.formats import time_text
from tidegate.storage.files import write_atomically
from tidegate.tables.columns import Columns
from tidegate.words import LANGUAGES

_FILES = {
    "forecasts": "result/forecasts.csv",
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
    """Write metrics.json, backtest.csv in the table's own terms, a CSV file per frame and `result/result.json`."""
    (run / "result").mkdir(parents=True, exist_ok=True)
    write_atomically(run / "metrics.json", metrics_json(result).encode())
    write_atomically(
        run / "backtest.csv", csv_bytes(in_table_terms(result), result.columns, result.settings.get("freq") or "")
    )
    elsewhere = {*_FILES, "verdict"}  # a verdict follows from the errors and the test
    plain = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name not in elsewhere}
    plain["significance"] = dataclasses.asdict(result.significance)
    plain["columns"] = result.columns and result.columns.to_dict()
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
        if not (run / files["forecasts"]).exists():  # of one in which backtest.csv was this
            files["forecasts"] = "backtest.csv"
        frames: dict[str, Any] = {name: _read(run / file, dated=dated) for name, file in files.items()}
        frames["forecasts"] = _of_steps(frames["forecasts"])
        if plain.get("columns") is not None:
            plain["columns"] = Columns.from_dict(plain["columns"])
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


def _of_steps(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Forecasts without the columns that an earlier version had beside them."""
    several = "target" in forecasts and forecasts["target"].nunique() > 1
    return forecasts.drop(columns={"step", *(() if several else ("target",))} & {*forecasts})


def in_table_terms(result: BacktestResult) -> pd.DataFrame:
    """The forecasts of a result as `Forecaster.predict` would write them: one row per window and step.

    Identifiers, times and targets have the table's names and form, forecasts are called `<method>` or, for several
    targets, `<method>-<target>`; `cutoff` is the last known time. Where two columns would have one name, as when a
    target is called like a method, all names stay those of `BacktestResult.forecasts`.
    """
    roles, frame, targets = result.columns, result.forecasts, result.targets
    if roles is None:
        return frame
    first = frame.iloc[:: len(targets)]
    columns: list[tuple[str, Any]] = (
        [] if roles.id is None else [(roles.id, roles.restore_ids(_array(first["unique_id"])))]
    )
    columns.append((roles.time or "ds", roles.restore_times(_array(first["ds"]))))
    columns.append(("cutoff", roles.restore_times(_array(first["cutoff"]))))
    for name in ("y", *result.methods):
        values = frame[name].to_numpy().reshape(-1, len(targets))
        for number, target in enumerate(targets):
            title = target if name == "y" else name if len(targets) == 1 else f"{name}-{target}"
            columns.append((title, values[:, number]))
    if len({title for title, _ in columns}) < len(columns):
        return frame
    return pd.DataFrame(
        {title: values if isinstance(values, np.ndarray) else values.array for title, values in columns}
    )


def _array(column: pd.Series) -> np.ndarray:
    return column.to_numpy()


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
