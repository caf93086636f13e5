"""Who stands in a row: networks of a layer and a linear head, made as large as each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from benchmarks.family.tasks import Batch, Task
from torch import Tensor, nn

from tidegate.cells import Cell
from tidegate.layers import (
    Attention,
    AttentionPooling,
    Chain,
    DocumentEncoder,
    LayerSettings,
    Recurrent,
    RecurrentSettings,
    SequenceLayer,
)

EMBEDDED = 64


@dataclass(frozen=True)
class Member:
    """A network by name.

    Attributes:
        name: what the table calls it.
        make: makes it for a task, of a width.
        own: the row is the ground that its paper is about; else it stands there to be compared with.
        multiple: what a width must be a multiple of.
    """

    name: str
    make: Callable[[Task, int], nn.Module]
    own: bool = True
    multiple: int = 2


class Net(nn.Module):
    """A sequence layer, and a linear head on each of its outputs or on the last."""

    def __init__(self, layer: SequenceLayer, task: Task) -> None:
        super().__init__()
        self.layer, self.every = layer, task.every
        self.head = nn.Linear(layer.output_size, task.outputs)

    def forward(self, batch: Batch) -> Tensor:
        """Return what is said of a batch: (B, T, outputs), or (B, outputs) after the last step."""
        y, _ = self.layer(batch.x, lengths=batch.lengths)
        return self.head(y if self.every else self.layer.last(y, batch.lengths))


class AtEachNode(nn.Module):
    """A forecast of the change at each node since the last step, by one head for all nodes."""

    def __init__(self, layer: SequenceLayer, nodes: int, ahead: int, *, folded: bool = False) -> None:
        super().__init__()
        self.layer, self.nodes, self.folded, self.scale = layer, nodes, folded, 10.0
        self.head = nn.Linear(layer.output_size // (1 if folded else nodes), ahead)
        nn.init.zeros_(self.head.weight)

    def forward(self, batch: Batch) -> Tensor:
        """Return the forecasts (B, nodes, ahead) of values (B, T, nodes), in their unit."""
        last = batch.x[:, -1]
        x = (batch.x - 60) / self.scale
        if self.folded:  # each node a row of its own
            x = x.mT.flatten(0, 1)[..., None]
        y = self.layer.last(self.layer(x)[0])
        return last[..., None] + self.scale * self.head(y.view(len(last), self.nodes, -1))


class OverAllNodes(AtEachNode):
    """The same forecast from a layer that reads all nodes as features."""

    def __init__(self, layer: SequenceLayer, nodes: int, ahead: int) -> None:
        super().__init__(layer, 1, ahead)
        self.head = nn.Linear(layer.output_size, nodes * ahead)
        nn.init.zeros_(self.head.weight)

    def forward(self, batch: Batch) -> Tensor:
        """Return the forecasts (B, nodes, ahead) of values (B, T, nodes)."""
        y = self.layer.last(self.layer((batch.x - 60) / self.scale)[0])
        return batch.x[:, -1, :, None] + self.scale * self.head(y).unflatten(1, (batch.x.shape[2], -1))


class Reader(nn.Module):
    """A text's class, from its words one behind the other: the last output, or attention over all of them."""

    def __init__(self, layer: SequenceLayer, task: Task, *, attends: bool = False) -> None:
        super().__init__()
        self.embed, self.layer = nn.Embedding(task.inputs, EMBEDDED, padding_idx=0), layer
        self.pool = AttentionPooling(layer.output_size, 32) if attends else None
        self.head = nn.Linear(layer.output_size, task.outputs)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits (B, classes) of words (B, sentences, words)."""
        words = batch.x.flatten(1)
        lengths = (words > 0).sum(1)
        words = words.gather(1, torch.argsort((words == 0).long(), dim=1, stable=True))[:, : int(lengths.max())]
        y, _ = self.layer(self.embed(words), lengths=lengths)
        return self.head(self.layer.last(y, lengths) if self.pool is None else self.pool(y, lengths)[0])


class DocumentReader(nn.Module):
    """A text's class, from its sentences and their words (Yang et al. 2016)."""

    def __init__(self, task: Task, units: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(task.inputs, EMBEDDED, padding_idx=0)
        of_words, of_sentences = (Recurrent("gru", size, units, bidirectional=True) for size in (EMBEDDED, 2 * units))
        self.encoder = DocumentEncoder(of_words, of_sentences, units=32)
        self.head = nn.Linear(2 * units, task.outputs)

    def forward(self, batch: Batch) -> Tensor:
        """Return the logits (B, classes) of words (B, sentences, words)."""
        assert batch.lengths is not None
        vectors, _, _ = self.encoder(self.embed(batch.x), batch.lengths, (batch.lengths > 0).sum(1))
        return self.head(vectors)


def of(name: str, settings: Callable[[int], LayerSettings], **options: Any) -> Member:
    """Return a member whose layer has settings that depend on its width."""
    return Member(name, lambda task, width: Net(settings(width).build(task.inputs), task), **options)


def cell(name: str, kind: str | type[Cell] = "", *, own: bool = True, multiple: int = 2, **options: Any) -> Member:
    """Return a member that is the recurrent layer of a cell, `kind` where the name is another."""

    def make(task: Task, width: int) -> nn.Module:
        return Net(Recurrent(kind or name, task.inputs, width, **options), task)

    return Member(name, make, own, multiple)


def attended(width: int) -> LayerSettings:
    """Return an LSTM whose outputs attend to those before them."""
    return Chain(parts=(RecurrentSettings(units=width, layers=1), Attention(units=width)))


LSTM = cell("lstm", own=False)


def weights_of(network: nn.Module) -> int:
    """Return the numbers that a network learns, without embeddings and without what a mask takes away."""
    count = sum(each.numel() for each in network.parameters())
    for part in network.modules():
        if isinstance(part, nn.Embedding):
            count -= part.weight.numel()
        if isinstance(part, Recurrent) and hasattr(part, "recurrent_mask"):
            missing = int((part.recurrent_mask == 0).sum())
            count -= missing * sum("weight_hh" in name for name, _ in part.named_parameters())
    return count


def fitted_width(member: Member, task: Task, target: int) -> int:
    """Return the width at which a member has about as many weights as the target."""

    def off(units: int) -> int:
        with torch.random.fork_rng(devices=[]):
            return weights_of(member.make(task, units * member.multiple)) - target

    high = 1
    while off(high) < 0:
        high *= 2
    low = max(1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if off(middle) < 0 else (low, middle)
    return member.multiple * min((low, high), key=lambda units: abs(off(units)))
