"""A model folder that was altered and signed again is refused by one error, before anything large is made."""

import copy
import hashlib
import json
import time

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tidegate
from tidegate import Forecaster, ModelFolderError, TidegateError, WindowRegressor
from tidegate.storage.model_folder import load_model, save_model

SMALL = {"units": 3, "layers": 1, "epochs": 2, "validation_size": 0.3}


def table(names=("a", "b")):
    times, rng = pd.date_range("2026-01-05", periods=60, freq="h"), np.random.default_rng(0)
    frames = [
        pd.DataFrame({"unique_id": n, "ds": times, "kind": n, "size": float(i), "y": rng.normal(size=60).cumsum()})
        for i, n in enumerate(names)
    ]
    return pd.concat(frames, ignore_index=True).assign(wind=rng.normal(size=60 * len(names)))


def fitted(kind, **more):
    if kind == "windows":
        x = np.random.default_rng(0).normal(size=(60, 6, 2))
        return WindowRegressor(**SMALL | more).fit(x, x[:, -2:, :1])
    options = {"static_cols": ("kind", "size"), "past_cols": ("wind",), "scale_by": "series"}
    return Forecaster(lookback=5, horizon=2, **SMALL | options | more).fit(table())


@pytest.fixture(scope="module", params=["table", "windows"])
def saved(request, tmp_path_factory):
    """The kind, config and arrays of a folder, and a place to save altered ones."""
    place = tmp_path_factory.mktemp("saved") / "model"
    fitted(request.param).save(place)
    kind = json.loads((place / "config.json").read_text(encoding="utf-8"))["kind"]
    return kind, *load_model(place, kind), place


def refused(saved, config, tensors):
    kind, _, _, place = saved
    save_model(place, kind, config, tensors)
    with pytest.raises(ModelFolderError) as caught:
        tidegate.load(place)
    assert "does not hold a usable" in str(caught.value)
    assert "\n" not in str(caught.value)


def with_first(value):
    def alter(tensor):
        tensor = tensor.clone()
        tensor.view(-1)[0] = value
        return tensor

    return alter


DAMAGE = {
    "nan": with_first(float("nan")),
    "inf": with_first(float("inf")),
    "longer": lambda tensor: torch.cat([tensor, tensor[:1]]),
    "shorter": lambda tensor: tensor[:-1],
    "another axis": lambda tensor: tensor.unsqueeze(-1),
    "half": lambda tensor: tensor.to(torch.float16),
    "whole": lambda tensor: tensor.to(torch.int32),
    "bool": lambda tensor: tensor.to(torch.bool),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_altered_array_is_refused(damage, saved):
    _, config, tensors, _ = saved
    for name, tensor in tensors.items():
        if damage in ("nan", "inf") and not tensor.is_floating_point():
            continue
        if not tensor.numel() or (name == "residuals" and damage == "shorter"):  # fewer errors are errors all the same
            continue
        refused(saved, config, tensors | {name: DAMAGE[damage](tensor)})


def test_an_array_too_few_or_too_many_is_refused(saved):
    _, config, tensors, _ = saved
    for name in tensors:
        refused(saved, config, {other: value for other, value in tensors.items() if other != name})
    refused(saved, config, tensors | {"more": torch.ones(1)})
    refused(saved, config, tensors | {"network.more": torch.ones(1)})


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_spread_that_cannot_be_divided_by_is_refused(value, saved):
    _, config, tensors, _ = saved
    for name in (name for name in tensors if name.endswith("spread")):
        refused(saved, config, tensors | {name: with_first(value)(tensors[name])})


def test_values_out_of_order_are_refused(saved):
    _, config, tensors, _ = saved
    if "residuals" not in tensors:
        return
    for name in ("residuals", "newest.times", "newest.starts"):
        refused(saved, config, tensors | {name: tensors[name].flip(0)})
    refused(saved, config, tensors | {"residuals": -tensors["residuals"].flip(0)})
    refused(saved, config, tensors | {"newest.static": with_first(7.0)(tensors["newest.static"])})
    refused(saved, config | {"ids": ["a", "a"]}, tensors)


@pytest.mark.parametrize("size", [10**8, 10**18])
@pytest.mark.parametrize("setting", ["layers", "units", "horizon", "lookback", "linear_skip"])
def test_a_size_that_nothing_has_is_refused_before_it_is_made(setting, size, saved):
    _, config, tensors, _ = saved
    altered = copy.deepcopy(config)
    holder = altered["settings"] if setting in altered["settings"] else altered
    if setting not in holder:
        return
    holder[setting] = size
    begin = time.perf_counter()
    if setting == "linear_skip":  # at most the lookback counts
        altered["settings"]["lookback"] = size
    if setting == "lookback" and "lookback" in altered:
        return  # windows of any length go through a network
    refused(saved, altered, tensors)
    assert time.perf_counter() - begin < 20  # it does not hang, also on a loaded machine


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2, 7, 10**8, 2**63, 10**30, 0.5, -0.5, 1e300]),
    st.sampled_from(["", "lstm", "gru", "h", "window", "global", "none", "quantile", "a", "\x00", "nan"]),
    st.lists(st.sampled_from([0, 1, 99.0, "a", "lag_3", "mean_900000000", None]), max_size=3),
    st.dictionaries(st.sampled_from(["name", "units", "a"]), st.sampled_from([1, "lstm", "recurrent"]), max_size=2),
)


def leaves(config, path=()):
    """The path to everything in a config, but what says of the epochs how they went."""
    yield path
    if path == ("history", "rows"):
        return
    for key in config if isinstance(config, dict) else range(len(config)) if isinstance(config, list) else ():
        yield from leaves(config[key], (*path, key))


@given(data=st.data())
@settings(max_examples=60)
def test_an_altered_config_is_refused_or_forecasts(saved, data):
    kind, config, tensors, place = saved
    path = data.draw(st.sampled_from([each for each in leaves(config) if each]))
    altered = copy.deepcopy(config)
    holder = altered
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(JSON)
    save_model(place, kind, altered, tensors)
    sentence, forecast = "", np.zeros(1)
    try:
        model = tidegate.load(place)
        forecast = model.predict().iloc[:, 2:] if kind == "forecaster" else model.predict(np.zeros((1, 6, 2)))
    except TidegateError as refusal:
        sentence = str(refusal)
    assert "\n" not in sentence
    assert np.isfinite(forecast).all(axis=None)


@pytest.mark.parametrize("kind", ["table", "windows"])
def test_the_same_fit_is_saved_as_the_same_bytes(kind, tmp_path):
    digests = set()
    for number in range(2):
        model = fitted(kind)
        for again in range(2):
            place = tmp_path / f"{number}{again}"
            model.save(place)
            names = ("config.json", "weights.safetensors")
            digests.add(hashlib.sha256(b"".join((place / name).read_bytes() for name in names)).hexdigest())
    tidegate.load(place).save(tmp_path / "loaded")
    digests.add(hashlib.sha256(b"".join((tmp_path / "loaded" / name).read_bytes() for name in names)).hexdigest())
    assert len(digests) == 1
