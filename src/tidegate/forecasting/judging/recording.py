"""A judgement as files, from which the report can be written again: `judgement/` and `backtest.csv` in a run folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.judging.judgement import Judgement
from tidegate.forecasting.judging.metrics import ALL_STEPS
from tidegate.forecasting.judging.significance import DieboldMariano
from tidegate.forecasting.judging.verdict import Verdict
from tidegate.training.files import write_atomically

_FRAMES = ("errors", "parts", "examples", "history")
_TIMES = ("ds", "cutoff", "start", "end")


def save_judgement(judgement: Judgement, run: Path) -> None:
    """Write what `write_report` leaves out: a CSV file per frame, and `judgement.json` for the rest.

    The forecasts themselves are the report's `backtest.csv`.
    """
    folder = run / "judgement"
    folder.mkdir(parents=True, exist_ok=True)
    left_out = (*_FRAMES, "forecasts")
    plain = {f.name: getattr(judgement, f.name) for f in dataclasses.fields(judgement) if f.name not in left_out}
    plain |= {name: dataclasses.asdict(plain[name]) for name in ("verdict", "significance")}
    plain["dated"] = judgement.examples["ds"].dtype.kind == "M"
    for name in _FRAMES:
        write_atomically(folder / f"{name}.csv", getattr(judgement, name).to_csv(index=False).encode())
    write_atomically(folder / "judgement.json", json.dumps(plain, ensure_ascii=False, indent=1).encode())


def load_judgement(run: Path) -> Judgement:
    """Read what `save_judgement` and `write_report` wrote.

    Raises:
        DataError: the run folder holds no readable judgement.
    """
    folder = run / "judgement"
    try:
        plain = json.loads((folder / "judgement.json").read_text(encoding="utf-8"))
        dated = plain.pop("dated")
        frames: dict[str, Any] = {name: _read(folder / f"{name}.csv", dated=dated) for name in _FRAMES}
        frames["forecasts"] = _read(run / "backtest.csv", dated=dated)
        plain |= {"verdict": Verdict(**plain["verdict"]), "significance": DieboldMariano(**plain["significance"])}
        return Judgement(**(plain | frames | {"notes": tuple(plain["notes"])}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{run} holds no readable judgement ({reason}); `tidegate forecast fit DATA --out {run}` writes one"
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
