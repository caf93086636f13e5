"""A cell as C++: its step and the derived backward step, over SIMD registers; `native/cell.hpp` is the contract.

Both are loops over the rows and blocks of units of a tile. A sum over the units ends a loop: what comes after it is in
the next one, a stage, and what several stages read is computed once and waits in the tile's `spill`. What follows from
such sums alone is the same for all units: it is computed once a row, and divided by once a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidegate.equations.declaration import Declaration, extra_names, gate_parts
from tidegate.equations.differentiate import Backward, differentiate
from tidegate.equations.program import Line, Operand, Program, trace

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


def cell_source(cell: Declaration) -> str:
    """Return the C++ of a cell: two function templates and `cell_<name>`, which makes its `Cell<T>`.

    Raises:
        SettingError: `step` is not mathematics that can be traced.
    """
    forward = trace(cell)
    backward = differentiate(forward, without=[f"w.{name}" for name in cell.constants])
    plan = _plan(cell, forward, backward)
    first = _Function(f"{cell.name}_forward", plan, forward, _forward_stores(plan, forward))
    shared = first.uniform.intersection(plan.kept)
    second = _Function(
        f"{cell.name}_backward", plan, backward.program, _backward_stores(plan, backward.program), shared
    )
    return "\n".join([*first.text(), "", *second.text(), "", *_maker(cell, plan, first, second)])


@dataclass(frozen=True)
class _Plan:
    """Where a cell's values are in memory.

    Attributes:
        loads: an expression for each value that goes into a step, forward or backward.
        kept: forward values that are saved for backward, in the order of their slots.
        slots: the slot, in place of what was saved, of each gradient that backward leaves, by input.
        x_slots: the slot of each gate's `W x`.
        strides: registers of a block, by array.
    """

    loads: Mapping[str, str]
    states: tuple[str, ...]
    kept: tuple[str, ...]
    slots: Mapping[str, int]
    x_slots: tuple[int, ...]
    strides: dict[str, int]


def _plan(cell: Declaration, forward: Program, backward: Backward) -> _Plan:
    h_gates = [gate for gate in cell.gates if gate not in cell.input_only]
    known = {value for _, value in forward.outputs}
    kept = tuple(name for name in backward.saved if name not in known and not name.startswith(("prev.", "w.")))
    loads = {f"prev.{state}": f"at.prev[{row}] + before" for row, state in enumerate(cell.states)}
    loads |= {
        f"w.{name}": f"at.w[{row}] + row * at.w_row[{row}] + block * L" for row, name in enumerate(extra_names(cell))
    }
    loads |= {f"d.{state}": f"at.d[{row}] + unit" for row, state in enumerate(cell.states)}
    states = {value: f"at.next[{row}] + unit" for row, (_, value) in enumerate(forward.outputs)}
    loads |= {value: place for value, place in states.items() if isinstance(value, str) and value not in loads}
    loads |= {name: f"saved + {row} * L" for row, name in enumerate(kept)}
    loads = {name: f"load<V>({place})" for name, place in loads.items()}
    for gate in cell.gates:
        x, h = gate_parts(cell, gate)[0], gate_parts(cell, gate)[-1]
        x_load = f"load<V>(zx + {cell.gates.index(gate)} * L)"
        h_load = f"load<V>(zh + {h_gates.index(gate)} * L)" if gate in h_gates else ""
        # Where a pre-activation itself is kept or is a new state, backward finds it there.
        parts = {x: x_load, h: h_load} if gate in cell.split else {x: f"{x_load} + {h_load}" if h_load else x_load}
        loads |= {f"forward {name}" if name in loads else name: load for name, load in parts.items()}
    slots = {gate_parts(cell, gate)[-1]: row for row, gate in enumerate(h_gates)}
    for gate in cell.gates:
        slots.setdefault(gate_parts(cell, gate)[0], len(slots))
    x_slots = tuple(slots[gate_parts(cell, gate)[0]] for gate in cell.gates)
    trained = [name for name in extra_names(cell) if name not in cell.constants]
    slots |= {f"w.{name}": len(slots) + row for row, name in enumerate(trained)}
    strides = {"zx": len(cell.gates), "zh": len(h_gates), "saved": max(len(kept), len(slots))}
    return _Plan(loads, cell.states, kept, slots, x_slots, strides)


def _forward_stores(plan: _Plan, forward: Program) -> list[tuple[str, Operand]]:
    stores: list[tuple[str, Operand]] = [
        (f"at.next[{row}] + unit", value) for row, (_, value) in enumerate(forward.outputs)
    ]
    return stores + [(f"saved + {row} * L", name) for row, name in enumerate(plan.kept)]


def _backward_stores(plan: _Plan, backward: Program) -> list[tuple[str, Operand]]:
    values = dict(backward.outputs)
    stores = [(f"at.d[{row}] + unit", values[f"d.prev.{state}"]) for row, state in enumerate(plan.states)]
    return stores + [(f"saved + {slot} * L", values[f"d.{name}"]) for name, slot in plan.slots.items()]


class _Function:
    """One straight-line program as a C++ function over a tile."""

    def __init__(
        self,
        name: str,
        plan: _Plan,
        program: Program,
        stores: Sequence[tuple[str, Operand]],
        uniform: Iterable[str] = (),
    ) -> None:
        self.name = name
        self._forward = name.endswith("_forward")
        self._loads, self._strides = plan.loads, plan.strides
        self._lines = {line.name: line for line in program.lines}
        self._stage = _stages(program.lines)
        self.stages = 1 + max(self._stage.values(), default=0)
        self._stores = stores
        self.uniform = _uniform(program.lines, uniform)
        self._divisors = {line.operands[1] for line in program.lines if self._divides_once(line)}
        self.spilled = [name for name in self._lines if self._is_spilled(name)]

    def text(self) -> list[str]:
        """Return the function's lines."""
        body = [
            row for name in sorted(self.uniform - set(self._lines)) for row in self._defined(name, self._saved(name))
        ]
        body += [row for stage in range(self.stages) for row in self._stage_text(stage)]
        return [
            f"template <class T> void {self.name}(const Tile<T>& at) {{",
            "    using V = Vec<T>;",
            "    constexpr ptrdiff_t L = kLanes<T>;",
            "    for (ptrdiff_t row = 0; row < at.rows; ++row) {",
            *(f"        {each}" for each in body),
            "    }",
            "}",
        ]

    def _store_stage(self, value: Operand) -> int:
        """Backward writes over what it reads, so it writes at the very end."""
        if not self._forward or not isinstance(value, str):
            return self.stages - 1
        line = self._lines.get(value)
        return 0 if line is None else self._stage[value] + (line.operation == "mean")

    def _readers(self, name: str) -> Iterable[int]:
        """Return the stages that read a line's value."""
        for line in self._lines.values():
            if name in line.operands:
                yield self._stage[line.name]
        for _, value in self._stores:
            if value == name:
                yield self._store_stage(value)

    def _is_spilled(self, name: str) -> bool:
        later = any(stage > self._stage[name] for stage in self._readers(name))
        return later and name not in self.uniform

    def _divides_once(self, line: Line) -> bool:
        """Say whether a line divides units by a number that they share."""
        return line.operation == "divide" and line.name not in self.uniform and line.operands[1] in self.uniform

    def _saved(self, name: str) -> str:
        """Return where backward finds a number that all units share: forward kept it with every block."""
        return self._loads[name].replace("saved", "at.saved + row * at.saved_row")

    def _defined(self, name: str, expression: str) -> list[str]:
        """Return the definition of a value that all units share, and of its inverse where they are divided by it."""
        inverse = [f"const V inverse_{_name(name)} = static_cast<T>(1) / {_name(name)};"]
        return [f"const V {_name(name)} = {expression};", *(inverse if name in self._divisors else [])]

    def _stage_text(self, stage: int) -> list[str]:
        every = [line for line in self._lines.values() if self._stage[line.name] == stage]
        sums = [line for line in every if line.operation == "mean"]
        shared = [line for line in every if line.name in self.uniform and line not in sums]
        lines = [line for line in every if line not in shared]
        stores = [(place, value) for place, value in self._stores if self._store_stage(value) == stage]
        read = dict.fromkeys(
            each
            for operands in (*(line.operands for line in lines), *((value,) for _, value in stores))
            for each in operands
            if isinstance(each, str)
        )
        rows = [f"const V {_name(name)} = {self._source(name)};" for name in read if self._is_read(name, stage)]
        for line in lines:
            if line.operation == "mean":
                rows.append(f"sum_{line.name} += first_lanes({_operand(line.operands[0])}, at.units - block * L);")
            else:
                rows.append(f"const V {line.name} = {self._expression(line)};")
            if line.name in self.spilled:
                rows.append(f"store(spill + {self.spilled.index(line.name)} * L, {line.name});")
        rows += [self._store(place, value) for place, value in stores]
        text = [row for line in shared for row in self._defined(line.name, _expression(line))]
        text += [f"V sum_{line.name}{{}};" for line in sums]
        text += ["for (ptrdiff_t block = 0; block < at.blocks; ++block) {"]
        text += [f"    {row}" for row in (*self._addresses(rows), *rows)] + ["}"]
        for line in sums:
            text += self._defined(line.name, f"total(sum_{line.name}) / static_cast<T>(at.units)")
        return text

    def _expression(self, line: Line) -> str:
        if not self._divides_once(line):
            return _expression(line)
        return f"{_operand(line.operands[0])} * inverse_{_operand(line.operands[1])}"

    def _is_read(self, name: str, stage: int) -> bool:
        """Say whether a stage has to load a value, because no line of it computes it."""
        return name not in self.uniform and (name not in self._lines or self._stage[name] < stage)

    def _source(self, name: str) -> str:
        if name in self._lines:
            return f"load<V>(spill + {self.spilled.index(name)} * L)"
        return self._loads.get(f"forward {name}", self._loads[name]) if self._forward else self._loads[name]

    def _store(self, place: str, value: Operand) -> str:
        text = f"store({place}, {_register(value)});"
        return f"if (at.saved) {text}" if self._forward and place.startswith("saved") else text

    def _addresses(self, rows: Sequence[str]) -> list[str]:
        """Return the addresses that these lines use, and no others, so that no compiler warns."""
        text = "\n".join(rows)
        strides = self._strides | {"spill": len(self.spilled)}
        addresses = {
            "unit": "const ptrdiff_t unit = row * at.state_row + block * L;",
            "before": "const ptrdiff_t before = row * at.prev_row + block * L;",
        } | {
            name: f"T* {name} = at.{name} + row * at.{name}_row + block * {stride} * L;"
            for name, stride in strides.items()
        }
        addresses["spill"] = addresses["spill"].replace("row * at.spill_row + ", "")  # for one row at a time
        return [
            address.replace("T* z", "const T* z")
            for name, address in addresses.items()
            if f"({name} + " in text or f" + {name})" in text or f" + {name}," in text
        ]


def _stages(lines: Sequence[Line]) -> dict[str, int]:
    """Return each line's stage: a mean is known one stage after the one that sums it up."""
    stages: dict[str, int] = {}
    means = {line.name for line in lines if line.operation == "mean"}
    for line in lines:
        operands = [each for each in line.operands if each in stages]
        stages[line.name] = max((stages[each] + (each in means) for each in operands), default=0)
    return stages


def _uniform(lines: Sequence[Line], known: Iterable[str]) -> set[str]:
    """Return the values that are the same for all units: means, and what is computed from such values alone."""
    found = set(known)
    for line in lines:
        names = [each for each in line.operands if isinstance(each, str)]
        if line.operation == "mean" or (names and found.issuperset(names)):
            found.add(line.name)
    return found


def _name(value: str) -> str:
    return value.replace(".", "_")


def _operand(value: Operand) -> str:
    return _name(value) if isinstance(value, str) else f"static_cast<T>({value!r})"


def _expression(line: Line) -> str:
    operands = [_operand(each) for each in line.operands]
    if line.operation in _SIGNS:
        return f" {_SIGNS[line.operation]} ".join(operands)
    if line.operation == "negate":
        return f"-{operands[0]}"
    return f"{line.operation}({', '.join(_register(each) for each in line.operands)})"


def _register(value: Operand) -> str:
    return _name(value) if isinstance(value, str) else f"broadcast<V>({value!r})"


def _maker(cell: Declaration, plan: _Plan, forward: _Function, backward: _Function) -> list[str]:
    sequences = [*(-1 for _ in cell.noise), *(cell.states.index(state) for state in cell.below.values())]
    fields = {
        "gates": len(cell.gates),
        "h_gates": plan.strides["zh"],
        "states": len(cell.states),
        "weights": len(cell.weights),
        "constants": len(cell.constants),
        "sequences": len(sequences),
        "slots": plan.strides["saved"],
        "spill": max(len(forward.spilled), len(backward.spilled)),
        "whole": int(forward.stages > 1 or backward.stages > 1),
        "below": _array(sequences),
        "x_slot": _array(plan.x_slots),
        "gradients": len(plan.slots),
        "forward": f"{forward.name}<T>",
        "backward": f"{backward.name}<T>",
    }
    values = ", ".join(f".{name} = {value}" for name, value in fields.items())
    return [f"template <class T> constexpr Cell<T> cell_{cell.name}() {{", f"    return {{{values}}};", "}"]


def _array(numbers: Iterable[int]) -> str:
    return "{" + ", ".join(map(str, numbers)) + "}"
