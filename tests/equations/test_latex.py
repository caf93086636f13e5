"""Equations as papers write them."""

import pytest

from tidegate import cells
from tidegate.cells import Cell
from tidegate.equations.functions import exp, sigmoid, sqrt, tanh
from tidegate.equations.latex import gate_letters, latex, latex_lines

LSTM = r"""\begin{aligned}
i_t &= \sigma\left(W_{i} x_t + U_{i} h_{t-1} + b_{i}\right) \\
f_t &= \sigma\left(W_{f} x_t + U_{f} h_{t-1} + b_{f}\right) \\
\tilde{c}_t &= \tanh\left(W_{c} x_t + U_{c} h_{t-1} + b_{c}\right) \\
o_t &= \sigma\left(W_{o} x_t + U_{o} h_{t-1} + b_{o}\right) \\
c_t &= f_t \odot c_{t-1} + i_t \odot \tilde{c}_t \\
h_t &= o_t \odot \tanh\left(c_t\right)
\end{aligned}"""

GRU = r"""\begin{aligned}
r_t &= \sigma\left(W_{r} x_t + U_{r} h_{t-1} + b_{r}\right) \\
z_t &= \sigma\left(W_{z} x_t + U_{z} h_{t-1} + b_{z}\right) \\
\tilde{h}_t &= \tanh\left(W_{h} x_t + b_{h} + r_t \odot \left(U_{h} h_{t-1} + b'_{h}\right)\right) \\
h_t &= \left(1 - z_t\right) \odot \tilde{h}_t + z_t \odot h_{t-1}
\end{aligned}"""

RNN = r"""\begin{aligned}
h_t &= \tanh\left(W x_t + U h_{t-1} + b\right)
\end{aligned}"""


class Peephole(Cell):
    gates = ("input", "forget", "candidate", "output")
    states = ("h", "c")
    weights = ("p_input", "p_forget", "p_output")

    @staticmethod
    def step(z, prev, w):
        c = sigmoid(z.forget + w.p_forget * prev.c) * prev.c
        c = c + sigmoid(z.input + w.p_input * prev.c) * tanh(z.candidate)
        return sigmoid(z.output + w.p_output * c) * tanh(c), c


class Odd(Cell):
    gates = ("left", "long", "other")
    states = ("h", "n")

    @staticmethod
    def step(z, prev, w):
        n = prev.n + exp(z.left)
        return z.long * (tanh(z.long) - 2 * n) / sqrt(1 + n**2) - -z.other, n


@pytest.mark.parametrize(("name", "expected"), [("lstm", LSTM), ("gru", GRU), ("rnn", RNN)])
def test_latex_is_as_papers_write_it(name, expected):
    assert latex(cells.get(name)) == expected


@pytest.mark.parametrize("cell", [*map(cells.get, cells.names()), Peephole, Odd], ids=lambda cell: cell.name)
def test_latex_has_one_line_for_each_state_and_names_nothing_before_its_line(cell):
    lines = latex_lines(cell)
    defined = [line.split(" = ")[0] for line in lines]
    assert len(set(defined)) == len(defined)
    assert set(defined) >= {f"{state}_t" for state in cell.states}
    for row, line in enumerate(lines):
        right = line.split(" = ", 1)[1]
        assert not [later for later in defined[row:] if f" {later}" in f" {right}".replace("(", " ")]
        assert right.count("{") == right.count("}")
        assert right.count(r"\left(") == right.count(r"\right)")


@pytest.mark.parametrize("cell", [cells.get("lstm"), cells.get("gru"), Peephole], ids=lambda cell: cell.name)
def test_latex_has_one_line_for_each_gate(cell):
    defined = [line.split(" = ")[0] for line in latex_lines(cell)]
    for letter in gate_letters(cell).values():
        assert defined.count(f"{letter}_t") == 1


def test_latex_puts_the_peephole_output_gate_after_the_memory_that_it_sees():
    defined = [line.split(" = ")[0] for line in latex_lines(Peephole)]
    assert defined.index("o_t") == defined.index("c_t") + 1
    assert r"p_{o} \odot c_t" in latex_lines(Peephole)[defined.index("o_t")]


def test_latex_writes_out_a_gate_that_stands_outside_functions_too():
    assert gate_letters(Odd) == {"left": r"\mathrm{left}", "long": r"\mathrm{long}", "other": "o"}
    left, memory, output = latex_lines(Odd)
    assert left.startswith(r"\mathrm{left}_t = \exp\left(")
    assert memory == r"n_t = n_{t-1} + \mathrm{left}_t"
    assert output.startswith(r"h_t = \frac{\left(W_{\mathrm{long}} x_t")
    assert r"- 2 \, n_t\right)}{\sqrt{1 + n_t^{2}}}" in output
