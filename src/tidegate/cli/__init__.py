"""The command line: one file per command, no logic of its own; heavy imports happen inside commands."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

import tidegate
from tidegate.cli import cells, explain, forecast, info, serve
from tidegate.cli.streams import take_any_character
from tidegate.errors import TidegateError, TidegateWarning

app = typer.Typer(
    name="tidegate",
    help="Train, judge and serve gated recurrent networks; honest forecasts from a table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(forecast.app, name="forecast")
app.command("cells")(cells.cells)
app.command("explain")(explain.explain)
app.command("info")(info.info)
app.command("serve")(serve.serve)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"tidegate {tidegate.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="show the version"),
) -> None:
    pass


def main() -> None:
    """Run a command; an expected error is one sentence on standard error and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        take_any_character(stream)
    try:
        with _quiet_libraries():
            app()
    except TidegateError as error:
        typer.echo(f"tidegate: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("tidegate: interrupted; run the same command again to carry on", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        typer.echo(f"tidegate: the file system refused{place}: {error.strerror or error}", err=True)
        sys.exit(1)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep what numpy and matplotlib say to programmers from users, unless Python was told to show warnings.

    What a user should know is a note, a warning or an error, in a sentence of ours.
    """
    if sys.warnoptions:
        yield
        return
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", TidegateWarning)
        try:
            yield
        finally:
            log.setLevel(level)
