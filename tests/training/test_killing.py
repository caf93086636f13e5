import os
import subprocess
import sys
from pathlib import Path

from lacking import need_of_machine

HERE = Path(__file__).parent


def test_run_killed_at_twenty_random_moments_ends_with_the_same_bits(tmp_path):
    need_of_machine(hasattr(os, "fork"), "fork")  # it kills forked children
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])
    done = subprocess.run(
        [sys.executable, HERE / "killed_training.py", tmp_path, "20"],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 20
