"""The pages' code runs, and the pages that come from the code are up to date."""

import dataclasses
import re
import sys
from pathlib import Path

import pytest

import tidegate
from tidegate import cells

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))


def test_the_page_on_a_readers_own_cell_runs(capsys):
    page = (DOCS / "your_own_cell.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    try:
        exec(compile("\n".join(blocks), "your_own_cell.md", "exec"), {"__name__": "page"})
    finally:
        cells._registered.clear()
    printed = capsys.readouterr().out
    assert "leaky:" in printed
    assert r"\tanh" in printed


@pytest.mark.parametrize("name", [*cells.names(), *cells.ALIASES])
def test_a_cells_page_is_what_its_code_says(name):
    import build

    assert (DOCS / "cells" / f"{name}.md").read_text(encoding="utf-8") == build.cell_page(name)


def test_the_settings_page_is_what_the_code_says():
    import build

    assert (DOCS / "settings.md").read_text(encoding="utf-8") == build.settings_page()


def test_the_page_of_public_names_is_what_the_packages_export():
    import build

    page = build.api_page()
    assert (DOCS / "api.md").read_text(encoding="utf-8") == page
    assert not re.search(r"^\| `\w+` \|  \|$", page, re.MULTILINE), "a public name says nothing of itself"


def test_the_page_for_package_indexes_has_no_link_that_leads_nowhere_there():
    import build

    page = build.pypi_page()
    assert (DOCS / "pypi.md").read_text(encoding="utf-8") == page
    assert [link for link in re.findall(r"\]\(([^)]*)\)", page) if not link.startswith("https:")] == []
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"```.*?```", page, re.DOTALL) == re.findall(r"```.*?```", readme, re.DOTALL)
    linked = re.findall(r"\]\(([^)]*)\)", build.pypi_page("https://example.org/tidegate/"))
    own = [link for link in re.findall(r"\]\(([^)]*)\)", readme) if not link.startswith("https:")]
    assert linked == [f"https://example.org/tidegate/{link}" for link in own]


@pytest.mark.parametrize("name", ["coming_from", "explaining", "gradients", "nn", "serving"])
def test_a_pages_python_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    exec(compile("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), name, "exec"), {"__name__": "page"})


def test_settings_that_the_migration_page_names_exist():
    page = (DOCS / "coming_from.md").read_text(encoding="utf-8")
    ours = " ".join(
        line.split("|")[2] for line in page.splitlines() if line.startswith("| ") and "| Tidegate |" not in line
    )
    named = set(re.findall(r"`(\w+)(?:=[^`]*)?`", ours))
    others = {"backtest", "cross_validate", "cross_validation", "future_frame"}
    known = {field.name for field in dataclasses.fields(tidegate.ForecasterSettings)} | others
    assert len(named) > 20
    assert named <= known
