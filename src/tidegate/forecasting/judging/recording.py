"""A judgement as files, from which the report can be written again: `judgement/` in a run folder."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pandas as pd

from tidegate.errors import DataError
from tidegate.forecasting.judging.judgement import Judgement
from tidegate.forecasting.judging.metrics import ALL_STEPS
from tidegate.forecasting.judging.significance import DieboldMariano
from tidegate.forecasting.judging.verdict import Verdict
from tidegate.training.files import write_atomically

_FRAMES = ("forecasts", "errors", "parts", "examples", "history")


def save_judgement(judgement: Judgement, run: Path) -> None:
    """Write a judgement below a run folder: a Parquet file per frame and `judgement.json` for the rest."""
    folder = run / "judgement"
    folder.mkdir(parents=True, exist_ok=True)
    plain = {f.name: getattr(judgement, f.name) for f in dataclasses.fields(judgement) if f.name not in _FRAMES}
    plain |= {name: dataclasses.asdict(plain[name]) for name in ("verdict", "significance")}
    for name in _FRAMES:
        frame = getattr(judgement, name)
        buffer = io.BytesIO()
        # Parquet wants one type per column; the step column also holds a word, identifiers may mix types.
        mixed = {column: frame[column].astype(str) for column in ("step", "unique_id") if frame.get(column) is not None}
        frame.assign(**mixed).to_parquet(buffer, index=False)
        write_atomically(folder / f"{name}.parquet", buffer.getvalue())
    write_atomically(folder / "judgement.json", json.dumps(plain, ensure_ascii=False, indent=1).encode())


def load_judgement(run: Path) -> Judgement:
    """Read what `save_judgement` wrote.

    Raises:
        DataError: the run folder holds no readable judgement.
    """
    folder = run / "judgement"
    try:
        plain = json.loads((folder / "judgement.json").read_text(encoding="utf-8"))
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _FRAMES}
        for name in ("forecasts", "errors"):
            frames[name]["step"] = [step if step == ALL_STEPS else int(step) for step in frames[name]["step"]]
        plain |= {"verdict": Verdict(**plain["verdict"]), "significance": DieboldMariano(**plain["significance"])}
        return Judgement(**(plain | frames | {"notes": tuple(plain["notes"])}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{run} holds no readable judgement ({reason}); `tidegate forecast fit DATA --out {run}` writes one"
        ) from None
