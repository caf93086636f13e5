"""`tidegate cells`: the recurrent cells that can be named."""

from __future__ import annotations

import typer


def cells() -> None:
    """List the recurrent cells, with the paper of each."""
    from tidegate.cells import ALIASES, get, names

    lines = {name: f"{get(name).title}: {get(name).paper}" for name in names()}
    lines |= {
        name: f"{alias.title}, which is {alias.cell} with {alias.option}: {alias.paper}"
        for name, alias in ALIASES.items()
    }
    for name, line in sorted(lines.items()):
        typer.echo(f"{name:<12} {line}")
