"""Torch's own checks of its modules, made of ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

from lacking import need_module

CHECKS = Path(__file__).with_name("torch_module_checks.py")


def test_modules_pass_the_checks_that_torch_makes_of_its_own():
    need_module("expecttest")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb", "short", str(CHECKS)]
    # other plugins that are installed take seconds to import
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    alone |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, env=alone, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50
