"""The temporal graph convolutional network: a graph convolution feeds a recurrence at each node."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tidegate.layers.graph import GraphSettings, Neighbours, by_node
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.settings import setting


@dataclass(kw_only=True)
class TGCN(GraphSettings):
    """Settings of a temporal graph convolutional network; each field's help says what it does."""

    name = "tgcn"

    units: int = setting(32, "hidden units at each node, of the convolutions and the recurrence", low=1)
    cell: str = setting("gru", "recurrent cell at each node; `tidegate cells` lists them")

    def build(self, input_size: int, *, context_size: int = 0) -> TGCNLayer:
        """Return a layer with fresh weights.

        Raises:
            SettingError: the inputs cannot be shared out among the nodes.
        """
        return TGCNLayer(self, input_size)


class TGCNLayer(SequenceLayer):
    r"""Two graph convolutions at each step, then a recurrence at each node, with weights that nodes share.

    The recurrence reads :math:`\sigma(\hat A\,\mathrm{ReLU}(\hat A X_t W_0) W_1)`, where :math:`\hat A` is the
    normalised :math:`A + I`: equations 2 to 6 of Zhao, Song, Zhang, Liu, Wang, Lin, Deng, Li, 'T-GCN: a temporal graph
    convolutional network for traffic prediction', IEEE Transactions on Intelligent Transportation Systems 21 (2020),
    3848-3858. The engine's GRU applies the reset gate behind the recurrent product, as torch does.

    Args:
        settings: what the layer was told.
        input_size: nodes * features + common features.
    """

    streams = causal = True

    def __init__(self, settings: TGCN, input_size: int) -> None:
        super().__init__()
        edges, self.nodes = settings.graph()
        self.input_size, self.common = input_size, settings.common
        features = settings.features(input_size) + settings.common
        self.neighbours = Neighbours(edges, self.nodes, loops=True)
        self.first = nn.Linear(features, settings.units, bias=False)
        self.second = nn.Linear(settings.units, settings.units, bias=False)
        self.recurrent = settings.recurrence(settings.units)

    @property
    def output_size(self) -> int:
        """Features of an output: nodes * units of the cell's output."""
        return self.nodes * self.recurrent.output_size

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`.

        A state holds (layers, B, nodes*units) for each of the cell's states.
        """
        self.check(x, lengths, context)
        batch, time, _ = x.shape
        u = by_node(without_padding(x, lengths), self.nodes, self.common).flatten(0, 1)
        u = torch.relu(self.neighbours(self.first(u)))
        u = torch.sigmoid(self.neighbours(self.second(u)))
        u = u.unflatten(0, (batch, time)).transpose(1, 2).flatten(0, 1)
        sizes = self.recurrent.cell.sizes(self.recurrent.units)
        before = start(state, x, [(self.recurrent.layers, batch, self.nodes * size) for size in sizes])
        before = tuple(part.unflatten(2, (self.nodes, -1)).flatten(1, 2) for part in before)
        each = None if lengths is None else lengths.repeat_interleave(self.nodes)
        y, after = self.recurrent(u, before, each)
        y = y.unflatten(0, (batch, self.nodes)).transpose(1, 2).flatten(2)
        return y, tuple(part.unflatten(1, (batch, self.nodes)).flatten(2) for part in after)
