"""Layers one after the other, each of which reads the outputs of the one before."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import Field, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tidegate.engine import noise
from tidegate.errors import DataError, SettingError
from tidegate.layers.registry import read
from tidegate.layers.sequence import SequenceLayer, State, without_padding
from tidegate.layers.settings import LayerSettings
from tidegate.settings import check_settings, setting

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(kw_only=True)
class Chain(LayerSettings):
    """Settings of layers one after the other; those of the first are called `0__…`, and so on.

    Example:
        >>> Chain(parts=("recurrent", "attention")).set_params(**{"0__units": 20}).parts[0].units
        20
    """

    name = "chain"
    parts: tuple[Any, ...] = setting(("recurrent", "attention"), "layers from the inputs on: their names or settings")
    dropout: float = setting(0.0, "share of the outputs of each part dropped while training", low=0, below=1)
    residual: bool = setting(False, "add what a part reads to its outputs")
    norm: bool = setting(False, "normalise the outputs of each part over their features")

    def build(self, input_size: int, *, context_size: int = 0) -> SequenceLayer:
        """Return the layers with fresh weights; a context enters those that read one."""
        parts: list[SequenceLayer] = []
        for part in self.nested():
            size = parts[-1].output_size if parts else input_size
            parts.append(part.build(size, context_size=context_size if part.reads_context else 0))
        return ChainLayer(parts, dropout=self.dropout, residual=self.residual, norm=self.norm)

    def nested(self) -> tuple[LayerSettings, ...]:
        """Return the settings of the parts.

        Raises:
            SettingError: a part names no layer.
        """
        return tuple(map(read, self.parts))

    @property
    def reads_context(self) -> bool:
        """Whether one of the parts takes a context."""
        return any(part.reads_context for part in self.nested())

    @property
    def title(self) -> str:
        """The parts' titles."""
        return "+".join(part.title for part in self.nested())

    def fingerprint(self) -> str:
        """What changes when the code of one of the parts does."""
        return "+".join(filter(None, (part.fingerprint() for part in self.nested())))

    def named(self) -> Self:
        """Return the same settings, those of the parts in full."""
        return replace(self, parts=tuple(part.named() for part in self.nested()))

    def check_together(self) -> None:
        """Check the settings of each part."""
        if not self.parts:
            raise SettingError(f"layer {self.name} needs at least one part, such as parts=('recurrent', 'attention')")
        for part in self.nested():
            check_settings(part)

    def options(self) -> dict[str, Field[Any]]:
        """Return the fields that may be set, those of the parts too."""
        own = {name: field for name, field in super().options().items() if name != "parts"}
        return own | {
            f"{number}__{name}": field
            for number, part in enumerate(self.nested())
            for name, field in part.options().items()
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings by name; `deep`, those of the parts too."""
        params = super().get_params(deep)
        for number, part in enumerate(self.nested() if deep else ()):
            params |= {f"{number}": part, **{f"{number}__{name}": each for name, each in part.get_params().items()}}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change settings by name, `0__units` those of the first part; copies of this object stay as they were.

        Raises:
            SettingError: there is no setting of this name.
        """
        inner = {name: params.pop(name) for name in list(params) if name.partition("__")[0].isdigit()}
        if "parts" in params:
            params["parts"] = tuple(map(read, params["parts"]))
        super().set_params(**params)
        for name, value in inner.items():
            self._set_part(name, value)
        return self

    def _set_part(self, name: str, value: Any) -> None:
        number, nested, own = name.partition("__")
        parts = list(self.nested())
        if int(number) >= len(parts):
            raise SettingError(f"{name} is no setting of layer {self.name}, whose parts are 0 to {len(parts) - 1}")
        parts[int(number)] = replace(parts[int(number)]).set_params(**{own: value}) if nested else read(value)
        self.parts = tuple(parts)


class ChainLayer(SequenceLayer):
    """Layers one after the other; streams if all do, and is causal if all are.

    With a residual connection a part's output is y + x, or y + Wx where their sizes differ (He et al., CVPR 2016,
    equations 1 and 2); with a norm it is then normalised over its features (Ba et al., arXiv:1607.06450), as the
    sublayers of Vaswani et al., NIPS 2017, section 3.1.
    """

    def __init__(
        self, parts: Sequence[SequenceLayer], *, dropout: float = 0.0, residual: bool = False, norm: bool = False
    ) -> None:
        """Join the parts.

        Args:
            parts: each reads as many features as the one before puts out.
            dropout: share of each part's outputs dropped while training; what follows the last drops its own.
            residual: add what a part reads to its outputs.
            norm: normalise each part's outputs over their features.
        """
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.dropout = dropout
        self.input_size, self._output_size = parts[0].input_size, parts[-1].output_size
        self.context_size = max(part.context_size for part in parts)
        self.streams, self.causal = all(part.streams for part in parts), all(part.causal for part in parts)
        sizes = [(part.input_size, part.output_size) for part in parts]
        self.skips = nn.ModuleList(
            nn.Identity() if size == out else nn.Linear(size, out, bias=False) for size, out in sizes if residual
        )
        self.norms = nn.ModuleList(nn.LayerNorm(out) for _, out in sizes if norm)
        self._counts: tuple[int, ...] | None = None

    @property
    def output_size(self) -> int:
        """Features of an output of the last part."""
        return self._output_size

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`. The state is those of the parts in a row."""
        self.check(x, lengths, context)
        x, after = without_padding(x, lengths), []
        for number, before in enumerate(self._split(state, x)):
            part = self._part(number)
            inputs = noise.dropout(x, self.dropout) if number and self.training else x
            y, end = part(inputs, before, lengths, context if part.context_size else None)
            x = without_padding(self._joined(number, inputs, y), lengths)
            after += end
        return x, tuple(after) if self.streams else ()

    def step(self, x: Tensor, state: State | None = None, context: Tensor | None = None) -> tuple[Tensor, State]:
        """Run one time step; see `SequenceLayer.step`."""
        self.check_step(x, context)
        after = []
        for number, before in enumerate(self._split(state, x)):
            part = self._part(number)
            y, end = part.step(x, before, context if part.context_size else None)
            x = self._joined(number, x, y)
            after += end
        return x, tuple(after)

    def last(self, y: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of the last part in which each row has seen all of its steps."""
        return self._part(-1).last(y, lengths)

    def extra_repr(self) -> str:
        """Return what `repr` shows in the brackets."""
        return f"dropout={self.dropout}" if self.dropout else ""

    def _part(self, number: int) -> SequenceLayer:
        part = self.parts[number]
        assert isinstance(part, SequenceLayer)
        return part

    def _joined(self, number: int, x: Tensor, y: Tensor) -> Tensor:
        y = y + self.skips[number](x) if self.skips else y
        return self.norms[number](y) if self.norms else y

    def _split(self, state: State | None, x: Tensor) -> list[State | None]:
        """Return the state of each part."""
        if not state:
            return [None] * len(self.parts)
        if self._counts is None:  # a part alone knows of how many tensors its state is made
            self._counts = tuple(_tensors(self._part(number), x) for number in range(len(self.parts)))
        if len(state) != sum(self._counts):
            raise DataError(f"state must hold {sum(self._counts)} tensors, those of all parts, not {len(state)}")
        rest = iter(state)
        return [tuple(next(rest) for _ in range(count)) for count in self._counts]


@torch.no_grad()
def _tensors(part: SequenceLayer, like: Tensor) -> int:
    """Return of how many tensors a layer's state is made: those after one step of zeros."""
    context = like.new_zeros(1, part.context_size) if part.context_size else None
    return len(copy.deepcopy(part).eval().step(like.new_zeros(1, part.input_size), None, context)[1])
