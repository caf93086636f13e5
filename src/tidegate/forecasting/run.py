"""One run: a table in; a tested model, a forecast and a report out, in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from tidegate.errors import DataError, SettingError
from tidegate.forecasting.evaluation.report import write_report
from tidegate.forecasting.evaluation.result import BacktestResult
from tidegate.forecasting.forecaster import Forecaster
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.settings import check_settings
from tidegate.storage.files import write_atomically
from tidegate.training.progress import Progress

_MARK = "settings.toml"
_CHECKPOINT = "checkpoint.safetensors"


class Watcher(Protocol):
    """What a run tells while it runs."""

    def note(self, sentence: str) -> None:
        """Take one sentence about what was inferred or is being done."""

    def progress(self, epochs: int) -> Progress | None:
        """The line that shows how training goes, if any."""


@dataclass(frozen=True)
class Run:
    """What a run leaves: its result, the report's path and the settings used."""

    result: BacktestResult
    report: Path
    settings: dict[str, Any]


def run(
    data: Path,
    out: Path,
    values: dict[str, Any],
    *,
    test_size: float,
    future: Path | None,
    levels: tuple[float, ...],
    lang: str,
    tensorboard: bool,
    overwrite: bool,
    console: Watcher,
) -> Run:
    """Fit, test, forecast and write everything into `out`; carry on where an interrupted run stopped."""
    if lang not in ("en", "zh"):
        raise SettingError(f"lang must be en or zh, not {lang!r}")
    forecaster = Forecaster(**values)
    check_settings(forecaster)
    checkpoint = out / _CHECKPOINT
    with _claimed(out, overwrite):
        if checkpoint.exists():
            console.note(f"carrying on from {checkpoint}")
        result = forecaster.backtest(
            data,
            test_size=test_size,
            checkpoint=checkpoint,
            progress=console.progress(forecaster.epochs),
            tensorboard=out / "tensorboard" if tensorboard else None,
        )
    if forecaster.fitted().history.interrupted:
        console.note("training was interrupted; what follows is the best epoch so far")
    forecaster.save(out / "model")
    report = write_report(result, out, lang=lang)
    if forecaster.columns_.future and future is None:
        console.note(
            f"no forecast.csv: it needs values ahead of {', '.join(forecaster.columns_.future)}; "
            f"`tidegate forecast predict {out} --future-frame --out future.csv` writes the frame to fill in"
        )
    else:
        frame = forecaster.predict(future=future, level=levels)
        write_atomically(out / "forecast.csv", frame.to_csv(index=False).encode())
    checkpoint.unlink(missing_ok=True)
    settings = asdict(forecaster.settings())
    return Run(result, report, {name: settings[name] for name in (f.name for f in fields(ForecasterSettings))})


@contextmanager
def _claimed(out: Path, overwrite: bool) -> Iterator[None]:
    """Make the run folder, or refuse one that holds something else or a finished run; on failure leave no trace."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; name a folder with --out")
    held = {path.name for path in out.iterdir()} if out.exists() else set()
    if _MARK in held and not overwrite:
        raise DataError(f"{out} holds a finished run; give --overwrite to replace it, or another --out")
    if held - {_CHECKPOINT, "tensorboard"} and _MARK not in held and "model" not in held:
        raise DataError(f"{out} holds files that are not a run's ({sorted(held)[0]}); name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if not any(out.iterdir()):
            out.rmdir()
