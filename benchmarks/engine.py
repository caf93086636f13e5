"""The engine beside torch: every ratio of the engine's claims, measured in one run.

    python benchmarks/engine.py --threads 1 2 --grid small

Prints, for LSTM, GRU and RNN, how many times faster than torch.nn's module a scan is over a grid of shapes; what share
of the machine's sgemm rate it reaches; what every other cell costs beside the LSTM and beside a loop in PyTorch; and
what one streaming step takes. A ratio above 1 means that we are faster. Our calls and torch's take turns, and a ratio
is the median over the pairs: what else the machine does then slows both. Another SIMD level is measured with

    export TIDEGATE_SIMD=avx2 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
    python benchmarks/engine.py --grid small
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import time

import torch

from tidegate import Recurrent, cells, engine
from tidegate import nn as ours
from tidegate.engine import simd

GRIDS = {
    "tiny": ([60], [1, 32], [1], [50, 128]),
    "small": ([10, 60], [1, 32, 128], [1, "H"], [16, 50, 128, 256, 512]),
    "full": ([10, 60, 200], [1, 16, 32, 128, 512], [1, 8, "H"], [16, 50, 64, 128, 256, 512, 650]),
}


def median(function, seconds=0.04):
    """Median time of a call."""
    function()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - begin < seconds and len(times) < 500):
        if times and time.perf_counter() - begin > 4:
            break
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(mine, theirs, seconds=0.1):
    """Median times of two calls that take turns, and the median ratio of the second to the first.

    A turn is as many calls as take a millisecond, so that short calls are seen past the switch from one to the other.
    """
    calls = [max(1, min(100, int(1e-3 / warm_time(each)))) for each in (mine, theirs)]
    pairs, begin = [], time.perf_counter()
    while len(pairs) < 7 or (time.perf_counter() - begin < seconds and len(pairs) < 200):
        if len(pairs) >= 2 and time.perf_counter() - begin > 4:
            break
        pairs.append((turn(mine, calls[0]), turn(theirs, calls[1])))
    ours, others = (statistics.median(times) for times in zip(*pairs, strict=True))
    return ours, others, statistics.median(other / our for our, other in pairs)


def warm_time(function):
    """Time of a call after the first."""
    function()
    return turn(function, 1)


def turn(function, calls):
    """Time of a call, over several."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def level():
    """The SIMD level of the engine and torch's own."""
    return f"{simd.level}, torch's {torch.backends.cpu.get_cpu_capability()}"


def mean_ratio(ratios):
    """Geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def inference(layer, x):
    """A call without gradients."""

    def call():
        with torch.no_grad():
            layer(x)

    return call


def training(layer, x, grad):
    """A call forward and backward."""

    def call():
        layer.zero_grad()
        layer(x)[0].backward(grad)

    return call


def sgemm_rate():
    """Multiply-adds a second of torch's own product, in billions."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return 1024**3 / median(lambda: a @ b, 0.3) / 1e9


def compare_with_torch(name, grid):
    """One table: our drop-in module beside torch's at every point of the grid."""
    mine, theirs = getattr(ours, name), getattr(torch.nn, name)
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name]
    peak = sgemm_rate()
    print(f"\n### {name}, {level()}, {torch.get_num_threads()} thread(s), sgemm {2 * peak:.0f} GF/s\n")
    print("| T | B | I | H | inference ms, ours / torch | ratio | of sgemm | training ms, ours / torch | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    ratios = []
    for steps, batch, inputs, units in itertools.product(*GRIDS[grid]):
        inputs = units if inputs == "H" else inputs
        x = torch.randn(batch, steps, inputs)
        grad = torch.randn(batch, steps, units)
        a, b = mine(inputs, units, batch_first=True), theirs(inputs, units, batch_first=True)
        b.load_state_dict(a.state_dict())
        fast, slow, ratio = compare(inference(a, x), inference(b, x))
        fast_training, slow_training, ratio_training = compare(training(a, x, grad), training(b, x, grad))
        ratios.append((ratio, ratio_training))
        share = steps * batch * gates * units * (inputs + units) / fast / 1e9 / peak
        print(
            f"| {steps} | {batch} | {inputs} | {units} | {fast * 1e3:.3f} / {slow * 1e3:.3f} | {ratio:.2f} | "
            f"{share:.0%} | {fast_training * 1e3:.3f} / {slow_training * 1e3:.3f} | {ratio_training:.2f} |",
            flush=True,
        )
    for word, column in (("inference", 0), ("training", 1)):
        values = [ratio[column] for ratio in ratios]
        print(f"\n{name} {word}: geometric mean {mean_ratio(values):.2f}, lowest {min(values):.2f}", flush=True)


def compare_cells():
    """Every cell beside our own LSTM, per multiply-add of its products, and beside the loop that people write."""
    batch, steps, units = 32, 60, 50
    x, grad = torch.randn(batch, steps, units), torch.randn(batch, steps, units)
    base = None
    threads = torch.get_num_threads()
    print(f"\n### Every cell: B {batch}, T {steps}, I {units}, H {units}, {level()}, {threads} thread(s)\n")
    print("| cell | training ms | of our LSTM's, for equal matrix work | a PyTorch loop takes | inference ms | loop |")
    print("|---|---|---|---|---|---|")
    for name in ["lstm", *(each for each in cells.names() if each != "lstm")]:
        layer = Recurrent(name, units, units)
        out = grad[..., : layer.output_size]
        work = sum(layer.get_parameter(f"weight_{part}_l0").numel() for part in ("ih", "hh"))
        took, quiet = median(training(layer.train(), x, out)), median(inference(layer.eval(), x))
        with engine.only("reference"):
            loop, quiet_loop = median(training(layer.train(), x, out)), median(inference(layer.eval(), x))
        base = base or took / work
        print(
            f"| {name} | {took * 1e3:.2f} | {took / work / base:.2f} | {loop / took:.1f} x | {quiet * 1e3:.2f} | "
            f"{quiet_loop / quiet:.1f} x |",
            flush=True,
        )


def compare_streaming():
    """One step of a stream through two layers of 50 units."""
    x, layer = torch.randn(1, 1), Recurrent("lstm", 1, 50, layers=2).eval()
    session = layer.session()
    other = torch.nn.LSTM(1, 50, 2).eval()
    first, second = torch.nn.LSTMCell(1, 50), torch.nn.LSTMCell(50, 50)
    zeros = torch.zeros(1, 50)

    @torch.no_grad()
    def by_cells():
        h, c = first(x, (zeros, zeros))
        second(h, (zeros, c))

    print(f"\n### One streaming step, 2 x 50 units, {level()}\n\n| | microseconds |\n|---|---|")
    for name, function in [
        ("session from Python", lambda: session.step(x)),
        ("of it the engine", lambda: session._session.step(*session._places)),
        ("torch.nn.LSTMCell, twice", by_cells),
        ("torch.nn.LSTM", inference(other, x[None])),
        *onnx_step(other),
    ]:
        print(f"| {name} | {median(function, 0.3) * 1e6:.1f} |", flush=True)


def onnx_step(module):
    """The same step in onnxruntime, where it is installed."""
    try:
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        return []
    nodes, constants = [], []
    for layer in range(2):
        for kind in ("weight_ih", "weight_hh", "bias"):
            parts = [f"{kind}_l{layer}"] if kind != "bias" else [f"bias_ih_l{layer}", f"bias_hh_l{layer}"]
            blocks = [module.state_dict()[part].chunk(4) for part in parts]
            values = torch.cat([torch.cat([block[gate] for gate in (0, 3, 1, 2)]) for block in blocks])
            constants.append(numpy_helper.from_array(values[None].numpy(), f"{kind}{layer}"))
        names = [f"{kind}{layer}" for kind in ("weight_ih", "weight_hh", "bias")]
        nodes.append(helper.make_node("LSTM", [f"x{layer}", *names], [f"y{layer}"], hidden_size=50))
        nodes.append(helper.make_node("Squeeze", [f"y{layer}", "axis"], [f"x{layer + 1}"]))
    import numpy as np

    constants.append(numpy_helper.from_array(np.array([1]), "axis"))
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, size]) for name, size in (("x0", 1), ("x2", 50))
    ]
    graph = helper.make_graph(nodes, "lstm", shapes[:1], shapes[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(model.SerializeToString(), options).run
    x = np.zeros((1, 1, 1), np.float32)
    return [("onnxruntime", lambda: run(None, {"x0": x}))]


def main():
    """Print all tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--grid", choices=GRIDS, default="small")
    parser.add_argument("--modules", nargs="+", default=["LSTM", "GRU", "RNN"])
    arguments = parser.parse_args()
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for name in arguments.modules:
            compare_with_torch(name, arguments.grid)
        compare_cells()
    torch.set_num_threads(1)
    compare_streaming()


if __name__ == "__main__":
    main()
