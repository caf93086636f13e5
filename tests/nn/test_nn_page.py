"""The page about these modules: its code runs, and what it says of other tools is so."""

import io
import re
from pathlib import Path

import pytest
import torch
from torch import fx, nn

import tidegate.nn

PAGE = Path(__file__).parents[2] / "docs" / "nn.md"


def test_page_code_runs_and_does_what_the_text_says():
    scope = {"__name__": "page"}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for code in blocks:
        exec(compile(code, str(PAGE), "exec"), scope)
    assert scope["scores"].shape == (3, 10, 5)
    assert all(parameter.grad is not None for parameter in scope["tagger"].parameters())
    assert type(scope["theirs"]) is tidegate.nn.LSTM
    x = torch.randn(4, 2, 8)
    assert torch.equal(scope["theirs"](x)[0], scope["ours"](x)[0])
    assert torch.equal(scope["loaded"](x)[0], scope["ours"](x)[0])


def test_every_class_alone_has_to_be_allowed_for_a_file_with_its_module():
    for name in tidegate.nn.__all__:
        module, file = getattr(tidegate.nn, name)(3, 4), io.BytesIO()
        torch.save(module, file)
        file.seek(0)
        assert torch.serialization.get_unsafe_globals_in_checkpoint(file) == [f"{type(module).__module__}.{name}"]
        file.seek(0)
        with torch.serialization.safe_globals([type(module)]):
            assert repr(torch.load(file, weights_only=True)) == repr(module)


def test_symbolic_trace_needs_to_be_told_that_the_module_is_a_leaf():
    class Tracer(fx.Tracer):
        def is_leaf_module(self, m, module_qualified_name):
            return isinstance(m, nn.LSTM) or super().is_leaf_module(m, module_qualified_name)

    network = nn.Sequential(tidegate.nn.LSTM(3, 4))
    with pytest.raises(Exception, match=r"[Pp]roxy|trace"):
        fx.symbolic_trace(network)
    traced = fx.GraphModule(network, Tracer().trace(network))
    x = torch.randn(6, 5, 3)
    assert torch.equal(traced(x)[0], network(x)[0])
