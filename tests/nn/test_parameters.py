"""Parameters, names, first values and everything done to them are torch's."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from twins import MODES, TOLERANCE, Counter, check_close, check_same, everything, parts_of, twins

import tidegate
import tidegate.nn
from tidegate.layers import stack

CONSTRUCTIONS = [
    ((3, 4), {}),
    ((3, 4, 2), {"bias": False}),
    ((3, 4), {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    ((5, 7), {"num_layers": 3, "dropout": 0.25, "dtype": torch.float64}),
    ((3, 4, 2), {"device": "cpu", "dtype": torch.bfloat16}),
]
POSITIONAL = {
    "LSTM": (3, 4, 2, False, True, 0.5, True, 2),
    "GRU": (3, 4, 2, False, True, 0.5, True),
    "RNN": (3, 4, 2, "relu", False, True, 0.5, True),
}
ATTRIBUTES = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout"]
ATTRIBUTES += ["bidirectional", "proj_size", "training"]


def seeded_pair(name, *sizes, **options):
    modules = []
    for home in (tidegate.nn, nn):
        torch.manual_seed(3)
        modules.append(getattr(home, name)(*sizes, **options))
    return modules


def check_equal_parameters(mine, other):
    mine, other = list(mine.named_parameters()), list(other.named_parameters())
    assert [name for name, _ in mine] == [name for name, _ in other]
    for (_, left), (_, right) in zip(mine, other, strict=True):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)


@pytest.mark.parametrize(("sizes", "options"), CONSTRUCTIONS, ids=str)
@pytest.mark.parametrize("name", MODES)
def test_same_seed_gives_torchs_weights(name, sizes, options):
    mine, other = seeded_pair(name, *sizes, **options)
    check_equal_parameters(mine, other)
    assert mine.weight_ih_l0.any()
    for module in (mine, other):
        torch.manual_seed(4)
        module.reset_parameters()
    check_equal_parameters(mine, other)
    assert repr(mine) == repr(other)
    assert [getattr(mine, each) for each in ATTRIBUTES] == [getattr(other, each) for each in ATTRIBUTES]


@pytest.mark.parametrize("name", MODES)
def test_positional_arguments_have_torchs_order(name):
    mine, other = seeded_pair(name, *POSITIONAL[name])
    check_equal_parameters(mine, other)
    assert repr(mine) == repr(other)
    assert [getattr(mine, each) for each in ATTRIBUTES] == [getattr(other, each) for each in ATTRIBUTES]
    assert inspect.signature(type(mine)) == inspect.signature(type(other))


@pytest.mark.parametrize("name", MODES)
def test_all_weights_and_flatten_parameters_are_there(name):
    mine, _ = twins(name, 3, 4, 2, bidirectional=True)
    assert len(mine.all_weights) == 4
    assert mine.all_weights[1][0] is mine.weight_ih_l0_reverse
    x = torch.randn(6, 5, 3)
    before = mine(x)[0]
    mine.flatten_parameters()
    assert torch.equal(mine(x)[0], before)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", MODES)
def test_state_dicts_are_exchanged_with_torch_both_ways(name, bias):
    (mine, _), (_, other) = twins(name, 3, 4, 2, bias=bias), twins(name, 3, 4, 2, bias=bias)
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    mine.load_state_dict(other.state_dict(), strict=True)
    check_same(mine, other, torch.randn(6, 5, 3))
    fresh = getattr(nn, name)(3, 4, 2, bias=bias)
    fresh.load_state_dict(mine.state_dict(), strict=True)
    check_equal_parameters(fresh, other)


@pytest.mark.parametrize("assign", [True, False])
def test_loading_a_network_replaces_what_the_engine_reads(assign):
    mine = nn.ModuleDict({"encoder": tidegate.nn.GRU(3, 4), "head": nn.Linear(4, 1)})
    other = nn.ModuleDict({"encoder": nn.GRU(3, 4), "head": nn.Linear(4, 1)})
    x = torch.randn(6, 5, 3)
    before = mine["encoder"](x)[0]
    mine.load_state_dict(other.state_dict(), assign=assign)
    after = mine["encoder"](x)[0]
    assert not torch.allclose(after, before)
    check_close([after], [other["encoder"](x)[0]], 1e-5)


@pytest.mark.parametrize("way", ["deepcopy", "copy", "pickle", "torch.save"])
@pytest.mark.parametrize("name", MODES)
def test_copies_compute_the_same(name, way, tmp_path):
    mine, _ = twins(name, 3, 4, 2, bidirectional=True)
    if way == "torch.save":
        torch.save(mine, tmp_path / "module.pt")
        copied = torch.load(tmp_path / "module.pt", weights_only=False)
    else:
        copied = {"deepcopy": copy.deepcopy, "copy": copy.copy, "pickle": lambda m: pickle.loads(pickle.dumps(m))}[way](
            mine
        )
    x = torch.randn(6, 5, 3)
    assert type(copied) is type(mine)
    assert torch.equal(copied(x)[0], mine(x)[0])
    if way != "copy":
        with torch.no_grad():
            copied.weight_hh_l0.zero_()
        assert not torch.equal(copied(x)[0], mine(x)[0])


@pytest.mark.parametrize("name", MODES)
def test_moving_to_another_type_moves_the_computation(name, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4, 2)
    x = torch.randn(6, 5, 3)
    check_same(mine.double(), other.double(), x.double())
    check_same(mine.to(torch.float32), other.float(), x)
    assert counter.calls == 2
    y, _ = mine.half()(x.half())
    assert y.dtype == torch.half
    assert torch.equal(y, other.half()(x.half())[0])
    assert mine.to("meta")(x.half().to("meta"))[0].shape == (6, 5, 4)
    assert counter.calls == 2


@pytest.mark.parametrize("name", MODES)
def test_tied_weights_gather_both_gradients(name):
    mine, other = twins(name, 4, 4, 2, dtype=torch.float64)
    for module in (mine, other):
        module.weight_ih_l1, module.weight_hh_l1 = module.weight_ih_l0, module.weight_hh_l0
    x = torch.randn(6, 5, 4, dtype=torch.float64)
    assert len(list(mine.parameters())) == 6
    check_same(mine, other, x)
    with torch.no_grad():
        mine.weight_hh_l0.zero_()
        other.weight_hh_l0.zero_()
    check_same(mine, other, x)


@pytest.mark.parametrize("name", MODES)
def test_replaced_and_altered_weights_are_what_the_next_call_uses(name):
    mine, other = twins(name, 3, 4)
    x, new = torch.randn(6, 5, 3), nn.Parameter(torch.randn(mine.weight_hh_l0.shape))
    for module in (mine, other):
        module.weight_hh_l0 = new
        module.bias_ih_l0.data = torch.ones_like(module.bias_ih_l0)
    check_same(mine, other, x)
    assert everything(mine, x)[-3].any()  # the gradient of weight_hh_l0, in the order of registration


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm", "orthogonal"])
@pytest.mark.parametrize("name", MODES)
def test_parametrised_weights_are_computed_anew_for_each_call(name, kind, monkeypatch):
    counter, pair = Counter(monkeypatch), twins(name, 3, 4, 2, dtype=torch.float64)
    for module in pair:
        torch.manual_seed(1)
        getattr(parametrizations, kind)(module, "weight_hh_l0")
        module.eval()  # spectral_norm takes a step of its power iteration while training
    mine, other = pair
    x = torch.randn(6, 5, 3, dtype=torch.float64)
    assert isinstance(mine, getattr(tidegate.nn, name))
    check_same(mine, other, x)
    optimisers = [torch.optim.SGD(module.parameters(), lr=0.1) for module in pair]
    before = mine(x)[0].detach()
    for module, optimiser in zip(pair, optimisers, strict=True):
        module(x)[0].square().sum().backward()
        optimiser.step()
    assert counter.calls == 3
    assert not torch.allclose(mine(x)[0], before)
    check_close(parts_of(*mine(x)), parts_of(*other(x)), TOLERANCE[torch.float64])
    torch.nn.utils.parametrize.remove_parametrizations(mine, "weight_hh_l0")
    check_close(parts_of(*mine(x)), parts_of(*other(x)), TOLERANCE[torch.float64])


def test_pruned_weights_stay_pruned():
    mine, other = twins("LSTM", 3, 4, dtype=torch.float64)
    for module in (mine, other):
        prune.l1_unstructured(module, "weight_hh_l0", amount=0.5)
    assert int((mine.weight_hh_l0 == 0).sum()) == 32
    check_same(mine, other, torch.randn(6, 5, 3, dtype=torch.float64))


@pytest.mark.parametrize("name", MODES)
def test_functional_call_uses_the_weights_it_is_given(name, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    given = {key: torch.randn_like(value) for key, value in mine.named_parameters()}
    x = torch.randn(6, 5, 3)
    y, _ = torch.func.functional_call(mine, given, (x,))
    assert counter.calls == 1
    assert not torch.allclose(y, mine(x)[0])
    check_close([y], [torch.func.functional_call(other, given, (x,))[0]], 1e-5)


@pytest.mark.parametrize("name", MODES)
def test_frozen_weights_get_no_gradient(name):
    mine, other = twins(name, 3, 4, 2, dtype=torch.float64)
    x = torch.randn(6, 5, 3, dtype=torch.float64, requires_grad=True)
    for module in (mine, other):
        module.weight_hh_l0.requires_grad_(False)
        module(x)[0].square().sum().backward()
    assert mine.weight_hh_l0.grad is None
    rest = [key for key, _ in mine.named_parameters() if key != "weight_hh_l0"]
    check_close(*([getattr(module, key).grad for key in rest] for module in (mine, other)), 1e-12)
    mine.requires_grad_(False)
    assert mine(x.detach())[0].grad_fn is None


def test_hooks_are_called_once_and_may_change_things():
    mine, _ = twins("GRU", 3, 4)
    x, seen = torch.randn(6, 5, 3, requires_grad=True), []
    expected = mine(2 * x)[0]
    mine.register_forward_pre_hook(lambda module, inputs: (2 * inputs[0],))
    mine.register_forward_hook(lambda module, inputs, output: (output[0] + 1, output[1]))
    mine.register_full_backward_hook(lambda module, inward, outward: seen.append((inward[0], outward[0])))
    mine.weight_hh_l0.register_hook(lambda slope: seen.append(slope))
    y, _ = mine(x)
    torch.testing.assert_close(y, expected + 1)
    y.sum().backward()
    assert len(seen) == 2
    assert sorted(part.shape for pair in seen if isinstance(pair, tuple) for part in pair) == [(6, 5, 3), (6, 5, 4)]


@pytest.mark.parametrize("bias", [True, False])
def test_one_training_path_follows_torchs(bias):
    """Ten steps of Adam end at torch's weights."""
    mine, other = twins("LSTM", 3, 4, 2, bias=bias, dtype=torch.float64)
    x = torch.randn(6, 5, 3, dtype=torch.float64)
    for module in (mine, other):
        optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
        for _ in range(10):
            optimiser.zero_grad()
            (module(x)[0] - 0.3).square().mean().backward()
            optimiser.step()
    check_close(list(mine.parameters()), list(other.parameters()), 1e-9)


def test_missing_bias_is_zero_to_the_engine(monkeypatch):
    seen = []
    scan = stack.scan_stack
    monkeypatch.setattr(stack, "scan_stack", lambda *args, **options: seen.append(args[3]) or scan(*args, **options))
    mine, _ = twins("GRU", 3, 4, 2, bias=False, bidirectional=True)
    mine(torch.randn(6, 5, 3))
    assert [sorted(weights) for weights in seen[0]] == [["bias_hh", "bias_ih", "weight_hh", "weight_ih"]] * 4
    assert not any(weights[bias].any() for weights in seen[0] for bias in ("bias_ih", "bias_hh"))


def test_package_is_reached_from_the_top():
    assert tidegate.nn.LSTM is tidegate.__getattr__("nn").LSTM
    assert issubclass(tidegate.nn.LSTM, nn.LSTM)
    assert tidegate.nn.__all__ == ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
