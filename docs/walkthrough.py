"""One step of an LSTM with numbers, forwards and backwards, from the cell's own equations: the walkthrough's blocks.

The prose is in `templates/`, in each language; what stands in double braces there is put in here, and `docs/build.py`
writes the pages.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tidegate.cells.lstm import LSTM
from tidegate.equations.latex import Written, gate_letters, latex, written
from tidegate.equations.program import lowered

TEMPLATES = Path(__file__).parent / "templates"
PAGES = {"en": "walkthrough.md", "zh": "walkthrough.zh-CN.md"}

CELL = LSTM
X = (1.0, -0.5)
BEFORE = {"h": 0.3, "c": -0.4}
TARGET = 0.5
W = {"input": (0.5, -0.3), "forget": (-0.2, 0.6), "candidate": (0.7, 0.2), "output": (0.3, -0.4)}
U = {"input": 0.4, "forget": 0.1, "candidate": -0.5, "output": 0.2}
B = {"input": 0.1, "forget": 1.0, "candidate": 0.05, "output": -0.1}

Value = float | tuple[float, ...]


def page(lang: str) -> str:
    """The page in a language, "en" or "zh"."""
    text = (TEMPLATES / PAGES[lang]).read_text(encoding="utf-8")
    for name, block in Walkthrough().blocks().items():
        mark = "{{" + name + "}}"
        if text.count(mark) != 1:
            raise ValueError(f"the template of {PAGES[lang]} has {mark} {text.count(mark)} times, not once")
        text = text.replace(mark, block)
    return text


class Walkthrough:
    """The numbers of one step of one unit with two inputs, and of its gradients, by their names in LaTeX."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        letters = gate_letters(CELL)
        self._letters = {gate: letter.removeprefix(r"\tilde{").rstrip("}") for gate, letter in letters.items()}
        equations = written(CELL)
        z = {f"z.{gate}": f"z_{{{letter}}}" for gate, letter in self._letters.items()}
        self._sums = {gate: equations.shown[f"z.{gate}"] for gate in CELL.gates}
        self._equations = replace(equations, shown={**equations.shown, **z})
        self._numbers: dict[str, float] = {f"prev.{state}": value for state, value in BEFORE.items()}
        self._gates = {f"{letter}_t": gate for gate, letter in letters.items()}

    def blocks(self) -> dict[str, str]:
        """The blocks of formulas by the names that the templates have for them, computed in order."""
        found = {"given": self._given(), "equations": f"$$\n{latex(CELL)}\n$$"}
        for name in self._equations.lines:
            gate = self._gates.get(name)
            rows = [] if gate is None else [self._sum(gate)]
            found[gate or name] = _aligned([*rows, self._line(name)])
        found["loss"] = _aligned(self._loss())
        for name in reversed(list(self._equations.lines)[:-1]):
            gate = self._gates.get(name)
            rows = [self._reaching(name)]
            found[f"back {gate or name}"] = _aligned(rows if gate is None else [*rows, *self._behind(gate, name)])
        found["past"] = _aligned([self._reaching("c_{t-1}", "prev.c"), *self._through_weights()])
        return found

    def _given(self) -> str:
        rows = ["| | $W$ | $U$ | $b$ |", "|---|---|---|---|"]
        for gate, letter in self._letters.items():
            rows.append(f"| ${letter}$ | $({W[gate][0]:g}, {W[gate][1]:g})$ | ${U[gate]:g}$ | ${B[gate]:g}$ |")
        inputs = rf"$x_t = ({X[0]:g}, {X[1]:g})^\top$, $h_{{t-1}} = {BEFORE['h']:g}$, $c_{{t-1}} = {BEFORE['c']:g}$, "
        return "\n".join([f"{inputs}$y = {TARGET:g}$", "", *rows])

    def _sum(self, gate: str) -> str:
        """A pre-activation, with numbers."""
        letter, products = self._letters[gate], zip(W[gate], X, strict=True)
        terms = [(weight, value) for weight, value in products] + [(U[gate], BEFORE["h"])]
        value = sum(weight * value for weight, value in terms) + B[gate]
        self._numbers[f"z.{gate}"] = value
        numbers = " + ".join(rf"{_bracketed(weight)} \cdot {_bracketed(value)}" for weight, value in terms)
        return self._row(f"z_{{{letter}}}", [self._sums[gate], f"{numbers} + {_bracketed(B[gate])}"], value)

    def _line(self, name: str) -> str:
        """A gate or a state, with numbers."""
        expression = self._equations.lines[name]
        value = self._evaluate(expression)
        shown = {symbol: _bracketed(number, 5) for symbol, number in self._numbers.items()}
        numbers = Written({}, shown).show(expression).replace(r"\odot", r"\cdot")
        self._numbers[f"@{name}"] = value
        return self._row(name, [self._equations.show(expression), numbers], value)

    def _loss(self) -> list[str]:
        h = self._numbers["@h_t"]
        self._numbers["d.h_t"] = h - TARGET
        return [
            self._row("L", [r"\tfrac{1}{2} \left(h_t - y\right)^2"], 0.5 * (h - TARGET) ** 2),
            self._row(_gradient("h_t"), ["h_t - y"], h - TARGET),
        ]

    def _reaching(self, name: str, symbol: str = "") -> str:
        """What reaches a value from all that read it."""
        symbol = symbol or f"@{name}"
        terms, total = [], 0.0
        for reader, expression in self._equations.lines.items():
            own = next((each for each in expression.free_symbols if each.name == symbol), None)
            if own is not None:
                slope = expression.diff(own)
                terms.append(rf"{_gradient(reader)} \odot {self._factor(slope)}")
                total += self._numbers[f"d.{reader}"] * self._evaluate(slope)
        self._numbers[f"d.{name}"] = total
        return self._row(_gradient(name), [" + ".join(terms)], total)

    def _factor(self, expression: Any) -> str:
        shown = self._equations.show(expression)
        return rf"\left({shown}\right)" if expression.is_Add else shown

    def _behind(self, gate: str, name: str) -> list[str]:
        """A gate's derivative, and the gradients of its weights."""
        letter, function = self._letters[gate], self._equations.lines[name]
        (z,) = function.free_symbols
        # In terms of the gate's own value, as it is computed.
        derivative = function.diff(z).xreplace({function: _symbol(f"@{name}")})
        slope = self._evaluate(derivative)
        delta = self._numbers[f"d.z.{gate}"] = self._numbers[f"d.{name}"] * slope
        own, pre = rf"\frac{{\partial {name}}}{{\partial z_{{{letter}}}}}", _gradient(f"z_{{{letter}}}")
        return [
            self._row(own, [self._equations.show(derivative)], slope),
            self._row(pre, [rf"{_gradient(name)} \odot {own}"], delta),
            self._row(_gradient(f"W_{{{letter}}}"), [rf"{pre} \, x_t^\top"], tuple(delta * value for value in X)),
            self._row(_gradient(f"U_{{{letter}}}"), [rf"{pre} \, h_{{t-1}}^\top"], delta * BEFORE["h"]),
            self._row(_gradient(f"b_{{{letter}}}"), [pre], delta),
        ]

    def _through_weights(self) -> list[str]:
        deltas = {gate: self._numbers[f"d.z.{gate}"] for gate in CELL.gates}
        h = sum(U[gate] * delta for gate, delta in deltas.items())
        x = tuple(sum(W[gate][number] * delta for gate, delta in deltas.items()) for number in range(len(X)))
        rows = []
        for name, matrix, value in (("h_{t-1}", "U", h), ("x_t", "W", x)):
            terms = [rf"{matrix}_{{{letter}}}^\top {_gradient(f'z_{{{letter}}}')}" for letter in self._letters.values()]
            rows.append(self._row(_gradient(name), [" + ".join(terms)], value))
        return rows

    def _evaluate(self, expression: Any) -> float:
        return float(lowered(tuple(self._numbers), {"value": expression}).run(self._numbers)["value"])

    def _row(self, name: str, steps: list[str], value: Value) -> str:
        """One line of a block: a name, how it is computed, and its number."""
        self.values[name] = value
        text = f"({', '.join(map(_number, value))})" if isinstance(value, tuple) else _number(value)
        return f"{name} &= {' = '.join([*steps, text])}"


def _symbol(name: str) -> Any:
    import sympy

    return sympy.Symbol(name)


def _gradient(name: str) -> str:
    return rf"\frac{{\partial L}}{{\partial {name}}}"


def _number(value: float) -> str:
    return f"{value:.5f}"


def _bracketed(value: float, decimals: int | None = None) -> str:
    text = f"{value:g}" if decimals is None else f"{value:.{decimals}f}"
    return f"({text})" if value < 0 else text


def _aligned(rows: list[str]) -> str:
    lines = " \\\\\n".join(rows)
    return f"$$\n\\begin{{aligned}}\n{lines}\n\\end{{aligned}}\n$$"
