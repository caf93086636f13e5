"""Write the pages that come from the code: one per cell, and the list of all settings. Run: make docs."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

from tidegate import ForecasterSettings, cells
from tidegate.equations.latex import latex

DOCS = Path(__file__).parent


def cell_page(name: str) -> str:
    """A cell's formula, names and paper."""
    cell = cells.get(name)
    lines = [f"# {cell.title} (`{name}`)", "", inspect.getdoc(cell) or "", "", "$$", latex(cell), "$$", ""]
    lines += [f"- Gates: {', '.join(cell.gates)}", f"- States: {', '.join(cell.states)}"]
    if cell.weights:
        lines.append(f"- Extra weights, one value per unit: {', '.join(cell.weights)}")
    return "\n".join([*lines, f"- Source: {cell.paper}", ""])


def settings_page() -> str:
    """A table of every setting of a forecaster."""
    rows = ["# Settings of a forecaster", "", "| setting | default | what it does |", "|---|---|---|"]
    for field in dataclasses.fields(ForecasterSettings):
        choices = field.metadata["choices"]
        help = field.metadata["help"] + (f": {', '.join(choices)}" if choices else "")
        rows.append(f"| `{field.name}` | `{field.default!r}` | {help} |")
    return "\n".join([*rows, ""])


def main() -> None:
    """Write the pages."""
    (DOCS / "cells").mkdir(exist_ok=True)
    for name in cells.names():
        (DOCS / "cells" / f"{name}.md").write_text(cell_page(name), encoding="utf-8")
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
    print(f"{len(cells.names())} cell pages and settings.md written to {DOCS}")


if __name__ == "__main__":
    main()
