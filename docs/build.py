"""Write the pages that come from the code, and the README for package indexes. Run: make docs."""

from __future__ import annotations

import dataclasses
import inspect
import re
from importlib import import_module
from pathlib import Path

import gradients
import walkthrough

from tidegate import ForecasterSettings, cells
from tidegate.equations.functions import FUNCTIONS
from tidegate.equations.latex import latex
from tidegate.equations.program import trace
from tidegate.serving.settings import ServeSettings

DOCS = Path(__file__).parent


def cell_page(name: str) -> str:
    """A cell's formula, names, cost and paper; an alias has its cell's."""
    cell, alias = cells.get(name), cells.alias(name)
    title, paper, about = (cell.title, cell.paper, inspect.getdoc(cell) or "")
    if alias is not None:
        title, paper = alias.title, alias.paper
        about = (
            f"{alias.about}\n\nThe name stands for `cell={alias.cell!r}, {alias.option}=True`: the option goes with "
        )
        about += "every cell."
    lines = [f"# {title} (`{name}`)", "", about, "", "$$", latex(cell), "$$", ""]
    lines += [f"- {word}: {', '.join(names)}" for word, names in _names(cell) if names]
    if cell.mask(64) is not None:
        lines.append(f"- Of 64 units' recurrent matrix it keeps {sum(map(sum, cell.mask(64))) / 64**2:.0%}")
    return "\n".join([*lines, f"- Cost: {_cost(cell)}", f"- Source: {paper}", ""])


def _names(cell: type[cells.Cell]) -> list[tuple[str, list[str]]]:
    return [
        ("Gates", list(cell.gates)),
        ("Gates that read the input alone", list(cell.input_only)),
        ("States", list(cell.states)),
        ("Extra weights, one value per unit", list(cell.weights)),
        ("Constants of a unit", list(cell.constants)),
        ("Noise while training", [f"{name} ({rate:g})" for name, rate in cell.noise.items()]),
        ("Read from the layer below", [f"{state} as {name}" for name, state in cell.below.items()]),
    ]


def _cost(cell: type[cells.Cell]) -> str:
    """What a layer of I inputs and H units has to learn, and what a unit computes in a step."""
    recurrent = len(cell.gates) - len(cell.input_only)
    count = trace(cell).count()
    functions = ", ".join(f"{count[each]} {each}" for each in FUNCTIONS if count[each])
    matrices = f"{len(cell.gates)} x I x H + {recurrent} x H x {'R' if cell.projection != 1 else 'H'} weights"
    sums = count.total() - sum(count[each] for each in FUNCTIONS)
    return f"{matrices}; per unit and step {functions} and {sums} sums, products and the like"


def settings_page() -> str:
    """Tables of every setting of a forecaster and of the service."""
    return "\n".join([*_settings("a forecaster", ForecasterSettings), *_settings("the service", ServeSettings)])


def _settings(owner: str, settings: type) -> list[str]:
    rows = [f"# Settings of {owner}", "", "| setting | default | what it does |", "|---|---|---|"]
    for field in dataclasses.fields(settings):
        choices = field.metadata["choices"]
        help = field.metadata["help"] + (f": {', '.join(choices)}" if choices else "")
        rows.append(f"| `{field.name}` | `{field.default!r}` | {help} |")
    return [*rows, ""]


PUBLIC = ("tidegate", "tidegate.nn", "tidegate.cells", "tidegate.layers", "tidegate.explain")


def api_page() -> str:
    """Every public name with the first line of what it says of itself."""
    rows = [
        "# What is public",
        "",
        "Programs may rely on the names below, their arguments and what is documented of them; a change is announced",
        "in the [changelog](../CHANGELOG.md) and an old name is kept, with a warning, for one version. Everything else",
        "in the package is private, whatever its name looks like: it may change at any time.",
        "",
    ]
    for package in PUBLIC:
        module = import_module(package)
        names = [name for name in getattr(module, "__all__", ()) if not name.startswith("__")]
        rows += [f"## `{package}`", "", "| name | what it is |", "|---|---|"]
        rows += [f"| `{name}` | {_first_line(getattr(module, name))} |" for name in sorted(names, key=str.lower)]
        rows.append("")
    return "\n".join(rows)


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n")[0].replace("|", "\\|")


REPOSITORY: str | None = None  # where the files of the repository can be read on the web, once there is such a place


def pypi_page(repository: str | None = REPOSITORY) -> str:
    """The README as a package index shows it, outside the repository: links and pictures are absolute, or left out."""
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    if repository is not None:
        return re.sub(r"\]\((?!https?:|#)", f"]({repository.rstrip('/')}/", text)
    text = re.sub(r"!?\[[^\]]*\]\((?!https?:)[^)]*\)\n\n", "", text)  # a picture, or a link that is all of a paragraph
    text = re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text)
    return text + "\nThe pages and files named here are in the source distribution, below `docs/` and `examples/`.\n"


def main() -> None:
    """Write the pages."""
    (DOCS / "cells").mkdir(exist_ok=True)
    pages = [*cells.names(), *cells.ALIASES]
    for name in pages:
        (DOCS / "cells" / f"{name}.md").write_text(cell_page(name), encoding="utf-8")
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
    (DOCS / "api.md").write_text(api_page(), encoding="utf-8")
    (DOCS / "pypi.md").write_text(pypi_page(), encoding="utf-8")
    norms = gradients.measured()
    (DOCS / "gradients.md").write_text(gradients.page(norms), encoding="utf-8")
    (DOCS / "gradients.png").write_bytes(gradients.figure(norms))
    for lang, name in walkthrough.PAGES.items():
        (DOCS / name).write_text(walkthrough.page(lang), encoding="utf-8")
    print(f"{len(pages)} cell pages, settings.md, api.md, pypi.md, gradients.md and walkthrough.md written to {DOCS}")


if __name__ == "__main__":
    main()
