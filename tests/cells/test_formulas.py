"""Each built-in cell against its paper's formula, written once more as a plain NumPy loop over time."""

import numpy as np
import pytest
import torch

from tidegate import Recurrent, cells, engine
from tidegate.engine import noise, simd

UNITS, INPUTS, TIME = 8, 3, 9
PATHS = ["reference", *(["native"] if simd.levels() else [])]


def sigma(v):
    return 1 / (1 + np.exp(-v))


class Weights:
    """A layer's weights by gate, as papers name them."""

    def __init__(self, layer):
        cell = layer.cell
        arrays = {name: value.detach().numpy() for name, value in layer.named_parameters()}
        recurrent = [gate for gate in cell.gates if gate not in cell.input_only]
        self.W = dict(zip(cell.gates, np.split(arrays["weight_ih_l0"], len(cell.gates)), strict=True))
        self.b = dict(zip(cell.gates, np.split(arrays["bias_ih_l0"], len(cell.gates)), strict=True))
        blocks = len(recurrent) or 1
        self.U = dict(zip(recurrent, np.split(arrays["weight_hh_l0"], blocks), strict=False))
        self.b_h = dict(zip(recurrent, np.split(arrays["bias_hh_l0"], blocks), strict=False))
        self.v = {name.removesuffix("_l0"): value for name, value in arrays.items()}

    def pre(self, x, h, **gates):
        """Return W x + U h + b of every gate."""
        return {gate: self.W[gate] @ x + self.b[gate] + (self.U[gate] @ h + self.b_h[gate]) for gate in self.U}


def elman_1990(w, xs):
    h = np.zeros(UNITS)
    for x in xs:
        h = np.tanh(w.pre(x, h)["hidden"])
        yield h


def lstm_step(z, c):
    c = sigma(z["forget"]) * c + sigma(z["input"]) * np.tanh(z["candidate"])
    return sigma(z["output"]) * np.tanh(c), c


def gers_2000(w, xs):
    h = c = np.zeros(UNITS)
    for x in xs:
        h, c = lstm_step(w.pre(x, h), c)
        yield h


def cho_2014(w, xs):
    h = np.zeros(UNITS)
    for x in xs:
        z = w.pre(x, h)
        r, u = sigma(z["reset"]), sigma(z["update"])
        inside = w.W["candidate"] @ x + w.b["candidate"] + r * (w.U["candidate"] @ h + w.b_h["candidate"])
        h = u * h + (1 - u) * np.tanh(inside)
        yield h


def gers_peephole_2000(w, xs):
    h = c = np.zeros(UNITS)
    for x in xs:
        z = w.pre(x, h)
        i = sigma(z["input"] + w.v["p_input"] * c)
        f = sigma(z["forget"] + w.v["p_forget"] * c)
        c = f * c + i * np.tanh(z["candidate"])
        h = sigma(z["output"] + w.v["p_output"] * c) * np.tanh(c)
        yield h


def greff_2015(w, xs):
    h = c = np.zeros(UNITS)
    for x in xs:
        z = w.pre(x, h)
        f = sigma(z["forget"])
        c = f * c + (1 - f) * np.tanh(z["candidate"])
        h = sigma(z["output"]) * np.tanh(c)
        yield h


def koutnik_2014(w, xs):
    periods = np.repeat([1, 2, 4, 8], UNITS // 4)
    h = np.zeros(UNITS)
    U = np.where(periods[None, :] >= periods[:, None], w.U["hidden"], 0)
    for t, x in enumerate(xs):
        new = np.tanh(w.W["hidden"] @ x + w.b["hidden"] + U @ h + w.b_h["hidden"])
        h = np.where(t % periods == 0, new, h)
        yield h


def ba_2016(w, xs):
    def normal(v):
        return (v - v.mean()) / np.sqrt(v.var() + 1e-5)

    gates = ["input", "forget", "candidate", "output"]
    h = c = np.zeros(UNITS)
    for x in xs:
        part_x = normal(np.concatenate([w.W[gate] @ x + w.b[gate] for gate in gates]))
        part_h = normal(np.concatenate([w.U[gate] @ h + w.b_h[gate] for gate in gates]))
        gain_x, gain_h, shift = (
            np.concatenate([w.v[f"{kind}_{gate}"] for gate in gates]) for kind in ["x", "h", "shift"]
        )
        i, f, g, o = np.split(gain_x * part_x + gain_h * part_h + shift, 4)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(w.v["gain"] * normal(c) + w.v["shift"])
        yield h


def krueger_2017(w, xs):
    h = c = np.zeros(UNITS)
    for x in xs:
        new_h, new_c = lstm_step(w.pre(x, h), c)
        h, c = 0.05 * h + 0.95 * new_h, 0.5 * c + 0.5 * new_c
        yield h


def beck_2024(w, xs):
    h = c = n = np.zeros(UNITS)
    m = np.zeros(UNITS)
    for gate in w.U:  # four heads: block-diagonal
        w.U[gate] = w.U[gate] * np.kron(np.eye(4), np.ones((UNITS // 4, UNITS // 4)))
    for x in xs:
        z = w.pre(x, h)
        log_f = np.log(sigma(z["forget"]))
        new_m = np.maximum(log_f + m, z["input"])
        i, f = np.exp(z["input"] - new_m), np.exp(log_f + m - new_m)
        c, n, m = f * c + i * np.tanh(z["candidate"]), f * n + i, new_m
        h = sigma(z["output"]) * c / n
        yield h


def feng_gru_2024(w, xs):
    h = np.zeros(UNITS)
    for x in xs:
        z = {gate: w.W[gate] @ x + w.b[gate] for gate in w.W}
        u = sigma(z["update"])
        h = (1 - u) * h + u * z["candidate"]
        yield h


def feng_lstm_2024(w, xs):
    h = np.zeros(UNITS)
    for x in xs:
        z = {gate: w.W[gate] @ x + w.b[gate] for gate in w.W}
        f, i = sigma(z["forget"]), sigma(z["input"])
        h = f / (f + i) * h + i / (f + i) * z["candidate"]
        yield h


def sak_2014(w, xs):
    h, c = np.zeros(UNITS // 2), np.zeros(UNITS)
    for x in xs:
        m, c = lstm_step(w.pre(x, h), c)
        h = w.v["weight_hr"] @ m
        yield h


FORMULAS = {
    "rnn": elman_1990,
    "lstm": gers_2000,
    "gru": cho_2014,
    "peephole": gers_peephole_2000,
    "coupled": greff_2015,
    "clockwork": koutnik_2014,
    "layernorm": ba_2016,
    "zoneout": krueger_2017,
    "slstm": beck_2024,
    "mingru": feng_gru_2024,
    "minlstm": feng_lstm_2024,
    "projected": sak_2014,
    # One layer, and fewer units than a block: plain LSTMs.
    "depthgated": gers_2000,
    "sparse": gers_2000,
}


def make_layer(name, inputs=INPUTS, units=UNITS, **options):
    torch.manual_seed(0)
    layer = Recurrent(name, inputs, units, **options).double().eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return layer


def run(path, layer, x, **options):
    if layer.cell.projection != 1:
        path = "reference"
    with engine.only(path), torch.no_grad():
        return layer(x, **options)[0]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", cells.names())
def test_cell_computes_its_papers_formula(name, path):
    layer = make_layer(name)
    xs = np.random.default_rng(0).normal(size=(TIME, INPUTS))
    expected = np.stack(list(FORMULAS[name](Weights(layer), xs)))
    y = run(path, layer, torch.tensor(xs)[None])[0]
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_depth_gate_adds_the_memory_below(path):
    """Yao et al. 2015, equations 5 to 10: two layers."""
    layer = make_layer("depthgated", layers=2)
    w = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    xs = np.random.default_rng(0).normal(size=(TIME, INPUTS))
    h, c = np.zeros((2, UNITS)), np.zeros((2, UNITS))
    y = run(path, layer, torch.tensor(xs)[None])[0].numpy()
    for t in range(TIME):
        below, x = np.zeros(UNITS), xs[t]
        for k in range(2):
            zx = np.split(w[f"weight_ih_l{k}"] @ x + w[f"bias_ih_l{k}"], 5)
            zh = np.split(w[f"weight_hh_l{k}"] @ h[k] + w[f"bias_hh_l{k}"], 4)
            i, f, g, o = (a + b for a, b in zip(zx, zh, strict=False))
            d = sigma(zx[4] + w[f"p_memory_l{k}"] * c[k] + w[f"p_lower_l{k}"] * below)
            c[k] = d * below + sigma(f) * c[k] + sigma(i) * np.tanh(g)
            h[k] = sigma(o) * np.tanh(c[k])
            below, x = c[k], h[k]
        np.testing.assert_allclose(y[t], h[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_context_enters_every_gate_of_every_layer(path):
    """Ghosh et al. 2016, section 3: each gate has a matrix of its own for the context."""
    layer = make_layer("contextual", layers=2, context_size=2)
    plain = make_layer("lstm", layers=2)
    context = torch.randn(1, 2, dtype=torch.float64)
    with torch.no_grad():
        for k, inputs in ((0, INPUTS), (1, UNITS)):
            own = dict(layer.named_parameters())
            for name, value in plain.named_parameters():
                if name.endswith(str(k)):
                    value.copy_(own[name][:, :inputs] if name.startswith("weight_ih") else own[name])
            shift = own[f"weight_ih_l{k}"][:, inputs:] @ context[0]
            dict(plain.named_parameters())[f"bias_ih_l{k}"].add_(shift)
    x = torch.randn(1, TIME, INPUTS, dtype=torch.float64)
    torch.testing.assert_close(run(path, layer, x, context=context), run(path, plain, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_variational_dropout_keeps_its_masks_for_a_whole_sequence(path):
    """Gal and Ghahramani 2016, equation 7: z = W (x * m_x) + U (h * m_h)."""
    layer = make_layer("variational", dropout=0.5).train()
    x = torch.randn(2, TIME, INPUTS, dtype=torch.float64)
    torch.manual_seed(3)
    y = run(path, layer, x)
    torch.manual_seed(3)
    mask_x = noise.dropout(torch.ones(2, 1, INPUTS, dtype=torch.float64), 0.5)[:, 0].numpy()
    mask_h = noise.dropout(torch.ones(2, UNITS, dtype=torch.float64), 0.5).numpy()
    assert {0.0, 2.0} == set(np.unique(mask_h))
    w = Weights(layer)
    for row in range(2):
        h = c = np.zeros(UNITS)
        for t in range(TIME):
            h, c = lstm_step(w.pre(x[row, t].numpy() * mask_x[row], h * mask_h[row]), c)
            np.testing.assert_allclose(y[row, t].numpy(), h, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_sparse_is_an_lstm_with_whole_blocks_left_out(path):
    layer, plain = make_layer("sparse", units=80), make_layer("lstm", units=80)
    mask = torch.tensor(layer.cell.mask(80), dtype=torch.float64)
    blocks = mask.view(5, 16, 5, 16).mean((1, 3))
    assert set(blocks.flatten().tolist()) == {0.0, 1.0}
    assert blocks.diagonal().all()
    assert blocks.sum() == round(0.25 * 25)
    with torch.no_grad():
        for (_, value), own in zip(plain.named_parameters(), layer.parameters(), strict=True):
            value.copy_(own)
        plain.weight_hh_l0.mul_(mask.repeat(4, 1))
    x = torch.randn(3, TIME, INPUTS, dtype=torch.float64)
    torch.testing.assert_close(run(path, layer, x), run(path, plain, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("path", PATHS)
def test_zoneout_in_training_keeps_or_replaces_every_state(path):
    """Krueger et al. 2017, equation 4: where the mask is 1, a unit's memory is exactly the one before."""
    layer = make_layer("zoneout").train()
    x = torch.randn(1, 1, INPUTS, dtype=torch.float64)
    state = tuple(torch.randn(1, 1, UNITS, dtype=torch.float64) for _ in range(2))
    w, kept = Weights(layer), 0
    new_h, new_c = lstm_step(w.pre(x[0, 0].numpy(), state[0][0, 0].numpy()), state[1][0, 0].numpy())
    for _ in range(30):
        with engine.only(path), torch.no_grad():
            _, (h, c) = layer(x, state)
        old = np.isclose(c[0, 0].numpy(), state[1][0, 0].numpy(), rtol=1e-12, atol=0)
        np.testing.assert_allclose(c[0, 0].numpy()[~old], new_c[~old], rtol=1e-10)
        changed = ~np.isclose(h[0, 0].numpy(), state[0][0, 0].numpy(), rtol=1e-12, atol=0)
        np.testing.assert_allclose(h[0, 0].numpy()[changed], new_h[changed], rtol=1e-10)
        kept += old.sum()
    assert 0.35 < kept / (30 * UNITS) < 0.65  # zone_c is a half


def test_slstm_stays_finite_where_exponentials_do_not():
    layer = make_layer("slstm")
    for size in (1e-3, 1.0, 1e3, 1e5):
        for path in PATHS:
            y = run(path, layer, torch.full((1, 20, INPUTS), size, dtype=torch.float64))
            y2 = run(path, layer, torch.full((1, 20, INPUTS), -size, dtype=torch.float64))
            assert torch.isfinite(y).all()
            assert torch.isfinite(y2).all()
