"""`tidegate explain`: a page on what happens inside of a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.options import share_or_rows


def explain(
    run: Annotated[Path, typer.Argument(help="run folder that `forecast fit` wrote, or a model folder")],
    data: Annotated[Path | None, typer.Argument(help="table to look at (default: that of the run)")] = None,
    series: Annotated[str | None, typer.Option(help="series whose gates are shown (default: the first)")] = None,
    test_size: Annotated[
        float,
        typer.Option(
            parser=share_or_rows,
            metavar="SHARE|ROWS",
            help="of DATA, the last share (0.2) or number (24) of each series' rows, on which columns are measured",
        ),
    ] = 0.2,
    out: Annotated[Path | None, typer.Option("--out", help="file to write (default: explain.html in RUN)")] = None,
    lang: Annotated[str, typer.Option("--lang", help="language of the page: en, zh")] = "en",
) -> None:
    """Explain a trained model: which columns matter, how far back it looks, its gates, memory and attention over time.

    Of a run, the network that was judged is explained, on the test rows, which it has not seen.
    """
    from tidegate.explain import write_explanation

    place = (run if (run / "model").is_dir() else Path()) / "explain.html" if out is None else out
    written = write_explanation(run, place, data, lang=lang, series=series, test_size=test_size)
    typer.echo(f"explanation: {written}")
