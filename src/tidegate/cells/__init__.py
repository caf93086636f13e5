"""Recurrent cells, one file each.

Every module here but `cell` and `aliases` holds one cell of the module's own name, so a new cell touches one file.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil

from tidegate.cells.aliases import ALIASES, Alias
from tidegate.cells.cell import Cell, Initial
from tidegate.equations.declaration import extra_names
from tidegate.errors import SettingError

__all__ = [
    "ALIASES",
    "Alias",
    "Cell",
    "Initial",
    "alias",
    "fingerprint",
    "get",
    "names",
    "register",
    "registered",
]

_NO_CELLS = ("cell", "aliases")
_registered: dict[str, type[Cell]] = {}


def names() -> list[str]:
    """Return the names of the built-in cells, in alphabetical order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NO_CELLS)


def alias(cell: object) -> Alias | None:
    """Return what a name in any case is an alias of; None when it is none."""
    return ALIASES.get(cell.lower()) if isinstance(cell, str) else None


def register(cell: type[Cell]) -> type[Cell]:
    """Make a cell of your own known by its name, so that a model with it can be saved, and loaded after the same call.

    Usable as a class decorator. Registering a cell again under its name replaces the one before.

    Raises:
        SettingError: it is not a cell, or its name is taken by a built-in cell or an alias of one.
    """
    if not (isinstance(cell, type) and issubclass(cell, Cell) and cell is not Cell):
        raise SettingError(f"cells.register takes a subclass of tidegate.cells.Cell, not {cell!r}")
    if cell.name in (*names(), *ALIASES):
        raise SettingError(f"cell {cell.name} is built in; give yours another name")
    _registered[cell.name] = cell
    return cell


def registered() -> list[str]:
    """Return the names of the cells that were registered, in alphabetical order."""
    return sorted(_registered)


def fingerprint(cell: type[Cell]) -> str:
    """Return what changes when the equations of a cell of the user's own do; nothing for a built-in cell."""
    if cell.name in names():
        return ""
    from tidegate.equations.program import trace

    parts = (trace(cell), cell.gates, cell.states, cell.split, cell.input_only, extra_names(cell), cell.projection)
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def get(cell: str | type[Cell]) -> type[Cell]:
    """Return a built-in or registered cell by its name, in any case; a cell class is returned as it is.

    An alias stands for its cell here; its option is the layer's.

    Raises:
        SettingError: no cell has this name; the message lists those there are.
    """
    if isinstance(cell, type) and issubclass(cell, Cell) and cell is not Cell:
        return cell
    name = cell.lower() if isinstance(cell, str) else ""
    if name in _registered:
        return _registered[name]
    if name in ALIASES:
        name = ALIASES[name].cell
    if name not in names():
        known = ", ".join([*names(), *sorted(ALIASES), *registered()])
        raise SettingError(
            f"cell must be one of {known}, or a subclass of tidegate.cells.Cell (to use one by its name, register it "
            f"first: tidegate.cells.register), not {cell!r}"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    return next(value for value in vars(module).values() if _is_cell(value, module.__name__))


def _is_cell(value: object, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Cell) and value.__module__ == module
