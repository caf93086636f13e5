"""The suite itself: it says what it lacked, and notices names of tests that depend on time, zone or chance."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LACKING = """
import pytest
from lacking import need, need_of_machine

@pytest.mark.parametrize("n", range(3))
def test_gpu(n):
    need_of_machine(False, "CUDA")

def test_browser():
    need("", "Chromium")

def test_present():
    need("/usr/bin/chromium", "Chromium")

@pytest.mark.skip(reason="not on a Monday")
def test_monday():
    pass
"""
NAMES = """
import gzip, time
import pytest

@pytest.mark.parametrize("value", {values})
def test_name(value):
    pass
"""


def run(folder, source, *options, **environment):
    """Run pytest on one file in a folder of its own, with the plugins of this suite."""
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONHASH"))}
    # other plugins that are installed take seconds to import
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TIDEGATE_REQUIRE_TOOLS": "0", "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "lacking", "-p", "collecting"]
    return subprocess.run(
        [*command, *options],
        cwd=folder,
        env={**kept, **own, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "parallel"])
def test_what_was_lacking_is_said_last(options, tmp_path):
    done = run(tmp_path, LACKING, "-rs", *options)
    assert done.returncode == 0
    last = [line for line in done.stdout.splitlines() if line.strip()][-2:]
    assert last[0] == "skipped: 3 lacked CUDA; 1 lacked Chromium; 1 not on a Monday"
    assert "1 passed, 5 skipped" in last[1]


def test_a_tool_can_be_required_but_no_machine(tmp_path):
    done = run(tmp_path, LACKING, TIDEGATE_REQUIRE_TOOLS="1")
    assert "FAILED test_it.py::test_browser - Failed: lacks Chromium" in done.stdout
    assert "1 failed, 1 passed, 4 skipped" in done.stdout


def test_no_test_skips_on_its_own():
    """What is lacking is told and required in one place."""
    for path in TESTS.rglob("*.py"):
        if path.name not in ("lacking.py", "test_testing.py"):
            source = path.read_text(encoding="utf-8")
            assert not any(word in source for word in ("skipif", "pytest.skip(", "importorskip")), path


@pytest.mark.parametrize(
    ("values", "same"),
    [
        ("[gzip.compress(b'x', mtime=0), 'x']", True),
        ("[gzip.compress(b'x')]", False),
        ("[time.strftime('%Z')]", False),
        ("set('abcdefghijklm')", False),
    ],
    ids=["constant", "bytes that hold the time", "a zone", "order of a set"],
)
def test_names_that_change_are_noticed(values, same, tmp_path):
    done = run(tmp_path, NAMES.format(values=values), "-n", "2")
    assert ("Different tests were collected" not in done.stdout) is same
    assert (done.returncode == 0) is same
