"""What all tests share: one thread each, so that parallel workers do not fight over the cores."""

import os
import re
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tidegate.engine.compiled import find_compiler
from tidegate.layers import registry

pytest_plugins = ["collecting", "lacking"]

torch.set_num_threads(1)


def _cache() -> Path:
    """A folder for compiled cells that is not the user's own, kept from one run to the next where that can be."""
    try:
        folder = Path(__file__).parent.parent / "build" / "compiled-cells"
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        folder = Path(tempfile.gettempdir(), f"tidegate-tests-{os.getuid()}")
    return folder


os.environ.setdefault("TIDEGATE_CACHE", str(_cache()))  # the home may be missing, or closed to writing
settings.register_profile("tidegate", deadline=None)  # a busy machine must not fail a test
settings.load_profile("tidegate")


def pytest_configure(config):
    """Where there is no compiler, a cell of one's own runs on the plain loop, and says so: that is no failure."""
    if not find_compiler():
        message = r"ignore:cell \w+ runs on the plain loop, many times slower. there is no C\+\+ compiler:UserWarning"
        config.addinivalue_line("filterwarnings", message)


@pytest.fixture
def toyconv():
    """The settings class of the layer that docs/layers.md makes, registered for one test."""
    text = (Path(__file__).parent.parent / "docs" / "layers.md").read_text(encoding="utf-8")
    page = {"__name__": "page"}
    try:
        exec(compile("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), "layers.md", "exec"), page)
        yield page["ToyConvSettings"]
    finally:
        registry._registered.clear()
