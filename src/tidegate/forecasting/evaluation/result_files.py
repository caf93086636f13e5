"""A result as files, from which the report can be written again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.evaluation.metrics import ALL_STEPS
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.evaluation.significance import DieboldMariano
from tidegate.forecasting.evaluation.verdict import Verdict
from tidegate.storage.files import write_atomically

_FILES = {
    "forecasts": "backtest.csv",
    "history": "history.csv",
    "errors": "result/errors.csv",
    "parts": "result/parts.csv",
    "examples": "result/examples.csv",
}
_REST = "result/result.json"
_TIMES = ("ds", "cutoff", "start", "end")


def save_result(result: BacktestResult, run: Path) -> None:
    """Write a CSV file per frame, and `result/result.json` for the rest."""
    (run / "result").mkdir(parents=True, exist_ok=True)
    plain = {f.name: getattr(result, f.name) for f in dataclasses.fields(result) if f.name not in _FILES}
    plain |= {name: dataclasses.asdict(plain[name]) for name in ("verdict", "significance")}
    plain["dated"] = result.examples["ds"].dtype.kind == "M"
    for name, file in _FILES.items():
        write_atomically(run / file, getattr(result, name).to_csv(index=False).encode())
    # A cell of the user's own is a class; its name is all that a report shows.
    write_atomically(run / _REST, json.dumps(plain, ensure_ascii=False, indent=1, default=str).encode())


def load_result(run: Path) -> BacktestResult:
    """Read what `save_result` wrote.

    Raises:
        DataError: the run folder holds no readable result.
    """
    try:
        plain = json.loads((run / _REST).read_text(encoding="utf-8"))
        dated = plain.pop("dated")
        frames: dict[str, Any] = {name: _read(run / file, dated=dated) for name, file in _FILES.items()}
        plain |= {"verdict": Verdict(**plain["verdict"]), "significance": DieboldMariano(**plain["significance"])}
        return BacktestResult(**(plain | frames | {"notes": tuple(plain["notes"])}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{run} holds no readable result ({reason}); `tidegate forecast fit DATA --out {run}` writes one"
        ) from None


def _read(path: Path, *, dated: bool) -> pd.DataFrame:
    text: dict[Hashable, Any] = {name: str for name in ("unique_id", "target", "method", "part", "step")}
    frame = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    if "step" in frame:
        frame["step"] = [step if step == ALL_STEPS else int(step) for step in frame["step"]]
    for name in _TIMES if dated else ():
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    return frame
