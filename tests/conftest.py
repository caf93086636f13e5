"""What all tests share: one thread each, so that parallel workers do not fight over the cores."""

import re
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tidegate.layers import registry

pytest_plugins = ["collecting", "lacking"]

torch.set_num_threads(1)
settings.register_profile("tidegate", deadline=None)  # a busy machine must not fail a test
settings.load_profile("tidegate")


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
