"""Every layer that there is works in a forecaster: fitted, saved, loaded, streamed, and from the command line."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import typer

import tidegate
from tidegate import Forecaster, ModelFolderError, layers
from tidegate.cli.forecast import app
from tidegate.cli.options import chosen_layer, read_settings, write_toml
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.layers import registry
from tidegate.storage import model_folder

FRAME = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=40, freq="h"), "y": np.sin(np.arange(40) / 3)})
CHAIN = "multiscale+attention"


@pytest.fixture
def needed(tmp_path):
    """Settings that a layer has no default of: a frame of one pixel, and a graph of one node in a file."""
    file = tmp_path / "graph.csv"
    file.write_text("1\n", encoding="utf-8")
    return {"convlstm": {"frame": (1, 1)}} | {name: {"edges": str(file)} for name in ("gconv", "tgcn")}


@pytest.mark.parametrize("name", [*layers.names(), CHAIN])
def test_what_is_loaded_and_what_is_streamed_forecasts_as_what_was_fitted(name, needed, tmp_path):
    layer = {"name": name, **needed[name]} if name in needed else name
    forecaster = Forecaster(layer=layer, lookback=8, horizon=2, epochs=1).fit(FRAME)
    expected = forecaster.predict()
    assert np.isfinite(expected.iloc[:, -1]).all()
    forecaster.save(tmp_path / "model")
    loaded = tidegate.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(), expected, check_exact=True)
    assert loaded.settings().layer_settings().named() == forecaster.settings().layer_settings().named()
    stream = loaded.stream()
    forecasts = [stream.push(row.y, row.ds) for row in FRAME.itertuples()]
    np.testing.assert_allclose(forecasts[-1].values[:, 0], expected.iloc[:, -1], rtol=1e-5, atol=1e-6)


def options_of(name, needed):
    """Return every setting of a layer that has a default, or is needed, as options that give just this."""
    for path, field in registry.options(name).items():
        flag = f"--layer.{path.replace('__', '.').replace('_', '-')}"
        value = needed.get(path, field.default)
        if isinstance(value, bool):
            yield flag if value else flag.replace("--", "--no-", 1)
        elif value is not None:
            yield f"{flag}={','.join(map(str, value)) if isinstance(value, tuple) else value}"


@pytest.mark.parametrize("name", [*layers.names(), CHAIN])
def test_every_setting_of_a_layer_is_an_option(name, needed):
    own = needed.get(name, {})
    fit = typer.main.get_command(app).commands["fit"]
    context = fit.make_context("fit", ["sales.csv", "--layer", name, *options_of(name, own)])
    layer = chosen_layer(None, context.params["layer"])["layer"]
    assert layer.named() == registry.read(name).set_params(**own).named()


@pytest.mark.parametrize("name", [*layers.names(), CHAIN])
def test_settings_in_a_file_are_read_as_they_were_written(name, needed, tmp_path):
    layer = registry.read(name).set_params(**needed.get(name, {})).named()
    write_toml(tmp_path / "settings.toml", {"epochs": 3, "layer": asdict(layer)})
    values = read_settings(ForecasterSettings, tmp_path / "settings.toml", {})
    assert values["layer"].named() == layer
    assert values["epochs"] == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"units": 10**9}, "units is 1000000000, more than the weights have"),
        ({"layers": 10**9}, "layers is 1000000000, more than the weights have"),
        ({"strides": [1, *range(2, 10**5)]}, "strides has 99999 parts, more than there are weights"),
    ],
)
def test_a_chains_part_larger_than_its_weights_is_refused_at_once(tmp_path, change, sentence):
    Forecaster(layer=CHAIN, lookback=8, epochs=1).fit(FRAME).save(tmp_path)
    config, tensors = model_folder.load_model(tmp_path, "forecaster")
    config["settings"]["layer"]["parts"][0] |= change
    model_folder.save_model(tmp_path, "forecaster", config, tensors)
    with pytest.raises(ModelFolderError, match=sentence):
        tidegate.load(tmp_path)


def test_a_reach_beyond_all_sizes_is_no_damage(tmp_path):
    layer = layers.Chain(
        parts=(layers.MultiScale(strides=(1, 10**6), units=4), layers.Attention(window=10**9, units=4))
    )
    forecaster = Forecaster(layer=layer, lookback=8, epochs=1).fit(FRAME)
    forecaster.save(tmp_path)
    pd.testing.assert_frame_equal(tidegate.load(tmp_path).predict(), forecaster.predict(), check_exact=True)
    deep = Forecaster(layer=layers.Hierarchical(periods=(5, 10**6), units=4), lookback=8, epochs=1).fit(FRAME)
    assert np.isfinite(deep.predict().iloc[:, -1]).all()
