"""How gradients vanish in fresh networks of every cell: the numbers and the figure of `gradients.md`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch

from tidegate import Recurrent, cells
from tidegate.explain import gradient_norms
from tidegate.explain.figures import gradient_figure
from tidegate.reporting.pictures import png

INPUTS, UNITS, STEPS, SEEDS = 8, 32, 100, 3
DISTANCES = (1, 5, 10, 20, 50, 99)
DRAWN = ("rnn", "gru", "lstm", "layernorm", "slstm", "mingru")


def measured(names: Sequence[str] | None = None) -> pd.DataFrame:
    """A row for each cell and distance with the norm relative to distance 0, the geometric mean over seeds."""
    frames = []
    for seed in range(SEEDS):
        layers = {name: _fresh(name, seed) for name in names or cells.names()}
        frames.append(gradient_norms(layers, steps=STEPS, seed=seed).set_index(["layer", "distance"])["relative"])
    logs = np.log(pd.concat(frames, axis=1).clip(lower=1e-300))
    return np.exp(logs.mean(axis=1)).rename("relative").reset_index()


def _fresh(name: str, seed: int) -> Recurrent:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Recurrent(name, INPUTS, UNITS).double()


def page(frame: pd.DataFrame) -> str:
    """The page with the table of all cells, that which vanishes last first."""
    table = frame.pivot_table(index="layer", columns="distance", values="relative")
    rows = [f"| cell | {' | '.join(f'{distance}' for distance in DISTANCES)} |", "|---|" + "---|" * len(DISTANCES)]
    for name in table.sort_values(DISTANCES[-1], ascending=False, kind="stable").index:
        numbers = [_text(float(table.loc[name, distance])) for distance in DISTANCES]  # pyright: ignore[reportArgumentType]
        rows.append(f"| [{name}](cells/{name}.md) | {' | '.join(numbers)} |")
    return _PAGE.format(inputs=INPUTS, units=UNITS, steps=STEPS, seeds=SEEDS, table="\n".join(rows))


def figure(frame: pd.DataFrame) -> bytes:
    """The figure, of some of the cells, as a PNG."""
    return png(partial(gradient_figure, frame[frame["layer"].isin(DRAWN)]))


def _text(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else f"{value:.0e}".replace("e-0", "e-")


_PAGE = """# How gradients vanish

To learn that the input of 50 steps ago matters, a network needs a gradient that comes back over 50 steps. In a simple
recurrent network it is multiplied at each step by a matrix and by derivatives below 1, so it shrinks by about the same
factor a step: it vanishes. Gates change that: the memory of an LSTM passes the gradient on by one factor alone, its
forget gate ([walkthrough](walkthrough.md)).

The table shows the norm of the gradient of the last output in the input so many steps before, relative to the gradient
in the newest input: networks with fresh weights, {units} units, {inputs} inputs of noise over {steps} steps, the
geometric mean of {seeds} seeds, in float64.

{table}

![Gradient norm against distance for six cells, on a logarithmic scale](gradients.png)

How to read it:

- This is where training starts, not what it can reach: weights that are trained carry some gradients further. A forget
  gate's bias of 1 is why the LSTM and its relatives start better than the GRU, whose gates start half open.
- Fresh gates of minGRU are half open too, and without a recurrent matrix nothing else helps: one half a step.
- A layer-normalised LSTM does not vanish here but grows a little from step to step: over long sequences the opposite
  trouble, for which gradients are clipped.
- The Clockwork network's slow units read only the steps at which they tick: from those the gradient comes back in few
  jumps (99 is one of them), from the others hardly at all.
- A gradient that arrives is not yet a dependence that is learned; [layers](layers.md) that look far back by other
  means, convolutions or attention, have no such decay.

Yours are two lines:

```python
from tidegate import Recurrent, explain

frame = explain.gradient_norms({{"gru": Recurrent("gru", 8, 32), "lstm": Recurrent("lstm", 8, 32)}}, steps=100)
explain.draw_gradient_norms(frame)
```

`tidegate explain RUN` draws the same curve for the layer that you trained, beside fresh ones of its size.

`make docs` writes this page again.
"""
