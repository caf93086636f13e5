"""Whoever looks at torch's operations, to compile, export, count or differentiate them, sees torch's own."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.utils.flop_counter import FlopCounterMode
from twins import MODES, Counter, check_close, make_hx, parts_of, twins

from lacking import need
from tidegate.layers import stack
from tidegate.nn import running

EXPORT_WARNING = "ignore:The tensor attributes .* were assigned during export"
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")  # torch's own modules use it too
OPERATIONS = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_tanh"}
BACKENDS = ["eager", "aot_eager", "inductor"]


class Network(nn.Module):
    """Something before and something after, as in real networks."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(layer.hidden_size, 2, dtype=layer.weight_ih_l0.dtype)

    def forward(self, x):
        return self.head(torch.sin(self.layer(2 * x)[0]))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODES)
def test_compiled_network_equals_the_eager_one(name, backend, monkeypatch):
    need(backend != "inductor" or shutil.which("g++"), "g++")
    torch.compiler.reset()
    mine, _ = twins(name, 3, 4, 2)
    network, x = Network(mine), torch.randn(6, 5, 3)
    expected = network(x)
    slopes = torch.autograd.grad(expected.sum(), list(network.parameters()))
    counter = Counter(monkeypatch)
    compiled = torch.compile(network, backend=backend)
    y = compiled(x)
    check_close([y], [expected], 1e-6)
    check_close(torch.autograd.grad(y.sum(), list(network.parameters())), slopes, 1e-5)
    assert counter.calls == 1  # torch.compile leaves recurrent modules to eager mode, which is the engine
    compiled(torch.randn(7, 2, 3))
    assert counter.calls == 2


def test_compiler_traces_nothing_of_the_engine(monkeypatch):
    torch.compiler.reset()
    mine, _ = twins("LSTM", 3, 4)
    compiling, scan = [], stack.scan_stack

    def look(*args, **options):
        compiling.append(torch.compiler.is_compiling())
        return scan(*args, **options)

    monkeypatch.setattr(stack, "scan_stack", look)
    torch.compile(Network(mine), backend="eager")(torch.randn(6, 5, 3))
    assert compiling == [False]


@torch._dynamo.config.patch(allow_rnn=True)
def test_compiler_that_takes_recurrent_modules_gets_torchs(monkeypatch):
    torch.compiler.reset()
    counter, (mine, other) = Counter(monkeypatch), twins("GRU", 3, 4)
    x = torch.randn(6, 5, 3)
    y, _ = torch.compile(mine, backend="eager", fullgraph=True)(x)
    assert counter.calls == 0
    check_close([y], [other(x)[0]], 1e-6)


@pytest.mark.filterwarnings(EXPORT_WARNING)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", MODES)
def test_exported_network_is_made_of_torchs_operations(name, strict, monkeypatch):
    counter, (mine, _) = Counter(monkeypatch), twins(name, 3, 4, 2)
    network, x = Network(mine), torch.randn(6, 5, 3)
    with torch.no_grad():
        exported = torch.export.export(network, (x,), strict=strict)
    assert counter.calls == 0
    called = [str(node.target) for node in exported.graph.nodes if node.op == "call_function"]
    assert f"aten.{OPERATIONS[name]}.input" in called
    check_close([exported.module()(x)], [network(x)], 1e-6)
    # Torch renames nothing: an exported program's weights are the module's.
    assert set(exported.state_dict) == set(network.state_dict())


@pytest.mark.parametrize("name", MODES)
def test_scripted_network_shares_the_weights(name):
    mine, _ = twins(name, 3, 4, 2)
    network, x = Network(mine), torch.randn(6, 5, 3)
    scripted = torch.jit.script(network)
    check_close([scripted(x)], [network(x)], 1e-6)
    with torch.no_grad():
        mine.weight_hh_l0.zero_()
    check_close([scripted(x)], [network(x)], 1e-6)
    assert type(mine).__module__.startswith("tidegate")


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", MODES)
def test_traced_network_works_for_other_lengths(name, monkeypatch):
    counter, network = Counter(monkeypatch), Network(twins(name, 3, 4, 2)[0]).eval()
    x = torch.randn(6, 5, 3)
    traced = torch.jit.trace(network, (x,), check_trace=False)  # the check would ask the engine too
    assert counter.calls == 0
    assert f"aten::{OPERATIONS[name]}(" in str(traced.inlined_graph)
    check_close([traced(x[:3])], [network(x[:3])], 1e-6)


@pytest.mark.parametrize("name", MODES)
def test_counted_operations_are_torchs(name):
    counts = []
    for module in twins(name, 3, 4, dtype=torch.float64):
        with FlopCounterMode(display=False) as counter:
            module(torch.randn(6, 5, 3, dtype=torch.float64))
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("name", MODES)
def test_fake_tensors_stay_fake(name, monkeypatch):
    counter = Counter(monkeypatch)
    with FakeTensorMode():
        mine = twins(name, 3, 4, batch_first=True)[0]
        y, state = mine(torch.empty(5, 6, 3))
    assert y.shape == (5, 6, 4)
    assert type(y).__name__ == type(parts_of(state)[0]).__name__ == "FakeTensor"
    assert counter.calls == 0


BFLOAT16 = 2.0**-8  # its rounding; a few of them over a few steps
AUTOCAST = """
import torch, tidegate.nn
lstm, x = tidegate.nn.LSTM(3, 4), torch.randn(6, 5, 3)
with torch.autocast("cpu", dtype=torch.bfloat16):
    y, (h, c) = lstm(x)
y.float().sum().backward()
print(y.dtype, h.dtype, c.dtype)
"""


@pytest.mark.parametrize("name", MODES)
def test_autocast_gives_torchs_numbers_in_its_type(name):
    mine, other = twins(name, 3, 4)
    x = torch.randn(6, 5, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = mine(x)[0]
        dtype = torch.bfloat16 if name == "LSTM" else other(x)[0].dtype  # torch's LSTM fails on some processors
    assert y.dtype == dtype
    check_close([y.float()], [other(x)[0]], 4 * BFLOAT16)  # in float32, which torch has everywhere


def test_autocast_works_on_a_processor_without_bfloat16():
    old = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", AUTOCAST]
    run = subprocess.run(command, env={**os.environ, **old}, capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["torch.bfloat16"] * 3, run.stderr


@pytest.mark.parametrize("given", [None, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_without_a_kernel_rounds_the_engines_results(dtype, given, monkeypatch):
    monkeypatch.setattr(running, "has_kernel", lambda *_: False)
    counter, (mine, other) = Counter(monkeypatch), twins("LSTM", 3, 4, 2, bidirectional=True)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    start = None if given is None else tuple(part.to(given) for part in hx)
    with torch.autocast("cpu", dtype=dtype):
        y, state = mine(x, start)
    expected, expected_state = other(x, start and tuple(part.float() for part in start))
    assert counter.calls == 1
    assert {part.dtype for part in parts_of(y, state)} == {dtype}
    check_close([part.float() for part in parts_of(y, state)], parts_of(expected, expected_state), BFLOAT16)
    slopes = [
        torch.autograd.grad(out.float().sum(), list(module.parameters()))
        for out, module in ((y, mine), (expected, other))
    ]
    check_close(*slopes, BFLOAT16)


def test_autocast_without_a_kernel_leaves_to_torch_what_torch_can(monkeypatch):
    monkeypatch.setattr(running, "has_kernel", lambda *_: False)
    counter, x = Counter(monkeypatch), torch.randn(6, 5, 3)
    packed = nn.utils.rnn.pack_padded_sequence(x, [6, 5, 4, 3, 2])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for input in (packed, x[:, :0], x.bfloat16()):
            mine, other = twins("LSTM", 3, 4)
            for ours, torchs in zip(parts_of(*mine(input)), parts_of(*other(input)), strict=True):
                assert ours.dtype == torchs.dtype
                assert torch.equal(ours, torchs)
    assert counter.calls == 0


def test_looking_for_a_kernel_draws_no_numbers_and_is_not_seen():
    running.has_kernel.cache_clear()
    before = torch.get_rng_state()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter, torch.device("meta"):
        found = running.has_kernel(torch.bfloat16, True)
    assert counter.get_total_flops() == 0
    assert torch.equal(before, torch.get_rng_state())
    running.has_kernel.cache_clear()
    assert running.has_kernel(torch.bfloat16, True) is found
    assert running.has_kernel(torch.bfloat16, False)


@pytest.mark.parametrize("name", MODES)
def test_functional_derivatives_are_torchs(name, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4, dtype=torch.float64)
    x, way = torch.randn(2, 6, 5, 3, dtype=torch.float64)
    results = []
    for module in (mine, other):
        slope = torch.func.grad(lambda x, module=module: module(x)[0].square().sum())(x)
        results.append([slope, *torch.func.jvp(lambda x, module=module: module(x)[0], (x,), (way,))])
        with forward_ad.dual_level():
            y, _ = module(forward_ad.make_dual(x, way))
            results[-1].append(forward_ad.unpack_dual(y).tangent)
    check_close(*results, 1e-12)
    assert counter.calls == 0
    assert results[0][-1].any()


@pytest.mark.parametrize("name", MODES)
def test_afterwards_the_engine_computes_again(name, monkeypatch):
    counter, (mine, _) = Counter(monkeypatch), twins(name, 3, 4)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    with torch.autocast("cpu"):
        mine(x, hx)
    with forward_ad.dual_level():
        assert counter.of(mine, x, hx) == 0
    with FlopCounterMode(display=False):
        assert counter.of(mine, x, hx) == 0
    assert counter.of(mine, x, hx) == 1
