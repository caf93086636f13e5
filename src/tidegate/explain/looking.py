"""What is asked of a trained model: its inside, how far back it looks, which columns it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from tidegate.engine.threads import one_torch_thread
from tidegate.errors import DataError, SettingError
from tidegate.explain.finding import subject_of
from tidegate.explain.subject import SEQUENCE, Examples, evaluating
from tidegate.explain.watching import watch

ALL = "all columns"
GRADIENT, OCCLUSION = "gradient", "occlusion"
MOST_GRADIENTS = 32
MOST_JUDGED = 500
_ROWS = 512  # of a batch with one lag hidden after the other


@one_torch_thread()
def activations(model: Any, x: Any = None, **options: Any) -> pd.DataFrame:
    r"""Return gates, states and attention over time while a model answers one input.

    Gates follow from the states by the cell's own equations. One is given as the sigmoid, tanh or exponential that
    reads its pre-activation; where a cell has no one such function of a gate, as minGRU's candidate, the pre-activation
    :math:`W x_t + U h_{t-1} + b` itself, called `z.candidate`.

    Args:
        model: fitted, of any task, or a `torch.nn.Module` of sequences.
        x: what it looks at, as the task's `predict` takes it: of a forecaster a table, whose newest rows are read, or
            None for those of its fit; of a `WindowRegressor` windows, of which the last is read; of a module one input
            (1, T, F).
        options: `series`, of a forecaster: the one to look at, when there are several.

    Returns:
        A row for each value: layer (its name in the network, then that of the stacked layer as in its parameters), step
        (from 0, the oldest), unit, quantity and value. Quantities are gates and states by the cell's names; `attention`
        (`attention_0`, … of several heads), where `unit` is the step that is attended to; outputs `y` of other layers.
        `frame.attrs["notes"]` says in sentences of which layers something cannot be shown.

    Raises:
        DataError: the data cannot be used.
    """
    subject = subject_of(model, x, **options)
    seen = watch(subject.network, subject.one().examples)
    frame = seen.frame()
    frame.attrs["notes"] = [str(note) for note in seen.notes]
    return frame


def lookback(model: Any, x: Any = None, *, most: int = MOST_GRADIENTS, **options: Any) -> pd.DataFrame:
    r"""Return how much what a model answers depends on each step before it.

    The gradient at a lag is :math:`|\partial \hat y / \partial x_{t-lag}|` on the scale that the network works on, the
    mean over inputs and answers. The occlusion is how much the answers move, on the mean, when a column has at this lag
    its mean over the steps of the input in place of its value.

    Args:
        model: as `activations` takes it.
        x: as `activations` takes it, but all of its inputs count.
        most: inputs over which means are taken, evenly spaced, at least 1.
        options: `test_size` of a forecaster: the last share, or number of rows, of a table, whose windows are read.

    Returns:
        A row for each lag (1 is the newest step), column (and "all columns") and measure, "gradient" or "occlusion":
        lag, column, measure, value.

    Raises:
        DataError: the data cannot be used.
    """
    subject = subject_of(model, x, **options)
    return lookback_of(subject.network, subject.several(_count("most", most)))


@one_torch_thread()
def lookback_of(network: nn.Module, examples: Examples) -> pd.DataFrame:
    """Return `lookback` of these inputs."""
    places = {name: list(where[SEQUENCE]) for name, where in examples.columns.items() if where.get(SEQUENCE)}
    with evaluating(network):
        gradient = _gradient(examples)
        moved = {name: _occlusion(examples, channels) for name, channels in places.items()}
        moved[ALL] = _occlusion(examples, list(range(gradient.shape[1])))
    found = {GRADIENT: {name: gradient[:, channels].sum(1) for name, channels in places.items()}, OCCLUSION: moved}
    found[GRADIENT][ALL] = gradient.sum(1)
    steps = len(gradient)
    rows = [
        pd.DataFrame({"lag": np.arange(1, steps + 1), "column": name, "measure": measure, "value": values[::-1]})
        for measure, columns in found.items()
        for name, values in columns.items()
    ]
    return pd.concat(rows, ignore_index=True)


def _gradient(examples: Examples) -> np.ndarray:
    """Return the mean absolute gradient (T, C) of every answer in every channel at every step."""
    x = examples.inputs[SEQUENCE].detach().clone().requires_grad_()
    with torch.enable_grad():
        answers = _flat(examples.answer({**examples.inputs, SEQUENCE: x}))
        total = torch.zeros_like(x[0])
        for number in range(answers.shape[1] if answers.requires_grad else 0):  # a constant has no gradient
            own = answers[:, number].sum()  # an answer depends on its own input alone
            total += torch.autograd.grad(own, x, retain_graph=number + 1 < answers.shape[1])[0].abs().sum(0)
    return (total / answers.numel()).double().cpu().numpy()


@torch.no_grad()
def _occlusion(examples: Examples, channels: list[int]) -> np.ndarray:
    """Return how far the answers move (T,) when these channels have their mean at a step."""
    x = examples.inputs[SEQUENCE]
    whole, mean = _flat(examples.answer(examples.inputs)), x.mean(1)[:, channels]
    moved = []
    for steps in torch.arange(x.shape[1]).split(max(1, _ROWS // len(x))):
        inputs = {name: _repeated(part, len(steps)) for name, part in examples.inputs.items()}
        for hidden, step in zip(inputs[SEQUENCE].unflatten(0, (len(steps), len(x))), steps.tolist(), strict=True):
            hidden[:, step, channels] = mean
        answers = _flat(examples.answer(inputs))
        moved.append((answers.unflatten(0, (len(steps), len(x))) - whole).abs().mean((1, 2)))
    return torch.cat(moved).double().cpu().numpy()


def _flat(answers: Tensor) -> Tensor:
    return answers.reshape(len(answers), -1)


def _repeated(part: Tensor, times: int) -> Tensor:
    return part.repeat(times, *[1] * (part.dim() - 1))


def importance(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    repeats: int = 5,
    seed: int = 0,
    most: int = MOST_JUDGED,
    **options: Any,
) -> pd.DataFrame:
    """Return how much larger a model's error is when a column is that of other windows.

    Every window reads, of one column, the values of another window, drawn anew for each repeat, and its own of the rest
    (Breiman, 'Random forests', Machine Learning 45 (2001), section 10; scikit-learn's `permutation_importance`). A
    column that another one can stand in for seems to matter little.

    Args:
        model: as `activations` takes it; what it was trained on should not be what it is measured on.
        x: of a forecaster a table, on the last rows of which, `test_size` of them, it is measured; of a
            `WindowRegressor` or a module inputs.
        y: what follows x, where that is not a table.
        repeats: draws of each column, at least 1.
        seed: of the draws.
        most: windows to take at most, evenly spaced, at least 2.
        options: `test_size` of a forecaster, as its `backtest` takes it.

    Returns:
        A row for each column, the most important first: column, error (without permutation), permuted (the mean over
        repeats), spread (the standard deviation over repeats), importance (permuted less error); the error's name is
        `frame.attrs["metric"]`.

    Raises:
        DataError: the data cannot be used, or there is nothing to measure on.
    """
    subject = subject_of(model, x, y, **options)
    examples = subject.judged(_count("most", most))
    return importance_of(subject.network, examples, repeats=_count("repeats", repeats), seed=seed)


@one_torch_thread()
@torch.no_grad()
def importance_of(network: nn.Module, examples: Examples, *, repeats: int, seed: int) -> pd.DataFrame:
    """Return `importance` on these inputs."""
    assert examples.error is not None
    count, rng = len(examples.inputs[SEQUENCE]), np.random.default_rng(seed)
    if count < 2:
        raise DataError("columns are swapped between windows, and there is but one to measure on; give more rows")
    rows = []
    with evaluating(network):
        whole = examples.error(examples.answer(examples.inputs))
        for column, places in examples.columns.items():
            errors = []
            for _ in range(repeats):
                order = torch.from_numpy(rng.permutation(count))
                changed = {name: _swapped(examples.inputs[name], list(where), order) for name, where in places.items()}
                errors.append(examples.error(examples.answer({**examples.inputs, **changed})))
            mean = float(np.mean(errors))
            rows.append((column, whole, mean, float(np.std(errors)), mean - whole))
    frame = pd.DataFrame(rows, columns=["column", "error", "permuted", "spread", "importance"])
    frame = frame.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
    frame.attrs["metric"] = examples.metric
    return frame


def _swapped(part: Tensor, channels: list[int], order: Tensor) -> Tensor:
    part = part.clone()
    part[..., channels] = part[order][..., channels]
    return part


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingError(f"{name} must be a whole number of at least 1, not {value!r}")
    return value
