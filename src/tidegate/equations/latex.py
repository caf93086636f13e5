r"""A cell's equations as LaTeX in the field's notation: a line for each gate and each state, as papers write them.

A gate is the one function whose argument holds the gate's pre-activation: of `sigmoid(z.forget) * prev.c` the line is
:math:`f_t = \sigma(W_f x_t + U_f h_{t-1} + b_f)`, and :math:`f_t` stands wherever that function was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy

from tidegate.equations.declaration import Declaration, gate_parts
from tidegate.equations.symbols import Operation, expressions

_LETTERS = {"update": "z"}
_FUNCTIONS = {
    "sigmoid": r"\sigma",
    "tanh": r"\tanh",
    "exp": r"\exp",
    "log": r"\log",
    "mean": r"\operatorname{mean}",
    "maximum": r"\max",
    "at_least": r"\operatorname{atleast}",
}


def latex_lines(cell: Declaration) -> list[str]:
    r"""Return the equations of a cell in the order in which they can be computed, such as `c_t = f_t \odot ...`."""
    equations = written(cell)
    return [f"{name} = {equations.show(line)}" for name, line in equations.lines.items()]


@dataclass(frozen=True)
class Written:
    """A cell's equations as papers write them.

    Attributes:
        lines: SymPy expressions by the names in LaTeX of what they compute, in an order in which they can be; where
            one reads what another computes, its symbol has that name after "@".
        shown: how each symbol is written.
    """

    lines: Mapping[str, Any]
    shown: Mapping[str, str]

    def show(self, expression: Any) -> str:
        """Return the LaTeX of an expression of these symbols."""
        return _Printer(self.shown).show(expression)


def written(cell: Declaration) -> Written:
    """Return the equations of a cell, each gate and state by its own name wherever it stands."""
    states = expressions(cell)
    letters = gate_letters(cell)
    shown = _notation(cell, letters)
    names = {gate: f"{letter}_t" for gate, letter in letters.items()}
    meanings: dict[str, Any] = {}
    for gate in cell.gates:
        function = _gate_function(cell, gate, states.values())
        if function is not None and function not in states.values():
            meanings[names[gate]] = function
    meanings |= {f"{state}_t": expression for state, expression in states.items()}
    repeated = _repeated(meanings.values())
    meanings |= {f"v_{{{row},t}}": each for row, each in enumerate(repeated, 1)}
    named = {meaning: sympy.Symbol(f"@{name}") for name, meaning in meanings.items() if not meaning.is_Atom}
    shown |= {symbol.name: symbol.name[1:] for symbol in named.values()}
    with sympy.evaluate(False):
        lines = {name: _fold(meaning, named) for name, meaning in meanings.items()}
    return Written({name: lines[name] for name in _ordered(lines)}, shown)


def latex(cell: Declaration) -> str:
    """Return the equations of a cell as one `aligned` block, to stand between dollar signs."""
    rows = " \\\\\n".join(line.replace(" = ", " &= ", 1) for line in latex_lines(cell))
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def gate_letters(cell: Declaration) -> dict[str, str]:
    """Return each gate's letter: its initial; a candidate is its state with a tilde; the name where letters clash."""
    letters = {gate: _initial(cell, gate) for gate in cell.gates}
    clashing = {letter for letter in letters.values() if list(letters.values()).count(letter) > 1} | set(cell.states)
    return {gate: rf"\mathrm{{{_escape(gate)}}}" if each in clashing else each for gate, each in letters.items()}


def _initial(cell: Declaration, gate: str) -> str:
    return rf"\tilde{{{cell.states[-1]}}}" if gate == "candidate" else _LETTERS.get(gate, gate[0])


def _escape(name: str) -> str:
    return name.replace("_", r"\_")


def _notation(cell: Declaration, letters: Mapping[str, str]) -> dict[str, str]:
    """Return how each symbol that `step` reads is written."""
    output = cell.states[0]
    shown = {f"prev.{state}": f"{_escape(state)}_{{t-1}}" for state in cell.states}
    shown |= {f"w.{name}": _weight(name, letters) for name in (*cell.weights, *cell.constants)}
    shown |= {f"w.{name}": rf"\mathrm{{{_escape(name)}}}_t" for name in cell.noise}
    shown |= {f"w.{name}": rf"\underline{{{state}}}_t" for name, state in cell.below.items()}
    for gate, letter in letters.items():
        plain = letter[len(r"\tilde{") : -1] if letter.startswith(r"\tilde") else letter
        mark = f"_{{{plain}}}" if len(cell.gates) > 1 else ""
        x, h = f"W{mark} x_t", f"U{mark} {output}_{{t-1}}"
        if gate in cell.split:
            shown |= dict(zip(gate_parts(cell, gate), (f"{x} + b{mark}", f"{h} + b'{mark}"), strict=True))
        else:
            shown[f"z.{gate}"] = f"{x} + b{mark}" if gate in cell.input_only else f"{x} + {h} + b{mark}"
    return shown


def _weight(name: str, letters: Mapping[str, str]) -> str:
    """Write `p_input` as `p_{i}`: the part after the underscore is a gate's letter where it names a gate."""
    base, _, of = name.partition("_")
    return f"{base}_{{{letters.get(of) or _escape(of)}}}" if of else base


def _gate_function(cell: Declaration, gate: str, wholes: Collection[Any]) -> Any:
    """Return the innermost function around a gate's pre-activation, or None if it also stands elsewhere."""
    parts = {sympy.Symbol(name, real=True) for name in gate_parts(cell, gate)}
    around = {node for whole in wholes for node in whole.atoms(Operation) if node.free_symbols & parts}
    innermost = {
        node for node in around if not any(other in around for each in node.args for other in each.atoms(Operation))
    }
    if len(innermost) != 1:
        return None
    function = innermost.pop()
    with sympy.evaluate(False):
        outside = {symbol for whole in wholes for symbol in whole.xreplace({function: sympy.Symbol("@")}).free_symbols}
    return None if outside & parts else function


def _repeated(meanings: Collection[Any]) -> list[Any]:
    """Return what several others are written with and is long enough to deserve a name of its own."""
    nodes = dict.fromkeys(node for meaning in meanings for node in sympy.preorder_traversal(meaning))
    readers = Counter(part for node in nodes for part in set(node.args))
    return [node for node in nodes if readers[node] > 1 and node not in meanings and _length(node) > 2]


def _length(node: Any) -> int:
    """Return how many operations an expression has, a sign not counted."""
    negated = node.is_Mul and node.args[0] == -1
    return sum(1 for part in sympy.preorder_traversal(node) if part.args) - 2 * negated


def _fold(meaning: Any, named: Mapping[Any, Any]) -> Any:
    """Write a meaning with the names of the other meanings that it holds, keeping the author's order."""
    if not meaning.args:
        return meaning
    parts = [named.get(part) or _fold(part, named) for part in meaning.args]
    return meaning.func(*parts)


def _ordered(lines: Mapping[str, Any]) -> list[str]:
    """Return the names so that each comes after those that it is written with, otherwise as they are."""
    order: list[str] = []

    def place(name: str) -> None:
        if name not in order:
            read = {symbol.name[1:] for symbol in lines[name].free_symbols if symbol.name.startswith("@")}
            for other in (each for each in lines if each in read):
                place(other)
            order.append(name)

    for name in lines:
        place(name)
    return order


class _Printer:
    """Prints an expression in the order of its arguments, products of vectors as element-wise ones."""

    def __init__(self, shown: Mapping[str, str]) -> None:
        self._shown = shown

    def show(self, expression: Any) -> str:
        """Return the LaTeX of an expression."""
        if expression.is_Symbol:
            return self._shown[expression.name]
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._product(expression)
        if isinstance(expression, Operation):
            inner = ", ".join(self.show(each) for each in expression.args)
            if expression.operation == "sqrt":
                return rf"\sqrt{{{inner}}}"
            if expression.operation == "floor":
                return rf"\left\lfloor {inner} \right\rfloor"
            return rf"{_FUNCTIONS[expression.operation]}\left({inner}\right)"
        if expression.is_Pow:
            return f"{self._factor(expression.base)}^{{{self.show(expression.exp)}}}"
        return sympy.latex(expression)

    def _sum(self, expression: Any) -> str:
        text = ""
        for term in expression.args:
            shown = self.show(term)
            joint = "" if not text else " - " if shown.startswith("-") else " + "
            text += joint + (shown[1:] if joint == " - " else shown)
        return text

    def _product(self, expression: Any) -> str:
        if expression.args[0] == -1:
            return "-" + self._factors(expression.args[1:])
        return self._factors(expression.args)

    def _factors(self, factors: Any) -> str:
        above = [each for each in factors if not _is_divisor(each)]
        below = [each.base if each.exp == -1 else each.base ** (-each.exp) for each in factors if _is_divisor(each)]
        text = "1" if not above else self.show(above[0]) if len(above) == 1 and below else self._join(above)
        return rf"\frac{{{text}}}{{{self._join(below) if len(below) > 1 else self.show(below[0])}}}" if below else text

    def _join(self, factors: list[Any]) -> str:
        text = self._factor(factors[0])
        for before, factor in pairwise(factors):
            text += (r" \, " if before.is_number else r" \odot ") + self._factor(factor)
        return text

    def _factor(self, factor: Any) -> str:
        """Return a factor, in brackets where it is a sum, or a name that stands for one."""
        shown = self.show(factor)
        return rf"\left({shown}\right)" if factor.is_Add or (factor.is_Symbol and " + " in shown) else shown


def _is_divisor(factor: Any) -> bool:
    return factor.is_Pow and factor.exp.is_number and bool(factor.exp < 0)
