"""The native engine: every cell equals the reference, on any threads, in any process, for any input."""

import copy
import gc
import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from lacking import need
from tidegate import Recurrent, cells, engine
from tidegate.cells import Cell
from tidegate.engine import compiled, native, simd
from tidegate.equations.functions import sigmoid, tanh

CELLS = cells.names()


class Leaky(Cell):
    gates = ("leak", "candidate")

    @staticmethod
    def step(z, prev, w):
        leak = sigmoid(z.leak)
        return ((1 - leak) * prev.h + leak * tanh(z.candidate),)


def make_layer(cell, inputs, units, dtype, seed=0, **options):
    torch.manual_seed(seed)
    layer = Recurrent(cell, inputs, units, **options).to(dtype)
    for parameter in layer.parameters():
        bound = max(1, parameter.shape[-1]) ** -0.5
        torch.nn.init.uniform_(parameter, -bound, bound)
    return layer


def make_state(layer, batch, dtype):
    rows = layer.layers * (2 if layer.bidirectional else 1)
    state = [torch.rand(rows, batch, size, dtype=dtype) for size in layer.cell.sizes(layer.units)]
    if "phase" in layer.cell.states:
        state[-1] = torch.zeros_like(state[-1])
    return tuple(part.requires_grad_() for part in state)


def run(path, layer, x, state, lengths=None, seed=1):
    """Return outputs, states and the gradients of everything."""
    torch.manual_seed(seed)
    with engine.only(path):
        y, last = layer(x, state, lengths)
        loss = (y * torch.arange(y.numel(), dtype=y.dtype).view(y.shape).sin()).sum() + sum(p.cos().sum() for p in last)
        inputs = [x, *state, *layer.parameters()]
        grads = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return [each.detach() for each in (y, *last, *grads)]


def nudge(layer, x, state):
    """Return copies with every number one rounding error larger or smaller."""
    eps = torch.finfo(x.dtype).eps

    def nudged(tensor):
        return (tensor.detach() * (1 + eps * torch.randn_like(tensor).sign())).requires_grad_()

    layer = copy.deepcopy(layer)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(nudged(parameter))
    return layer, nudged(x), tuple(map(nudged, state))


def distance(left, right):
    return float((left.double() - right.double()).abs().max()) if right.numel() else 0.0


def check_equals_reference(layer, x, state, lengths):
    """Compare with the reference in float64, to the accuracy that the problem has in this dtype.

    An engine whose every operation is rounded well gives the exact result for numbers that lie a rounding error away.
    How far such a result may be from the exact one depends on the problem: a normalisation over three units that are
    nearly alike magnifies it a thousand times. So it is measured: by the reference itself, in this dtype and from
    numbers moved by one rounding error, in four random directions. Sixty-four times the largest distance leaves room
    for other orders of summation and for functions that are exact to some units of the last place; of thousands of
    random cases the worst took twenty-seven. A lost term or a wrong gate order is off by a million times as much.
    """
    mine = run("native", layer, x, state, lengths)
    exact = run("reference", copy.deepcopy(layer).double(), *as_double(x, state), lengths)
    near = [run("reference", *nudge(layer, x, state), lengths) for _ in range(4)]
    for found, right, *others in zip(mine, exact, *near, strict=True):
        scale = max(1.0, float(right.abs().max())) if right.numel() else 1.0
        spread = max(distance(other, right) for other in others)
        assert distance(found, right) <= 64 * (spread + torch.finfo(x.dtype).eps * scale)


def as_double(x, state):
    return x.detach().double().requires_grad_(), tuple(part.detach().double().requires_grad_() for part in state)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", [*CELLS, Leaky])
@given(data=st.data())
@settings(max_examples=12)
def test_native_equals_reference(name, dtype, data):
    need(name is not Leaky or compiled.find_compiler(), "a C++ compiler")
    batch, time = data.draw(st.integers(1, 9), "batch"), data.draw(st.integers(1, 7), "time")
    inputs, units = data.draw(st.integers(1, 20), "inputs"), data.draw(st.sampled_from([1, 3, 16, 17, 33, 50]), "units")
    bidirectional, ragged = data.draw(st.booleans(), "bidirectional"), data.draw(st.booleans(), "ragged")
    options = {"layers": data.draw(st.integers(1, 2)), "bidirectional": bidirectional}
    if data.draw(st.booleans(), "variational"):
        options |= {"variational": True, "dropout": 0.4}
    layer = make_layer(name, inputs, units, dtype, **options)
    x = torch.randn(batch, time, inputs, dtype=dtype, requires_grad=True)
    lengths = (
        torch.tensor(data.draw(st.lists(st.integers(0, time), min_size=batch, max_size=batch))) if ragged else None
    )
    state = make_state(layer, batch, dtype)
    check_equals_reference(layer, x, state, lengths)


@pytest.mark.parametrize("options", [{}, {"variational": True, "dropout": 0.4}], ids=["plain", "variational"])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_right(name, options):
    layer = make_layer(name, 2, 3, torch.float64, bidirectional=True, **options)
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    state = make_state(layer, 2, torch.float64)
    if name == "clockwork":  # the phase counts; it has no slope
        state = (state[0], state[1].detach())
    names = [own for own, _ in layer.named_parameters()]

    def function(x, *rest):
        torch.manual_seed(1)
        parameters = dict(zip(names, rest[len(state) :], strict=True))
        y, last = torch.func.functional_call(layer, parameters, (x, rest[: len(state)], torch.tensor([3, 2])))
        return (y, *last)

    with engine.only("native"):
        assert gradcheck(function, (x, *state, *layer.parameters()))


def test_second_derivatives_are_right():
    layer = make_layer("lstm", 2, 3, torch.float64)
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    with engine.only("native"):
        assert gradgradcheck(lambda x: layer(x)[0], (x,))


@pytest.mark.parametrize("shape", [(1, 40, 30, 300), (64, 6, 3, 40), (7, 5, 200, 130), (33, 4, 1, 260)])
@pytest.mark.parametrize("name", ["lstm", "gru", "layernorm", "sparse", "zoneout"])
def test_any_number_of_threads_gives_the_same_bits(name, shape):
    batch, time, inputs, units = shape
    layer = make_layer(name, inputs, units, torch.float32)
    x = torch.randn(batch, time, inputs, requires_grad=True)
    state = make_state(layer, batch, torch.float32)
    lengths = torch.randint(0, time + 1, (batch,))
    before = torch.get_num_threads()
    try:
        for each in (None, lengths):
            results = []
            for threads in (1, 2, 3, 4):
                torch.set_num_threads(threads)
                results.append(run("native", layer, x, state, each))
            for other in results[1:]:
                assert all(torch.equal(left, right) for left, right in zip(results[0], other, strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", CELLS)
def test_a_row_does_not_see_its_neighbours(name):
    layer = make_layer(name, 3, 20, torch.float32).eval()
    x = torch.randn(13, 6, 3)
    whole, _ = layer(x)
    for rows in ([0], [12, 3], [5, 4, 3, 2, 1]):
        part, _ = layer(x[rows])
        assert torch.equal(part, whole[rows])


@pytest.mark.parametrize("level", simd.levels())
def test_every_simd_level_equals_the_reference(level):
    code = (
        "import torch; from tidegate import Recurrent, cells, engine; from tidegate.engine import simd\n"
        f"assert simd.level == {level!r}\n"
        "for name in cells.names():\n"
        "  for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-4)):\n"
        "    torch.manual_seed(0)\n"
        "    layer = Recurrent(name, 3, 21, layers=2, bidirectional=True).to(dtype).eval()\n"
        "    x = torch.randn(7, 5, 3, dtype=dtype, requires_grad=True)\n"
        "    found = []\n"
        "    for path in ('native', 'reference'):\n"
        "      with engine.only(path):\n"
        "        y, _ = layer(x, lengths=torch.tensor([5, 1, 0, 3, 5, 2, 4]))\n"
        "        grads = torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()], materialize_grads=True)\n"
        "        found.append([y, *grads])\n"
        "    for left, right in zip(*found):\n"
        "      size = max(1.0, float(right.detach().abs().max())) if right.numel() else 1.0\n"
        "      torch.testing.assert_close(left, right, rtol=tolerance, atol=tolerance * size)\n"
    )
    environment = {**os.environ, "TIDEGATE_SIMD": level, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_an_unknown_simd_level_is_refused_with_a_sentence():
    environment = {**os.environ, "TIDEGATE_SIMD": "avx9000"}
    result = subprocess.run(
        [sys.executable, "-c", "import tidegate.engine.simd"], env=environment, capture_output=True, text=True
    )
    assert "TIDEGATE_SIMD must be one of" in result.stderr


@pytest.mark.parametrize("function", [torch.exp, torch.sigmoid, torch.tanh])
@pytest.mark.parametrize("level", simd.levels())
def test_functions_are_exact_to_some_units_of_the_last_place(level, function):
    bits = np.concatenate([np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32), [0x7F800000, 0xFF800000]])
    x = torch.from_numpy(bits.astype(np.uint32).view(np.float32))
    y = torch.empty_like(x)
    number = [torch.exp, torch.sigmoid, torch.tanh].index(function)
    simd.extension.apply(level, number, x.data_ptr(), y.data_ptr(), len(x))
    exact = function(x.double())
    assert torch.equal(y.isnan(), x.isnan())
    smallest = 1.2e-38  # the smallest normal numbers, 2^-126 and a little more, may become 0
    normal = ~x.isnan() & (exact.abs() >= smallest) & (exact.abs() < 2.0**128)
    unit = 2.0 ** (torch.floor(torch.log2(exact.abs()[normal])) - 23)
    assert float(((y.double()[normal] - exact[normal]).abs() / unit).max()) < (6 if function is torch.sigmoid else 3)
    assert torch.equal(y[exact >= 2.0**128].isinf(), torch.ones_like(y[exact >= 2.0**128], dtype=torch.bool))
    assert float(y[~x.isnan() & (exact.abs() < smallest)].abs().max()) <= smallest


@pytest.mark.parametrize("level", simd.levels())
def test_logarithm_is_exact_to_a_unit_of_the_last_place(level):
    bits = np.concatenate([np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32), [0x7F800000, 0xFF800000]])
    x = torch.from_numpy(bits.astype(np.uint32).view(np.float32))
    y = torch.empty_like(x)
    simd.extension.apply(level, 3, x.data_ptr(), y.data_ptr(), len(x))
    x = torch.where((x > 0) & (x < 2.0**-126), 0.0, x)  # as the engine takes them
    exact = x.double().log()
    inside = exact.isfinite()
    assert torch.equal(y[~inside].double().nan_to_num(7.0), exact[~inside].nan_to_num(7.0))
    unit = 2.0 ** (torch.floor(torch.log2(exact[inside].abs().clamp(min=2.0**-126))) - 23)
    assert float(((y.double()[inside] - exact[inside]).abs() / unit).max()) < 1


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_spread_as_in_torch(name, bad):
    layer = make_layer(name, 3, 18, torch.float32)
    other = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[name](3, 18, batch_first=True)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(5, 6, 3)
    x[2, 3, 1] = bad
    mine, theirs = layer(x)[0], other(x)[0]
    assert torch.equal(mine.isnan(), theirs.isnan())
    torch.testing.assert_close(mine, theirs, equal_nan=True, rtol=1e-5, atol=1e-5)


def test_weights_changed_in_any_way_are_seen_at_once():
    layer = make_layer("lstm", 3, 20, torch.float32)
    x = torch.randn(4, 5, 3)

    def check():
        with torch.no_grad(), engine.only("native"):
            mine = layer(x)[0]
        with torch.no_grad(), engine.only("reference"):
            torch.testing.assert_close(mine, layer(x)[0], rtol=1e-5, atol=1e-5)

    check()
    layer.weight_hh_l0.data.mul_(-1)
    check()
    with torch.no_grad():
        layer.weight_ih_l0[3] = 7
    check()
    layer.load_state_dict(make_layer("lstm", 3, 20, torch.float32, seed=9).state_dict())
    check()
    layer.double().float()
    check()
    copy.deepcopy(layer).bias_ih_l0.data.fill_(9)
    check()


def test_backward_twice_gives_the_same_gradients():
    layer = make_layer("gru", 3, 20, torch.float32)
    x = torch.randn(4, 5, 3, requires_grad=True)
    with engine.only("native"):
        loss = layer(x)[0].sin().sum()
    first = torch.autograd.grad(loss, [x, *layer.parameters()], retain_graph=True)
    second = torch.autograd.grad(loss, [x, *layer.parameters()])
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))


def test_a_weight_changed_between_forward_and_backward_is_refused():
    layer = make_layer("lstm", 3, 20, torch.float32)
    loss = layer(torch.randn(4, 5, 3))[0].sum()
    with torch.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_frozen_weights_get_no_gradient():
    layer = make_layer("lstm", 3, 20, torch.float32)
    layer.weight_hh_l0.requires_grad_(False)
    layer(torch.randn(4, 5, 3))[0].sum().backward()
    assert layer.weight_hh_l0.grad is None
    assert layer.weight_ih_l0.grad is not None


@pytest.mark.parametrize("change", [lambda x: x[:, ::2], lambda x: x[..., ::2], lambda x: x.flip(0), lambda x: x.mT])
def test_any_strides_give_the_same(change):
    x = change(torch.randn(6, 6, 6))
    layer = make_layer("lstm", x.shape[2], 20, torch.float32)
    assert torch.equal(layer(x)[0], layer(x.contiguous())[0])
    assert torch.equal(layer(x[:1].expand(4, -1, -1))[0][3], layer(x[:1])[0][0])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers_compute_the_same():
    layer, x = make_layer("lstm", 3, 64, torch.float32), torch.randn(64, 30, 3)
    torch.set_num_threads(2)
    queue = multiprocessing.get_context("fork").SimpleQueue()

    @torch.no_grad()
    def work():
        queue.put(hashlib.sha256(layer(x)[0].numpy().tobytes()).digest())

    work()
    expected = queue.get()
    workers = [multiprocessing.get_context("fork").Process(target=work) for _ in range(2)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0, "the engine hangs in a forked process"
            assert queue.get() == expected
    finally:
        for worker in workers:
            worker.kill()
        torch.set_num_threads(1)


def test_threads_at_once_compute_the_same():
    layer = make_layer("lstm", 3, 64, torch.float32)
    inputs = [torch.randn(40, 20, 3) for _ in range(8)]
    expected = [run("native", layer, x.requires_grad_(), make_state(layer, 40, torch.float32)) for x in inputs[:1]]
    results: list = [None] * len(inputs)

    def work(row):
        results[row] = layer(inputs[row])[0].detach()

    torch.set_num_threads(2)
    threads = [threading.Thread(target=work, args=(row,)) for row in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    torch.set_num_threads(1)
    assert len(expected) == 1
    for x, result in zip(inputs, results, strict=True):
        assert torch.equal(result, layer(x)[0])


def test_memory_does_not_grow():
    import resource

    layer = make_layer("lstm", 8, 64, torch.float32)
    x = torch.randn(16, 20, 8)

    def steps(count):
        for _ in range(count):
            layer(x)[0].sum().backward()
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = steps(50)
    assert steps(300) - before < 4_000  # KiB; one step's saved activations alone has 600


def test_a_users_own_cell_is_compiled_once_and_by_many_processes_at_once(tmp_path):
    need(compiled.find_compiler(), "a C++ compiler")
    code = (
        "import torch; from tidegate import Recurrent, engine; from tidegate.cells import Cell\n"
        "from tidegate.equations.functions import tanh\n"
        "class Mine(Cell):\n"
        "  gates = ('a',)\n"
        "  @staticmethod\n"
        "  def step(z, prev, w): return (tanh(z.a) * 0.25 + prev.h / 2,)\n"
        "torch.manual_seed(0); layer = Recurrent(Mine, 2, 5); x = torch.ones(1, 3, 2)\n"
        "with engine.only('native'): a = layer(x)[0]\n"
        "with engine.only('reference'): torch.testing.assert_close(a, layer(x)[0])\n"
    )
    environment = {**os.environ, "TIDEGATE_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", code], env=environment) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [path.suffix for path in (tmp_path / "cells").iterdir()] == [".so"]


def test_without_a_compiler_a_users_own_cell_runs_on_the_reference(monkeypatch, tmp_path):
    class Lonely(Leaky):
        pass

    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(native, "_kernels", {})
    layer = Recurrent(Lonely, 2, 3)
    with pytest.warns(UserWarning, match="cell lonely runs on the plain loop") as caught:
        y, _ = layer(torch.ones(1, 4, 2))
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(layer(torch.ones(1, 4, 2))[0], y)  # the notice comes once
    with engine.only("reference"):
        assert torch.equal(layer(torch.ones(1, 4, 2))[0], y)


@pytest.mark.parametrize("home", ["a file", "/proc/no-home", None])
def test_a_users_own_cell_is_compiled_where_nothing_can_be_kept(home, monkeypatch, tmp_path):
    (tmp_path / "a file").touch()
    for name in ("TIDEGATE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home is None:  # a user who is in no list: expanduser finds nothing
        monkeypatch.setattr(Path, "expanduser", lambda path: (_ for _ in ()).throw(RuntimeError("no home directory")))
    else:
        monkeypatch.setenv("HOME", str(tmp_path / home))
    compiled._own_folder.cache_clear()
    with pytest.warns(UserWarning, match=r"cannot be kept \(.+\); set TIDEGATE_CACHE") as caught:
        path = compiled._place("roaming.so")
    assert len(caught) == 1
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert compiled._own_folder() == path.parent


def test_a_compiled_cell_is_used_from_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "there.so").touch()
    monkeypatch.setattr(compiled.tempfile, "TemporaryFile", None)  # whoever tries to write fails
    assert compiled._place("there.so") == tmp_path / "cells" / "there.so"


def test_a_damaged_compiled_cell_is_not_trusted(monkeypatch, tmp_path):
    need(compiled.find_compiler(), "a C++ compiler")

    class Broken(Leaky):
        pass

    monkeypatch.setenv("TIDEGATE_CACHE", str(tmp_path))
    path = compiled._library(simd.extension.headers(), simd.extension.flags(simd.level), Broken)
    path.write_bytes(b"not a library")
    monkeypatch.setattr(native, "_kernels", {})
    with pytest.warns(UserWarning, match="plain loop"):
        Recurrent(Broken, 2, 3)(torch.ones(1, 4, 2))
