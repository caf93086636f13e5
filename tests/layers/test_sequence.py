"""Every registered layer keeps the contract; so does the one that docs/layers.md makes."""

import pytest
import torch
from layer_checks import CHECKS, every_settings

from tidegate import layers
from tidegate.errors import SettingError
from tidegate.layers import LayerSettings, RecurrentSettings, SequenceLayer, registry
from tidegate.layers.registry import read


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("settings", every_settings())
def test_layer_keeps_the_contract(settings, check):
    check(settings)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_the_pages_layer_keeps_the_contract(toyconv, kernel_size, check):
    check(toyconv(kernel_size=kernel_size))


class Looking(SequenceLayer):
    """Claims to be causal and to stream, and reads the next step."""

    streams = causal = True

    def __init__(self, input_size):
        super().__init__()
        self.input_size = input_size
        self.weight = torch.nn.Parameter(torch.ones(1))

    @property
    def output_size(self):
        return self.input_size

    def forward(self, x, state=None, lengths=None, context=None):
        return self.weight * (x + x.roll(-1, 1)).cumsum(1), (x,)


class LookingSettings(LayerSettings):
    name = "looking"

    def build(self, input_size, *, context_size=0):
        return Looking(input_size)


def test_the_checks_find_a_layer_that_reads_the_future_or_its_padding():
    failed = set()
    for check in CHECKS:
        try:
            check(LookingSettings())
        except (AssertionError, pytest.fail.Exception):
            failed.add(check.__name__)
    assert {
        "check_steps_equal_the_whole",
        "check_chunks_equal_the_whole",
        "check_padding_does_not_matter",
        "check_the_future_never_leaks_if_causal",
        "check_context_is_read_or_refused",
        "check_wrong_input_is_named",
    } <= failed


def test_layers_are_found_by_name(toyconv):
    assert layers.names() == sorted([*registry.BUILT_IN, "toyconv"])
    assert layers.get("recurrent") is RecurrentSettings
    assert layers.get("toyconv") is toyconv
    assert read("toyconv") == toyconv()
    assert read({"name": "toyconv", "kernel_size": 5}) == toyconv(kernel_size=5)


@pytest.mark.parametrize(
    "wrong", ["tcnn", "", None, 3, ["recurrent", "x"], "recurrent+", {"kernel_size": 3}, {"name": ["x"]}]
)
def test_what_names_no_layer_is_refused_with_those_there_are(wrong):
    with pytest.raises(SettingError, match=f"layer must be one of {', '.join(layers.names())}, several"):
        read(wrong)


def test_what_is_no_layers_settings_cannot_be_registered():
    class Taken(RecurrentSettings):
        name = "recurrent"

    class Unnamed(LayerSettings):
        pass

    for wrong in (Looking, "tcn", LayerSettings, Taken, Unnamed):
        with pytest.raises(SettingError, match=r"layers\.register takes|needs a name"):
            layers.register(wrong)
    assert layers.names() == sorted(registry.BUILT_IN)


def test_public_names():
    assert sorted(layers.__all__) == [
        "Attention",
        "AttentionPooling",
        "BiLSTMAttention",
        "Chain",
        "Conv",
        "ConvLSTM",
        "Dilated",
        "DocumentEncoder",
        "GConv",
        "Hierarchical",
        "LRU",
        "LayerSettings",
        "MemoryAttention",
        "MultiScale",
        "NTM",
        "Recurrent",
        "RecurrentSettings",
        "S4D",
        "SequenceLayer",
        "TCN",
        "TGCN",
        "XLSTM",
        "edges_of",
        "get",
        "names",
        "register",
        "without_padding",
    ]
    for name in layers.__all__:
        assert getattr(layers, name) is not None
