"""The documented unit of systemd: systemd understands it, and its settings are settings."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from lacking import need_of_machine
from tidegate.serving.settings import ServeSettings, from_environment
from tidegate.settings import check_settings

PAGE = Path(__file__).parent.parent.parent / "docs" / "serving.md"
UNIT = re.search(r"```ini\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    need_of_machine(program is not None, "systemd")
    unit = tmp_path / "tidegate.service"
    unit.write_text(UNIT.replace("/opt/tidegate/bin/tidegate", sys.executable), encoding="utf-8")
    found = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in found.stderr.splitlines() if "tidegate" in line] == []
    unit.write_text(UNIT.replace("DynamicUser", "DynamicWorker"), encoding="utf-8")  # it would have said so
    found = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert "DynamicWorker" in found.stderr


def test_the_units_variables_are_settings():
    given = dict(pair.split("=") for pair in re.search(r"^Environment=(.*)$", UNIT, re.MULTILINE)[1].split())
    settings = from_environment(given)
    assert len(settings) == len(given) == 3
    check_settings(ServeSettings(**settings))
