"""The rules of the house: imports point to the own floor or below, and light modules stay light."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tidegate

SOURCE = Path(tidegate.__file__).parent
ROOT = Path(__file__).parent.parent
FLOORS = {
    "storage": 1,
    "registry": 1,
    "equations": 1,
    "cells": 2,
    "engine": 2,
    "tables": 2,
    "layers": 3,
    "nn": 3,
    "training": 3,
    "reporting": 3,
    "explain": 3,
    "forecasting": 4,
    "serving": 5,
    "cli": 6,
    "__main__": 6,
}
HEAVY = ("torch", "pandas", "numpy", "sklearn", "matplotlib", "sympy", "pydantic", "scipy")


def _floor(module: str) -> int:
    parts = module.split(".")
    return FLOORS.get(parts[1], 0) if len(parts) > 1 else 0


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.startswith("tidegate.")]


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_to_the_own_floor_or_below(path):
    own = ".".join(["tidegate", *path.relative_to(SOURCE).with_suffix("").parts])
    if own == "tidegate.__init__":
        return  # public names only, imported when used
    above = [name for name in _imports(path) if _floor(name) > _floor(own)]
    assert not above, f"{own} imports from a floor above: {above}"


def _leaves_the_encoding_to_the_locale(call: ast.Call) -> bool:
    named = {keyword.arg for keyword in call.keywords}
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("read_text", "write_text"):
        return "encoding" not in named
    if isinstance(call.func, ast.Name) and call.func.id == "open":
        modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        return "encoding" not in named and not any("b" in ast.unparse(mode) for mode in modes)
    return False


@pytest.mark.parametrize("folder", ["src", "native", "tests", "examples", "docs", "benchmarks", "portable"])
def test_every_text_file_is_opened_with_its_encoding(folder):
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _leaves_the_encoding_to_the_locale(node)
    ]
    assert not calls, "without encoding= the locale decides"


@pytest.mark.parametrize(
    "path",
    [path for path in sorted((SOURCE / "serving").rglob("*.py")) if "forecasting" not in path.parts],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_the_service_knows_no_task(path):
    """A task's part of the service is found through the registry, by name."""
    tasks = ("tidegate.forecasting", "tidegate.serving.forecasting")
    assert not [name for name in _imports(path) if name.startswith(tasks)]


@pytest.mark.parametrize(
    "module",
    ["tidegate", "tidegate.cli", "tidegate.cells", "tidegate.equations", "tidegate.layers", "tidegate.explain"],
)
def test_light_modules_import_nothing_heavy(module):
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_neutral_packages_load_nothing_of_a_task():
    """One process for all: whichever package loads a task is named before the next one is imported."""
    code = "import importlib, sys\n"
    for package in ("storage", "tables", "layers", "training", "reporting", "explain"):
        for path in sorted((SOURCE / package).rglob("*.py")):
            module = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
            code += f"importlib.import_module({module!r})\n"
        code += f"print({package!r}, [m for m in sys.modules if m.startswith('tidegate.forecasting')])\n"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [
        f"{package} []" for package in ("storage", "tables", "layers", "training", "reporting", "explain")
    ]


def test_public_names_are_pinned():
    assert sorted(tidegate.__all__) == [
        "BacktestResult",
        "DataError",
        "Forecaster",
        "ForecasterSettings",
        "ModelFolderError",
        "Progress",
        "Recurrent",
        "SettingError",
        "TidegateError",
        "WindowRegressor",
        "__version__",
        "explain",
        "font_families",
        "load",
        "nn",
        "write_report",
    ]
    for name in tidegate.__all__:
        assert getattr(tidegate, name) is not None


def test_an_old_name_is_found_under_its_new_one_with_a_warning():
    with pytest.warns(DeprecationWarning, match="tidegate.Judgement is now tidegate.BacktestResult"):
        assert tidegate.Judgement is tidegate.BacktestResult


def _imported_files(path: Path) -> set[Path]:
    """The files of the package that a file names in an import, wherever that stands in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        places = [SOURCE.parent.joinpath(*module.split(".")).with_suffix(".py") for module in modules]
        found |= {place for place in places if place.is_file() and place != path}
    return found


def test_no_files_import_each_other_in_a_circle():
    """Imports for annotations alone count: who needs a name to be understood depends on it."""
    TopologicalSorter({path: _imported_files(path) for path in SOURCE.rglob("*.py")}).prepare()
