"""`tidegate serve`: saved models behind an HTTP service."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tidegate.cli.options import read_settings, with_settings
from tidegate.serving.settings import ServeSettings


@with_settings(ServeSettings)
def serve(
    models: Annotated[list[str], typer.Argument(help="model or run folders, each as PATH or NAME=PATH")],
    *,
    settings: dict[str, Any],
) -> None:
    """Serve saved models over HTTP: forecasts, streams, the open inference protocol, metrics and a page.

    SIGTERM and Ctrl-C finish what was accepted. Without --state streams end with the service.
    """
    from tidegate.serving.server import serve as run

    run(models, ServeSettings(**read_settings(ServeSettings, None, settings)), say=lambda line: typer.echo(line))
