"""What a test lacks: it is skipped and told at the end, or fails where TIDEGATE_REQUIRE_TOOLS=1 asks for all tools."""

import importlib
import os
import re
from collections import Counter

import pytest

REQUIRED = "TIDEGATE_REQUIRE_TOOLS"
LACKS = "lacks "


def need(present, what):
    """Go on if this tool is present; else skip the running test, or fail it where tools are required."""
    if not present and os.environ.get(REQUIRED, "0") not in ("", "0"):
        pytest.fail(f"{LACKS}{what}, and {REQUIRED} is set", pytrace=False)
    need_of_machine(present, what)


def need_module(name):
    """Return this optional module; where it is not installed as `need` says."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return need(False, name.split(".")[0])


def need_of_machine(present, what):
    """Go on if the machine has what cannot be installed, such as a GPU; else skip the running test."""
    if not present:
        pytest.skip(f"{LACKS}{what}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Say below everything else what the skipped tests lacked."""
    yield
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        ordered = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))  # whichever worker was first
        terminalreporter.write_line("skipped: " + "; ".join(f"{n} {why}" for why, n in ordered))


def _reason(report):
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return re.sub(f"^{LACKS}", "lacked ", why.removeprefix("Skipped: "))
