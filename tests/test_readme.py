"""The README's Python runs, and both languages quote the same code and figures."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")


def blocks(name, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_readme_python_runs(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    for code in blocks(name, "python"):
        if "urlopen" in code:  # needs the service; tests/serving/test_documented.py runs it
            continue
        fast = code.replace("Forecaster(", "Forecaster(epochs=1, steps_per_epoch=5, ")
        scope = {}
        exec(compile(fast, name, "exec"), scope)
        assert len(scope["forecast"]) == 4


def test_readmes_are_equal_in_commands_and_figures():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    commands = [re.sub(r"\s*#.*", "", "".join(blocks(name, "sh"))) for name in READMES]
    assert commands[0] == commands[1]
    figures = [re.findall(r"-?\+?\d[\d.]*", line) for line in english.splitlines() if line.startswith("| ")]
    twins = [re.findall(r"-?\+?\d[\d.]*", line) for line in chinese.splitlines() if line.startswith("| ")]
    assert [sorted(row) for row in figures] == [sorted(row) for row in twins]
