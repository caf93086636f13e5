"""Wrong arguments meet torch's own errors, word for word."""

import pytest
import torch
from torch import nn
from twins import MODES, Counter, make_hx, twins

import tidegate.nn

CONSTRUCTIONS = [
    (0, 4),
    (3, 0),
    (-1, 4),
    (3.0, 4),
    (3, "4"),
    (3, 4, 0),
    (3, 4, -2),
]
OPTIONS = [
    {"bias": 1},
    {"batch_first": "no"},
    {"dropout": 2.0},
    {"dropout": -0.5},
    {"dropout": False},
    {"proj_size": -1},
    {"proj_size": 4},
    {"nonlinearity": "sigmoid"},
    {"layers": 2},
    {"device": "nowhere"},
    {"dtype": torch.int64},
]


def refuse_alike(mine, other):
    """Check that both calls fail, with errors of one kind and one text."""
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        other()
    with pytest.raises(type(theirs.value)) as ours:
        mine()
    assert str(ours.value) == str(theirs.value)
    return theirs.type


@pytest.mark.parametrize("sizes", CONSTRUCTIONS, ids=str)
@pytest.mark.parametrize("name", MODES)
def test_impossible_sizes_are_refused(name, sizes):
    ours, theirs = getattr(tidegate.nn, name), getattr(nn, name)
    assert refuse_alike(lambda: ours(*sizes), lambda: theirs(*sizes)) in (ValueError, TypeError)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", MODES)
def test_impossible_options_are_refused(name, options):
    ours, theirs = getattr(tidegate.nn, name), getattr(nn, name)
    refuse_alike(lambda: ours(3, 4, **options), lambda: theirs(3, 4, **options))


INPUTS = {
    "features": torch.zeros(6, 5, 2),
    "one dimension": torch.zeros(3),
    "no dimension": torch.tensor(1.0),
    "four dimensions": torch.zeros(2, 6, 5, 3),
    "features alone": torch.zeros(6, 4),
    "no steps": torch.zeros(0, 5, 3),
    "float64": torch.zeros(6, 5, 3, dtype=torch.float64),
    "float16": torch.zeros(6, 5, 3, dtype=torch.float16),
    "whole numbers": torch.zeros(6, 5, 3, dtype=torch.int64),
    "another device": torch.zeros(6, 5, 3, device="meta"),
    "sparse": torch.zeros(6, 5, 3).to_sparse(),
    "array": torch.zeros(6, 5, 3).numpy(),
    "list": [[[0.0, 0.0, 0.0]]],
    "None": None,
}


@pytest.mark.parametrize("case", INPUTS)
@pytest.mark.parametrize("name", MODES)
def test_wrong_input_is_refused(name, case, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    refuse_alike(lambda: mine(INPUTS[case]), lambda: other(INPUTS[case]))
    assert counter.calls == 0


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("shape", [(2, 5, 4), (1, 4, 4), (1, 5, 3), (5, 4), (4,), (1, 1, 5, 4)], ids=str)
@pytest.mark.parametrize("name", MODES)
def test_wrong_state_is_refused(name, shape, part, monkeypatch):
    counter, (mine, other) = Counter(monkeypatch), twins(name, 3, 4)
    x, hx = torch.zeros(6, 5, 3), torch.zeros(shape)
    if name == "LSTM":
        hx = (hx, torch.zeros(1, 5, 4)) if part == 0 else (torch.zeros(1, 5, 4), hx)
    assert refuse_alike(lambda: mine(x, hx), lambda: other(x, hx)) is RuntimeError
    assert counter.calls == 0


@pytest.mark.parametrize("name", MODES)
def test_batched_state_for_a_sequence_alone_is_refused(name):
    mine, other = twins(name, 3, 4)
    x, hx = torch.zeros(6, 3), make_hx(mine, 1)
    assert refuse_alike(lambda: mine(x, hx), lambda: other(x, hx)) is RuntimeError


@pytest.mark.parametrize("kind", ["one tensor", "three", "tensor in a tuple", "float64", "another device"])
@pytest.mark.parametrize("name", MODES)
def test_state_of_another_kind_is_refused(name, kind):
    mine, other = twins(name, 3, 4)
    part = torch.zeros(1, 5, 4)
    hx = {
        "one tensor": part if name == "LSTM" else (part, part),
        "three": (part,) * 3,
        "tensor in a tuple": (part,),
        "float64": (part.double(),) * 2 if name == "LSTM" else part.double(),
        "another device": (part.to("meta"),) * 2 if name == "LSTM" else part.to("meta"),
    }[kind]
    x = torch.zeros(6, 5, 3)
    refuse_alike(lambda: mine(x, hx), lambda: other(x, hx))


@pytest.mark.parametrize("name", MODES)
def test_arguments_may_be_named(name):
    mine, _ = twins(name, 3, 4)
    x, hx = torch.randn(6, 5, 3), make_hx(mine, 5)
    assert torch.equal(mine(input=x, hx=hx)[0], mine(x, hx)[0])
    with pytest.raises(TypeError):
        mine(x, state=hx)
