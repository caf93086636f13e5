"""Recurrent cells, one file each.

Every module here but `cell` holds one cell of the module's own name, so a new cell touches one file.
"""

from __future__ import annotations

import importlib
import pkgutil

from tidegate.cells.cell import Cell, Initial
from tidegate.errors import SettingError

__all__ = ["Cell", "Initial", "get", "names"]


def names() -> list[str]:
    """Return the names of the built-in cells, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "cell")


def get(cell: str | type[Cell]) -> type[Cell]:
    """Return a cell by its name, in any case; a cell class is returned as it is.

    Raises:
        SettingError: no built-in cell has this name; the message lists those there are.
    """
    if isinstance(cell, type) and issubclass(cell, Cell) and cell is not Cell:
        return cell
    name = cell.lower() if isinstance(cell, str) else ""
    if name not in names():
        raise SettingError(
            f"cell must be one of {', '.join(names())} or a subclass of tidegate.cells.Cell, not {cell!r}"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    return next(value for value in vars(module).values() if _is_cell(value, module.__name__))


def _is_cell(value: object, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Cell) and value.__module__ == module
