"""Graphs for layers: edges among their settings, and what each node's neighbours hold, dense or sparse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.errors import SettingError
from tidegate.layers.settings import CellSettings
from tidegate.settings import setting

if TYPE_CHECKING:
    from typing_extensions import Self

Edges = tuple[tuple[int, int, float], ...]

# A dense product is the faster one above this share of entries that are not 0: measured with 200 to 2000 nodes.
_DENSE = 0.15


@dataclass(kw_only=True)
class GraphSettings(CellSettings):
    """What all layers over a graph are told.

    Inputs are the features of the first node, of the second, and so on, then `common` features which every node reads.
    A model folder holds the edges themselves, whatever file they came from.
    """

    edges: str | tuple[Any, ...] = setting(
        (), "edges as (i, j) or (i, j, weight), node i reads node j; or a CSV file of the adjacency matrix"
    )
    nodes: int = setting(0, "nodes of the graph (default: as many as the file has)", low=0)
    common: int = setting(0, "inputs, the last ones, that every node reads, such as the hour", low=0)

    def graph(self) -> tuple[Edges, int]:
        """Return the edges with their weights, and the number of nodes.

        Raises:
            SettingError: a file cannot be read, or its numbers or the edges are none of a graph.
        """
        if isinstance(self.edges, str | Path):
            edges, nodes = _read(Path(self.edges))
            if self.nodes not in (0, nodes):
                raise SettingError(f"nodes is {self.nodes}, but {self.edges} is a matrix of {nodes}; leave nodes out")
            return edges, nodes
        if not self.nodes or not len(self.edges):
            raise SettingError(
                f"layer {self.name} needs its graph: edges=((0, 1), (1, 0)) and nodes=2, or edges='adjacency.csv'"
            )
        return _checked(self.edges, self.nodes), self.nodes

    def features(self, input_size: int) -> int:
        """Return how many of the inputs each node has of its own.

        Raises:
            SettingError: the inputs cannot be shared out among the nodes.
        """
        nodes = self.graph()[1]
        own, rest = divmod(input_size - self.common, nodes)
        if own < 1 or rest:
            raise SettingError(
                f"{input_size} inputs, of which {self.common} are common, cannot be shared out among {nodes} nodes; "
                "there must be as many for each, and common says how many of the last ones all nodes read"
            )
        return own

    def named(self) -> Self:
        """Return the same settings with the edges themselves, so that a model folder needs no file.

        Raises:
            SettingError: the edges are none of a graph, or the cell is one of the user's own and not registered.
        """
        edges, nodes = self.graph()
        return replace(super().named(), edges=edges, nodes=nodes)

    def check_together(self) -> None:
        """Refuse what is no graph, and a cell that there is not."""
        super().check_together()
        self.graph()


def edges_of(matrix: Any) -> Edges:
    """Return the edges of an adjacency matrix (N, N) whose entry (i, j) is the weight with which node i reads node j.

    Raises:
        SettingError: it is not square, or an entry is negative or not finite.

    Example:
        >>> edges_of([[0, 1], [0.5, 0]])
        ((0, 1, 1.0), (1, 0, 0.5))
    """
    try:
        entries = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        raise SettingError("an adjacency matrix must hold numbers, as many in each row") from None
    if entries.ndim != 2 or entries.shape[0] != entries.shape[1]:
        raise SettingError(f"an adjacency matrix must be square, not of shape {entries.shape}")
    wrong = np.argwhere(~np.isfinite(entries) | (entries < 0))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise SettingError(
            f"an adjacency matrix must hold finite numbers of at least 0, not {entries[row, column]} in row {row + 1}, "
            f"column {column + 1}"
        )
    return tuple((i, j, float(entries[i, j])) for i, j in np.argwhere(entries).tolist())


class Neighbours(nn.Module):
    r"""What the neighbours of each node hold, weighed by the edges: a product with a constant matrix.

    The matrix is :math:`D_r^{-1/2} A D_c^{-1/2}` with the sums of A's rows and columns on the diagonals: for an
    undirected graph the usual symmetric normalisation, and for any graph without singular values above 1.

    Args:
        edges: entries (i, j, weight) of A.
        nodes: size of A.
        loops: add each node as a neighbour of its own, with weight 1.
    """

    index: Tensor
    weight: Tensor

    def __init__(self, edges: Edges, nodes: int, *, loops: bool = False) -> None:
        super().__init__()
        entries = dict.fromkeys([(node, node) for node in range(nodes)], 1.0) if loops else {}
        for i, j, weight in edges:
            entries[i, j] = entries.get((i, j), 0.0) + weight
        rows, columns = np.array(sorted(entries), dtype=np.int64).T
        values = np.array([entries[each] for each in sorted(entries)])
        sums = np.bincount(rows, values, nodes)[rows] * np.bincount(columns, values, nodes)[columns]
        values = values / np.sqrt(np.where(sums > 0, sums, 1))
        self.nodes, self.dense = nodes, len(values) > _DENSE * nodes**2
        index = np.stack([rows, columns])
        if self.dense:
            matrix = np.zeros((nodes, nodes))
            matrix[rows, columns] = values
            index, values = index[:, :0], matrix
        # They follow from the settings and are not saved.
        self.register_buffer("index", torch.tensor(index), persistent=False)
        self.register_buffer("weight", torch.tensor(values, dtype=torch.get_default_dtype()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return for each node the weighted sum of its neighbours: x (M, N, F) to (M, N, F)."""
        matrix = self.weight
        if not self.dense:
            matrix = torch.sparse_coo_tensor(
                self.index, matrix, (self.nodes, self.nodes), check_invariants=False, is_coalesced=True
            )
        nodes_first = x.transpose(0, 1)
        return torch.mm(matrix, nodes_first.reshape(self.nodes, -1)).view(nodes_first.shape).transpose(0, 1)


def by_node(x: Tensor, nodes: int, common: int) -> Tensor:
    """Lay out inputs (B, T, nodes*features + common) as (B, T, nodes, features + common)."""
    own = x[..., : x.shape[-1] - common].unflatten(-1, (nodes, -1))
    if not common:
        return own
    return torch.cat([own, x[..., None, -common:].expand(-1, -1, nodes, -1)], -1)


def _read(path: Path) -> tuple[Edges, int]:
    try:
        matrix = np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingError(f"edges: {path} cannot be read as a matrix of numbers without a heading ({error})") from None
    try:
        edges = edges_of(matrix)
    except SettingError as error:
        raise SettingError(f"edges: {path}: {error}") from None
    if not edges:
        raise SettingError(f"edges: {path} has no edges, for all its numbers are 0")
    return edges, len(matrix)


def _checked(edges: Sequence[Any], nodes: int) -> Edges:
    """Return edges with their weights, 1 where none is given."""
    checked: dict[tuple[int, int], float] = {}
    for edge in edges:
        try:
            i, j, weight = (*edge, 1.0) if len(edge) == 2 else edge
            fits = int(i) == i and int(j) == j and min(i, j) >= 0 and max(i, j) < nodes and 0 <= weight < float("inf")
        except (TypeError, ValueError, OverflowError):
            fits = False
        if not fits:
            raise SettingError(
                f"edges must hold (i, j) or (i, j, weight) with nodes from 0 to {nodes - 1} and a finite weight of at "
                f"least 0, not {edge!r}"
            )
        if (int(i), int(j)) in checked:
            raise SettingError(f"edges names the edge from {i} to {j} twice")
        checked[int(i), int(j)] = float(weight)
    return tuple((i, j, weight) for (i, j), weight in checked.items())
