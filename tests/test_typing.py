"""Type checkers see our annotations in a user's program: what is right passes, and what is wrong is found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lacking import need, need_module

PROGRAM = Path(__file__).with_name("typed_program.py")
CHECKERS = {"mypy": ["--strict", "--cache-dir"], "pyright": ["--pythonpath", sys.executable]}


@pytest.mark.parametrize("checker", CHECKERS)
def test_users_program_is_checked_with_our_types(checker, tmp_path):
    need_module(checker)
    options = [*CHECKERS[checker], *([str(tmp_path)] if checker == "mypy" else [])]
    works = subprocess.run([sys.executable, "-m", checker, "--version"], capture_output=True, check=False)
    need(works.returncode == 0, f"a {checker} that starts")
    command = [sys.executable, "-m", checker, *options, str(PROGRAM)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False).stdout
    found = {int(line) for line in re.findall(r"typed_program\.py:(\d+)(?::\d+)?(?: -)?:? error", said)}
    lines = PROGRAM.read_text(encoding="utf-8").splitlines()
    assert found == {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}, said
