"""Graph-convolutional recurrence: a cell at each node, whose products read the neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear

from tidegate.layers.graph import GraphSettings, Neighbours, by_node
from tidegate.layers.spatial import SpatialRecurrent, spatial_cell
from tidegate.settings import setting


@dataclass(kw_only=True)
class GConv(GraphSettings):
    """Settings of graph-convolutional recurrent layers; each field's help says what it does."""

    name = "gconv"

    order: int = setting(2, "Chebyshev polynomials, so that a node reads others up to order - 1 edges away", low=1)
    units: int = setting(16, "hidden units at each node", low=1)
    cell: str = setting("gru", "cell at each node; lstm and peephole do too")

    def build(self, input_size: int, *, context_size: int = 0) -> GConvLayer:
        """Return a layer with fresh weights.

        Raises:
            SettingError: the inputs cannot be shared out among the nodes.
        """
        return GConvLayer(self, input_size)

    def check_together(self) -> None:
        """Refuse what is no graph, and a cell that cannot be spread over one."""
        super().check_together()
        spatial_cell(self.cell, self.units)


class GConvLayer(SpatialRecurrent):
    r"""A recurrent layer at the nodes of a graph, whose products are graph convolutions with weights that nodes share.

    A product is :math:`\sum_{k<K} T_k(\tilde L) X W_k` with the Chebyshev polynomials
    :math:`T_k = 2 \tilde L T_{k-1} - T_{k-2}`, :math:`T_0 = I`, :math:`T_1 = \tilde L`, of the rescaled Laplacian
    :math:`\tilde L = L - I = -D^{-1/2} A D^{-1/2}`, for the largest eigenvalue of L is at most 2. Source: Seo,
    Defferrard, Vandergheynst, Bresson, 'Structured sequence modeling with graph convolutional recurrent networks',
    arXiv 1612.07659 (2016), model 2, whose cell is `peephole`; with `gru` it is known as GConvGRU.

    Args:
        settings: what the layer was told.
        input_size: nodes * features + common features.
    """

    def __init__(self, settings: GConv, input_size: int) -> None:
        edges, nodes = settings.graph()
        super().__init__(
            settings,
            input_size,
            features=settings.features(input_size) + settings.common,
            places=(nodes,),
            taps=settings.order,
            own_extras=False,
        )
        self.order, self.common = settings.order, settings.common
        self.neighbours = Neighbours(edges, nodes)

    @property
    def output_size(self) -> int:
        """Features of an output: nodes * units."""
        return self.places[0] * self.units

    def product(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Convolve (M, nodes, F) to (M, nodes, R); see `SpatialRecurrent.product`."""
        terms = [x]
        for k in range(1, self.order):
            term = -self.neighbours(terms[-1])
            terms.append(term if k == 1 else 2 * term - terms[-2])
        return linear(torch.cat(terms, -1), weight, bias)

    def spread(self, x: Tensor) -> Tensor:
        """Lay out inputs by node (B, T, nodes, features + common)."""
        return by_node(x, self.places[0], self.common)

    def gather(self, y: Tensor) -> Tensor:
        """Lay out hidden units as outputs (B, T, nodes*units)."""
        return y.flatten(2)
