"""`tidegate forecast fit|predict|report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.layer_options import LayerCommand
from tidegate.cli.options import read_settings, share_or_rows, with_settings, write_toml
from tidegate.errors import DataError, SettingError
from tidegate.forecasting.settings import ForecasterSettings

app = typer.Typer(help="Forecast time series from a table.", no_args_is_help=True)


def _option(group: str, *flags: str, help: str) -> Any:
    """An option under a heading, as settings have theirs."""
    return typer.Option(*flags, help=help, rich_help_panel=group)


Out = Annotated[Path, _option("Output", "--out", help="run folder to write")]
Language = Annotated[str, _option("Output", "--lang", help="language of the report: en, zh")]
Future = Annotated[Path | None, _option("Data", help="table of values known ahead, from `--future-frame`")]
Levels = Annotated[str, _option("Output", "--level", help="interval levels in percent, separated by commas")]
TestSize = Annotated[
    float,
    typer.Option(
        parser=share_or_rows,
        metavar="SHARE|ROWS",
        help="last share (0.2) or number (24) of each series' rows kept for the test",
        rich_help_panel="Training",
    ),
]
Refit = Annotated[bool, _option("Training", help="once judged, train again on all rows to forecast with")]
Events = Annotated[bool, _option("Output", "--tensorboard", help="write event files to OUT/tensorboard")]


@app.command("fit", cls=LayerCommand)
@with_settings(ForecasterSettings)
def fit(
    data: Annotated[Path, typer.Argument(help="table: csv, tsv, parquet or xlsx", show_default=False)],
    out: Out = Path("run"),
    test_size: TestSize = 0.2,
    config: Annotated[Path | None, typer.Option(help="settings from a TOML file; options override it")] = None,
    future: Future = None,
    level: Levels = "",
    lang: Language = "en",
    tensorboard: Events = False,
    overwrite: Annotated[bool, _option("Output", "--overwrite", help="replace a finished run in OUT")] = False,
    refit: Refit = True,
    quiet: Annotated[bool, _option("Output", "--quiet", help="print the verdict only")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Train on a table, judge beside naive forecasts, and write a run folder with model, forecast and report.

    The verdict is on a network that has not seen the test rows; the forecast and the saved model are of one that was
    then trained again on all rows.

    Ctrl-C ends training early and judges the best epoch so far; a run that was killed carries on when the same
    command is given again.
    """
    from tidegate.cli.console import Console
    from tidegate.forecasting.run import Request, run

    values = read_settings(ForecasterSettings, config, settings)
    request = Request(data, out, test_size, future, _levels(level), lang, tensorboard, overwrite, refit)
    with Console(quiet=quiet, lang=lang) as console:
        finished = run(request, values, console)
        write_toml(out / "settings.toml", finished.settings)
        console.finished(finished)
    if finished.problem is not None:
        raise finished.problem


@app.command("predict")
def predict(
    run: Annotated[Path, typer.Argument(help="run folder, or its model folder", show_default=False)],
    data: Annotated[Path | None, typer.Argument(help="history to continue (default: that of the run)")] = None,
    future: Future = None,
    level: Levels = "",
    out: Annotated[Path | None, typer.Option("--out", help="file to write (default: print)")] = None,
    future_frame: Annotated[
        bool, typer.Option("--future-frame", help="write the frame of values known ahead, to be filled in, instead")
    ] = False,
) -> None:
    """Forecast what follows a table, or the rows of the run, with a saved model."""
    from tidegate.cli.console import Console
    from tidegate.forecasting.forecaster import Forecaster
    from tidegate.forecasting.frames import csv_bytes
    from tidegate.registry import load

    levels = _levels(level)
    forecaster = load(run)
    if not isinstance(forecaster, Forecaster):
        raise DataError(f"{run} holds no model of a table; load it from Python with tidegate.load, or serve it")
    panel = forecaster.fitted().newest if data is None else forecaster.panel(data)
    with Console(quiet=False, lang="en") as console:
        for note in () if data is None else panel.notes:
            console.note(str(note))
        frame = forecaster.future_frame(panel) if future_frame else forecaster.predict(panel, future, level=levels)
    table = csv_bytes(frame, forecaster.columns_, forecaster.freq_)
    if out is None:
        typer.echo(table, nl=False)  # as bytes: a table is UTF-8 wherever it goes, and loses no letter
        return
    from tidegate.storage.files import write_atomically

    write_atomically(out, table)
    typer.echo(f"{len(frame)} rows written to {out}")


@app.command("report")
def report(
    run: Annotated[Path, typer.Argument(help="run folder that `fit` wrote", show_default=False)],
    lang: Language = "en",
) -> None:
    """Write the report of a finished run again, for instance in another language."""
    from tidegate.forecasting.evaluation.report import write_report
    from tidegate.forecasting.evaluation.result_files import load_result

    if not run.is_dir():
        raise DataError(f"there is no run folder {run}; `tidegate forecast fit DATA --out {run}` makes one")
    typer.echo(f"report: {write_report(load_result(run), run, lang=lang)}")


def _levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise SettingError(f"level must be percentages separated by commas, such as 80,90, not {text!r}") from None
