"""A user's own cell for the native engine: compiled at first use and kept in the user's cache folder."""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.equations.cpp import cell_source
from tidegate.errors import SettingError, TidegateWarning

if TYPE_CHECKING:
    from tidegate.cells import Cell

_COMPILERS = ("c++", "g++", "clang++")
_OPTIONS = ("-std=c++20", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-DTIDEGATE_LEVEL=user")


def kernels(native: Any, level: str, cell: type[Cell]) -> Any:
    """Return a cell's kernels for float32 and float64; None, after a warning, when it cannot be compiled.

    Args:
        native: the extension module, which brings the headers.
        level: the SIMD level to compile for.
        cell: the cell's class.
    """
    try:
        library = ctypes.CDLL(str(_library(native.headers(), native.flags(level), cell)))
    except (SettingError, OSError) as error:
        slow = f"cell {cell.name} runs on the plain loop, many times slower: {error}"
        warnings.warn(slow, TidegateWarning, stacklevel=2)
        return None
    for function in (library.tidegate_float32, library.tidegate_float64):
        function.restype = ctypes.c_void_p
    return native.compiled(level, library.tidegate_float32(), library.tidegate_float64())


def _library(headers: dict[str, str], flags: str, cell: type[Cell]) -> Path:
    """Return the cell's compiled library; what it is made of is in its name."""
    source = _source(cell)
    content = "\0".join([source, flags, *_OPTIONS, *(text for pair in headers.items() for text in pair)])
    path = _place(f"{cell.name}-{hashlib.sha256(content.encode()).hexdigest()[:32]}.so")
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            for name, text in (headers | {"cell.cpp": source}).items():
                Path(folder, name).write_text(text, encoding="utf-8")
            built = _compile(Path(folder), flags)
            os.replace(built, path)  # whole or not at all, whoever else compiles the same cell
    return path


def _source(cell: type[Cell]) -> str:
    entries = [
        f'extern "C" __attribute__((visibility("default"))) const void* tidegate_{name}() {{\n'
        f"    static const auto cell = tidegate::user::cell_{cell.name}<{kind}>();\n"
        "    return &cell;\n}"
        for name, kind in (("float32", "float"), ("float64", "double"))
    ]
    body = ["namespace tidegate::user {", cell_source(cell), "}"]
    return "\n".join(['#include "vector.hpp"', '#include "cell.hpp"', *body, *entries, ""])


def find_compiler() -> list[str]:
    """Return the command of a C++ compiler: CXX, or one that is installed; nothing where there is none."""
    return shlex.split(os.environ.get("CXX", "")) or [found for found in map(shutil.which, _COMPILERS) if found][:1]


def _compile(folder: Path, flags: str) -> Path:
    """Compile cell.cpp in a folder; return the library there."""
    compiler = find_compiler()
    if not compiler:
        raise SettingError("there is no C++ compiler; install g++ or clang++, or set CXX")
    built = folder / "cell.so"
    command = [*compiler, *_OPTIONS, *flags.split(), str(folder / "cell.cpp"), "-o", str(built)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines()
        raise SettingError(f"{compiler[0]} refused it ({lines[0] if lines else 'without a word'})")
    return built


def _place(name: str) -> Path:
    """Return where a library is or can be kept: the user's cache folder, or else a folder of this process."""
    try:
        folder = _folder()
        if not (folder / name).exists():  # what is there already may be used from where nothing can be written
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        remedy = "set TIDEGATE_CACHE to a folder that can be written, or each process compiles anew"
        warnings.warn(f"compiled cells cannot be kept ({error}); {remedy}", TidegateWarning, stacklevel=2)
        folder = _own_folder()
    return folder / name


def _folder() -> Path:
    """Return the folder for compiled cells, which only the user may write to."""
    base = os.environ.get("TIDEGATE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "tidegate")
    return Path(base).expanduser() / "cells"


@functools.cache
def _own_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="tidegate-cells-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
