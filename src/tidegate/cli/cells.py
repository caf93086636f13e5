"""`tidegate cells`: the recurrent cells that can be named."""

from __future__ import annotations

import typer


def cells() -> None:
    """List the recurrent cells, with the paper of each."""
    from tidegate.cells import get, names

    for name in names():
        cell = get(name)
        typer.echo(f"{name:<12} {cell.title}: {cell.paper}")
