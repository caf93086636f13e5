"""A layer's page names the settings and defaults that its code has, and its example runs."""

import dataclasses
import re
from pathlib import Path

import pytest

from tidegate import layers

PAGES = Path(__file__).parent.parent.parent / "docs" / "layers"


@pytest.mark.parametrize("name", sorted({*layers.registry.BUILT_IN} - {"recurrent"}))
def test_a_layers_page_is_what_its_code_says(name):
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*)` \|.*\|$", page, re.MULTILINE))
    fields = [each for each in dataclasses.fields(layers.get(name)) if each.init]
    assert rows == {each.name: repr(each.default) for each in fields}
    assert f"[`{name}`](layers/{name}.md)" in (PAGES.parent / "layers.md").read_text(encoding="utf-8")
    scope = {"__name__": "page"}
    exec(compile("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), name, "exec"), scope)
    assert scope["forecaster"].layer.name == name
