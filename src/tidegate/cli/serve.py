"""`tidegate serve`: saved models behind an HTTP service."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from tidegate.cli.options import read_settings, with_settings
from tidegate.serving.settings import ServeSettings, from_environment


@with_settings(ServeSettings)
def serve(
    models: Annotated[list[str], typer.Argument(help="model or run folders, each as PATH or NAME=PATH")],
    *,
    settings: dict[str, Any],
) -> None:
    """Serve saved models over HTTP: forecasts, streams, the open inference protocol, metrics and a page.

    Each option may be given as a variable too, --port as TIDEGATE_PORT.

    SIGTERM and Ctrl-C finish what was accepted. Without --state streams end with the service.
    """
    from tidegate.serving.server import serve as run

    given = from_environment(os.environ) | settings
    run(models, ServeSettings(**read_settings(ServeSettings, None, given)), say=lambda line: typer.echo(line))
