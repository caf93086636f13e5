"""A package that was built without a compiler says so once, when something first runs, and works."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["tidegate.engine._native"] = None  # as if it had never been built
if "say" in sys.argv:
    import logging
    logging.basicConfig(format="MINE %(message)s")
sys.argv = ["tidegate", "--help"]
try:
    from tidegate.cli import main
    main()
except SystemExit:
    pass
import torch, tidegate
layers = [tidegate.Recurrent(cell, 3, 4) for cell in ("lstm", "gru", "lstm", "peephole")]
print("built", file=sys.stderr, flush=True)
for layer in layers:
    y, state = layer(torch.zeros(2, 5, 3))
    assert y.shape == (2, 5, 4)
print("ran", file=sys.stderr, flush=True)
sys.argv = ["tidegate", "info"]
main()
"""


def run(*arguments):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True)


def test_missing_engine_is_told_once_when_something_first_runs():
    done = run()
    assert "native" not in done.stdout.split("tidegate  ")[0]
    before, between, after = (part.strip() for part in done.stderr.replace("ran\n", "built\n").split("built\n"))
    assert (before, after) == ("", "")
    assert between.startswith("tidegate: the native engine is missing (")
    assert between.count("missing") == 1
    engine = next(line for line in done.stdout.splitlines() if line.startswith("engine"))
    assert "the native engine is missing" in engine
    assert "install a C++20 compiler" in engine


def test_programs_log_takes_the_sentence():
    assert "MINE tidegate: the native engine is missing" in run("say").stderr
