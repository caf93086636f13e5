"""The neural Turing machine: a recurrent controller that reads and writes a memory by differentiable heads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tidegate.errors import SettingError
from tidegate.layers.sequence import SequenceLayer, State, start, without_padding
from tidegate.layers.settings import CellSettings
from tidegate.layers.spatial import keep
from tidegate.settings import setting


@dataclass(kw_only=True)
class NTM(CellSettings):
    """Settings of a neural Turing machine; each field's help says what it does."""

    name = "ntm"

    slots: int = setting(32, "places of the memory", low=2)
    width: int = setting(16, "numbers at a place of the memory", low=1)
    heads: int = setting(1, "heads that read, and as many that write", low=1)
    shift: int = setting(1, "places that a head can move in a step, in either direction", low=0)
    units: int = setting(64, "hidden units of the controller", low=1)

    def build(self, input_size: int, *, context_size: int = 0) -> NTMLayer:
        """Return a layer with fresh weights."""
        return NTMLayer(self, input_size)

    def check_together(self) -> None:
        """Refuse a cell that there is not, and a head that would move around the whole memory."""
        super().check_together()
        if 2 * self.shift >= self.slots:
            raise SettingError(f"shift must be below half of slots, {self.slots}, not {self.shift}")


class NTMLayer(SequenceLayer):
    r"""A recurrent controller with an external memory M of N places.

    At each step the controller reads the input and what its heads read last. Its output says for every head a key k, a
    strength :math:`\beta`, a gate g, weights s of the shifts, and a sharpness :math:`\gamma`, and with them the head
    moves from its last place w to

    .. math::
        w_c = \mathrm{softmax}(\beta \cos(k, M)), \quad w_g = g w_c + (1 - g) w, \quad
        \tilde w(i) = \sum_j s(j) w_g(i - j), \quad w = \tilde w^\gamma / \sum \tilde w^\gamma .

    Then the heads that read return :math:`\sum_i w(i) M(i)`, and those that write, one after the other, erase and add:
    :math:`M(i) \leftarrow M(i) (1 - w(i) e) + w(i) a`. An output is the controller's, and what was read. Source:
    Graves, Wayne, Danihelka, 'Neural Turing machines', arXiv 1410.5401 (2014), equations 2 to 9. The memory starts as
    1e-6 everywhere, and the first places and reads are learnt: Collier and Beel, 'Implementing neural Turing machines',
    ICANN 2018, section 3.

    Args:
        settings: what the layer was told.
        input_size: features of an input.
    """

    streams = causal = True

    def __init__(self, settings: NTM, input_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.slots, self.width, self.heads, self.shift = settings.slots, settings.width, settings.heads, settings.shift
        self.controller = settings.recurrence(input_size + self.heads * self.width)
        # For each head where it goes, and for each of those that write what it erases and adds.
        self._sizes = (self.width, 2 * self.shift + 1, 2, 1)  # key, shifts, strength and sharpness, gate
        self._split = (2 * self.heads * sum(self._sizes), self.heads * self.width, self.heads * self.width)
        self.emit = nn.Linear(self.controller.output_size, sum(self._split))
        self.first_place = nn.Parameter(torch.randn(2 * self.heads, self.slots))
        self.first_read = nn.Parameter(0.1 * torch.randn(self.heads, self.width))

    @property
    def output_size(self) -> int:
        """Features of an output: the controller's, and what each head read."""
        return self.controller.output_size + self.heads * self.width

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over a batch of sequences; see `SequenceLayer.forward`.

        A state holds whether there were steps (1, B, 1), the memory (slots, B, width), the places of the heads that
        read and of those that write (2*heads, B, slots), what was read (heads, B, width), and the controller's state
        (layers, B, units) each.
        """
        self.check(x, lengths, context)
        state, outputs = self._begin(x, state), []
        for t, now in enumerate(without_padding(x, lengths).unbind(1)):
            y, new = self._advance(now, state)
            outputs.append(y)
            state = new if lengths is None else keep(state, new, t < lengths)
        y = torch.stack(outputs, 1) if outputs else x.new_zeros(len(x), 0, self.output_size)
        return without_padding(y, lengths), tuple(part.transpose(0, 1) for part in state)

    def _begin(self, x: Tensor, state: State | None) -> State:
        """Return the state with the batch in front, and that before the first step in the rows that had none."""
        batch, heads, sizes = len(x), self.heads, self.controller.cell.sizes(self.controller.units)
        shapes = [(1, batch, 1), (self.slots, batch, self.width), (2 * heads, batch, self.slots)]
        shapes += [(heads, batch, self.width), *((self.controller.layers, batch, size) for size in sizes)]
        begun, *parts = (part.transpose(0, 1) for part in start(state, x, shapes))
        memory = torch.full_like(parts[0], 1e-6)
        fresh = (memory, self.first_place.softmax(-1), self.first_read.tanh())
        parts[:3] = [torch.where(begun > 0, *each) for each in zip(parts[:3], fresh, strict=True)]
        return (begun, *parts)

    def _advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one step: x (B, I) to the output (B, output_size) and the new state."""
        begun, memory, place, read, *hidden = state
        h, after = self.controller.step(
            torch.cat([x, read.flatten(1)], 1), tuple(part.transpose(0, 1) for part in hidden)
        )
        address, erase, add = self.emit(h).split(self._split, 1)
        place = self._move(memory, place, address.unflatten(1, (2 * self.heads, -1)))
        reading, writing = place.chunk(2, 1)
        read = reading @ memory
        erase = erase.sigmoid().unflatten(1, (self.heads, 1, self.width))
        add = add.tanh().unflatten(1, (self.heads, 1, self.width))
        for head in range(self.heads):
            change = add[:, head] - erase[:, head] * memory
            memory = torch.addcmul(memory, writing[:, head, :, None], change)
        y = torch.cat([h, read.flatten(1)], 1)
        return y, (torch.ones_like(begun), memory, place, read, *(part.transpose(0, 1) for part in after))

    def _move(self, memory: Tensor, place: Tensor, address: Tensor) -> Tensor:
        """Return where the heads (B, 2*heads, slots) go from a place, by what the controller says of each."""
        key, shifts, powers, gate = address.split(self._sizes, -1)
        key, powers = key.tanh(), functional.softplus(powers)
        lengths = torch.linalg.vector_norm(key, dim=-1)[..., None] * torch.linalg.vector_norm(memory, dim=-1)[:, None]
        likeness = key @ memory.mT / lengths.clamp(min=1e-12)
        place = torch.lerp(place, (powers[..., :1] * likeness).softmax(-1), gate.sigmoid())
        if self.shift:
            around = torch.cat([place[..., -self.shift :], place, place[..., : self.shift]], -1)
            place = (around.unfold(-1, 2 * self.shift + 1, 1) @ shifts.softmax(-1)[..., None])[..., 0]
        # The power as a softmax of logarithms: its gradient is finite where a place has lost all weight.
        return ((1 + powers[..., 1:]) * place.clamp(min=1e-12).log()).softmax(-1)
