"""The declaration of a recurrent cell: names, one function, and where they come from.

A cell is a class and is never instantiated: it holds no tensors, only mathematics.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tidegate.equations.declaration import extra_names
from tidegate.errors import SettingError

Parts = namedtuple("Parts", ("x", "h"))
"""The two parts of a split gate: `x` is `W x_t + b`, `h` is `U h_{t-1} + b'`."""


@dataclass(frozen=True, kw_only=True)
class Initial:
    """How a cell's weights start; the words are those of `tidegate.layers.initialise`.

    Attributes:
        input: initialisation of each gate's block of `W`.
        recurrent: initialisation of each gate's block of `U`.
        bias: a constant for a gate's bias, by gate; 0 for a gate not named here.
        weights: a constant for an extra weight, by weight; 0 for a weight not named here.
    """

    input: str = "xavier"
    recurrent: str = "orthogonal"
    bias: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


class Cell:
    r"""A recurrent cell as an equation; subclass it to make one, in about ten lines.

    `step(z, prev, w)` maps pre-activations, previous states and weights to the new states, in the order of
    `states`. It must use only arithmetic and the functions of `tidegate.equations.functions`, so that the same
    lines run on tensors and are traced as mathematics. For each gate, `z.<gate>` is
    :math:`W x_t + b + U h_{t-1} + b'`, and for a gate in `split`, `z.<gate>.x` is :math:`W x_t + b` and
    `z.<gate>.h` is :math:`U h_{t-1} + b'`. The first state is the output and is what `U` multiplies. `w` carries the
    weights, the constants and the sequences (`noise` and `below`), all of them one value per unit.

    Attributes:
        name: how users call the cell; the class's name in lower case unless given.
        title: what a heading calls it.
        paper: where the equations come from.
        gates: pre-activations, in the order of their blocks in `weight_ih` and `weight_hh`.
        states: what is carried from step to step; the first is the output.
        weights: names of extra weights, one value per unit.
        split: gates whose input and recurrent parts stay separate.
        input_only: gates that read the input alone, :math:`W x_t + b`; `weight_hh` has no block for them.
        constants: names of numbers per unit that are not trained; `constant_values` gives them.
        noise: names of sequences of draws for every unit and step, 1 with the probability given here, else 0, while
            training; the probability itself otherwise.
        below: names of sequences that are a state of the layer below at the same step, 0 in the first layer; the
            state's name for each.
        projection: numbers of the output for each unit; other than 1, the output is `weight_hr` times the first new
            state, and `step` must not read `prev.h`.
        heads: groups of units that read only themselves, where `mask` says that there are; a layer may have others.
        initial: how the weights start.

    Example:
        >>> from tidegate.equations.functions import sigmoid, tanh
        >>> class Leaky(Cell):
        ...     gates = ("leak", "candidate")
        ...     def step(z, prev, w):
        ...         leak = sigmoid(z.leak)
        ...         return ((1 - leak) * prev.h + leak * tanh(z.candidate),)
        >>> Leaky.name
        'leaky'
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    gates: ClassVar[tuple[str, ...]] = ()
    states: ClassVar[tuple[str, ...]] = ("h",)
    weights: ClassVar[tuple[str, ...]] = ()
    split: ClassVar[tuple[str, ...]] = ()
    input_only: ClassVar[tuple[str, ...]] = ()
    constants: ClassVar[tuple[str, ...]] = ()
    noise: ClassVar[Mapping[str, float]] = {}
    below: ClassVar[Mapping[str, str]] = {}
    projection: ClassVar[float] = 1.0
    heads: ClassVar[int] = 1
    initial: ClassVar[Initial] = Initial()

    Z: ClassVar[Any]
    Prev: ClassVar[Any]
    W: ClassVar[Any]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _check_declaration(cls)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()
        cls.title = cls.__dict__.get("title", cls.__name__)
        cls.Z = namedtuple("Z", cls.gates)
        cls.Prev = namedtuple("Prev", cls.states)
        cls.W = namedtuple("W", extra_names(cls))

    @classmethod
    def sizes(cls, units: int) -> tuple[int, ...]:
        """Return the size of each state."""
        output = units if cls.projection == 1 else max(1, round(units * cls.projection))
        return (output, *[units] * (len(cls.states) - 1))

    @staticmethod
    def constant_values(units: int) -> Mapping[str, Sequence[float]]:
        """Return the numbers of each constant, for this many units."""
        return {}

    @staticmethod
    def mask(units: int) -> Sequence[Sequence[int]] | None:
        """Return which previous units (columns) each unit (row) reads through `U`, 1 or 0; None for all of them."""
        return None

    @staticmethod
    def step(z: Any, prev: Any, w: Any) -> tuple[Any, ...]:
        """Return the new states, in the order of `states`.

        Args:
            z: pre-activations, an attribute for each gate.
            prev: states of the step before, an attribute for each state.
            w: weights, constants and sequences, an attribute for each.
        """
        raise NotImplementedError


def _check_declaration(cell: type[Cell]) -> None:
    """Refuse a declaration that could only fail later, inside a scan."""
    for kind in ("gates", "states", "weights", "split", "input_only", "constants", "noise", "below"):
        words = getattr(cell, kind)
        if isinstance(words, str) or not all(isinstance(word, str) and _is_name(word) for word in words):
            raise SettingError(f"{kind} of cell {cell.__name__} must be a tuple of names, not {words!r}")
        if len(set(words)) != len(words):
            raise SettingError(f"{kind} of cell {cell.__name__} must differ from each other, not {words!r}")
    for kind in ("gates", "states"):
        if not getattr(cell, kind):
            raise SettingError(f"{kind} of cell {cell.__name__} must name at least one")
    for kind in ("split", "input_only"):
        if strays := sorted(set(getattr(cell, kind)) - set(cell.gates)):
            raise SettingError(f"{kind} of cell {cell.__name__} names {', '.join(strays)}, which gates does not list")
    if both := sorted(set(cell.split) & set(cell.input_only)):
        raise SettingError(f"gate {both[0]} of cell {cell.__name__} cannot be split: it has no recurrent part")
    if strays := sorted(set(cell.below.values()) - set(cell.states)):
        raise SettingError(f"below of cell {cell.__name__} names {', '.join(strays)}, which states does not list")
    extras = extra_names(cell)
    if len(set(extras)) != len(extras):
        raise SettingError(f"weights, constants, noise and below of cell {cell.__name__} must differ from each other")
    if cell.step is Cell.step:
        raise SettingError(f"cell {cell.__name__} must define step(z, prev, w)")


def _is_name(word: str) -> bool:
    return word.isidentifier() and not word.startswith("_")
