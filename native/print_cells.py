"""Print every built-in cell as C++ into one file; the build calls this."""

import sys
from pathlib import Path

from tidegate import cells
from tidegate.equations.cpp import cell_source

names = cells.names()
table = [f'    {{"{name}", cell_{name}<float>(), cell_{name}<double>()}},' for name in names]
parts = [*(cell_source(cells.get(name)) for name in names), "constexpr NamedCell kCells[] = {", *table, "};"]
Path(sys.argv[1]).write_text("\n".join([*parts, ""]), encoding="utf-8")
