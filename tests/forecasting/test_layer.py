"""The forecaster takes any layer, by its name or its settings, and keeps it apart from the recurrent one's."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

import tidegate
from tidegate import Forecaster, ModelFolderError, SettingError, cells
from tidegate.cells import Cell
from tidegate.layers import RecurrentSettings, registry
from tidegate.storage import model_folder

SHORT = {"lookback": 8, "horizon": 2, "epochs": 1}
HOURS = pd.date_range("2026-01-01", periods=120, freq="h")
FRAME = pd.DataFrame({"ds": HOURS, "y": np.sin(np.arange(120) / 4)})
PANEL = pd.concat([FRAME.assign(unique_id=name, size=float(k), y=FRAME["y"] + k) for k, name in enumerate("ab")])


def weights(forecaster):
    return torch.cat([each.flatten() for each in forecaster.fitted().network.state_dict().values()])


def test_a_layer_by_its_name_is_one_with_its_default_settings(toyconv):
    by_name = Forecaster(**SHORT, layer="toyconv").fit(FRAME)
    by_settings = Forecaster(**SHORT, layer=toyconv()).fit(FRAME)
    assert torch.equal(weights(by_name), weights(by_settings))
    assert by_name.predict().columns.tolist() == ["ds", "TOYCONV"]
    assert by_name.fitted().network.layer.conv.kernel_size == (3,)


@pytest.mark.parametrize("layer", ["toyconv", None])
def test_nested_names_reach_the_layers_settings(toyconv, layer):
    given = layer or toyconv(channels=7)
    forecaster = Forecaster(**SHORT, layer=given).set_params(layer__kernel_size=5, epochs=2)
    assert forecaster.layer == toyconv(channels=16 if layer else 7, kernel_size=5)
    assert forecaster.epochs == 2
    assert forecaster.get_params()["layer__kernel_size"] == 5
    twin = clone(forecaster)
    assert twin.layer == forecaster.layer
    assert twin.layer is not forecaster.layer
    assert twin.fit(FRAME).fitted().network.layer.conv.kernel_size == (5,)
    twin.set_params(layer__kernel_size=1)
    assert twin.fitted().preprocessor.settings.layer.kernel_size == 5  # what was fitted stays as it was
    with pytest.raises(SettingError, match="units is no setting of layer toyconv, which has dropout, channels"):
        forecaster.set_params(layer__units=3)


def test_a_name_and_its_settings_can_be_set_together(toyconv):
    forecaster = Forecaster().set_params(layer="toyconv", layer__channels=4)
    assert forecaster.layer == toyconv(channels=4)


def test_the_recurrent_layers_settings_are_the_forecasters_own():
    own = Forecaster(**SHORT, cell="gru", units=6, layers=1, initial="uniform").fit(FRAME)
    layer = RecurrentSettings(cell="gru", units=6, layers=1, initial="uniform")
    nested = Forecaster(**SHORT, layer=layer).fit(FRAME)
    assert torch.equal(weights(own), weights(nested))
    assert own.predict().columns.tolist() == nested.predict().columns.tolist() == ["ds", "GRU"]


@pytest.mark.parametrize("own", [{"units": 9}, {"cell": "gru", "dropout": 0.1}, {"variational": True}])
def test_settings_of_the_recurrent_layer_are_refused_beside_another(toyconv, own):
    sentence = f"{', '.join(own)} would set the layer 'recurrent', but layer is 'toyconv'; leave them out"
    with pytest.raises(SettingError, match=sentence):
        Forecaster(layer="toyconv", **own).fit(FRAME)
    with pytest.raises(SettingError, match="would set the layer 'recurrent', but layer is RecurrentSettings"):
        Forecaster(layer=RecurrentSettings(), **own).fit(FRAME)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("toyconf", "layer must be one of .*, toyconv"),
        (3, "layer must be one of .*, toyconv"),
        ({"kernel_size": "many"}, "kernel_size must be a whole number at least 1, not 'many'"),
        ({"kernel_size": 0}, "kernel_size must be a whole number at least 1, not 0"),
    ],
)
def test_a_wrong_layer_is_named_before_a_table_is_read(toyconv, layer, sentence):
    layer = toyconv(**layer) if isinstance(layer, dict) else layer
    with pytest.raises(SettingError, match=sentence):
        Forecaster(layer=layer).fit("nowhere.csv")


def test_a_wrong_cell_is_named_before_a_table_is_read():
    with pytest.raises(SettingError, match="cell must be one of"):
        Forecaster(cell="lstn").fit("nowhere.csv")


def test_saved_equals_loaded_with_another_layer(toyconv, tmp_path):
    forecaster = Forecaster(**SHORT, layer=toyconv(kernel_size=5)).fit(FRAME)
    forecaster.save(tmp_path / "model")
    loaded = tidegate.load(tmp_path / "model")
    assert loaded.get_params() == forecaster.get_params()
    pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict(), check_exact=True)
    config, _ = model_folder.load_model(tmp_path / "model", "forecaster")
    assert config["settings"]["layer"] == {"name": "toyconv", "dropout": 0.0, "channels": 16, "kernel_size": 5}
    Forecaster(**SHORT, layer="toyconv").fit(FRAME).save(tmp_path / "named")
    assert tidegate.load(tmp_path / "named").layer == toyconv()  # in full: defaults may change
    registry._registered.clear()
    with pytest.raises(ModelFolderError, match="layer must be one of "):
        tidegate.load(tmp_path / "model")


@pytest.mark.parametrize(
    "layer", [{"name": "toyconv", "stride": 2}, {"name": "toyconv", "kernel_size": 0}, {"name": ["x"]}, {}, [], 3, "x"]
)
def test_an_unusable_layer_in_a_folder_is_one_clear_error(toyconv, tmp_path, monkeypatch, layer):
    forecaster = Forecaster(**SHORT, layer="toyconv").fit(FRAME)
    forecaster.save(tmp_path)
    config, tensors = model_folder.load_model(tmp_path, "forecaster")
    config["settings"]["layer"] = layer
    model_folder.save_model(tmp_path, "forecaster", config, tensors)
    with pytest.raises(ModelFolderError, match="does not hold a usable forecaster"):
        tidegate.load(tmp_path)


def test_a_folder_of_before_there_were_other_layers_still_loads(tmp_path):
    forecaster = Forecaster(**SHORT, units=4).fit(FRAME)
    forecaster.save(tmp_path)
    config, tensors = model_folder.load_model(tmp_path, "forecaster")
    for name in ("layer", "variational", "contextual"):
        del config["settings"][name]
    tensors = {name.replace("network.layer.", "network.recurrent."): value for name, value in tensors.items()}
    model_folder.save_model(tmp_path, "forecaster", config, tensors)
    pd.testing.assert_frame_equal(tidegate.load(tmp_path).predict(), forecaster.predict(), check_exact=True)


def test_a_cell_of_ones_own_is_saved_by_its_name_in_a_layers_settings_too(tmp_path):
    class Slow(Cell):
        gates = ("all",)

        @staticmethod
        def step(z, prev, w):
            return (0.5 * prev.h + z.all,)

    try:
        forecaster = Forecaster(**SHORT, layer=RecurrentSettings(cell=Slow, units=3)).fit(FRAME)
        with pytest.raises(SettingError, match="register cell slow before saving"):
            forecaster.save(tmp_path)
        cells.register(Slow)
        forecaster.save(tmp_path)
        loaded = tidegate.load(tmp_path)
        assert loaded.layer == RecurrentSettings(cell="slow", units=3)
        pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict(), check_exact=True)

        @cells.register
        class Slower(Slow):
            name = "slow"

            @staticmethod
            def step(z, prev, w):
                return (0.25 * prev.h + z.all,)

        with pytest.raises(ModelFolderError, match="other equations"):
            tidegate.load(tmp_path)
    finally:
        cells._registered.clear()


def test_a_stream_of_another_layer_forecasts_what_predict_does(toyconv):
    forecaster = Forecaster(**SHORT, layer="toyconv").fit(FRAME)
    stream = forecaster.stream()
    for row in FRAME.itertuples():
        forecast = stream.push(row.y, row.ds)
    np.testing.assert_allclose(forecast["TOYCONV"], forecaster.predict()["TOYCONV"], rtol=1e-6)


def test_static_columns_enter_every_layer_of_any_cell_where_contextual():
    options = {**SHORT, "static_cols": ("size",), "units": 4, "layers": 2, "features": ()}
    for cell in ("gru", "contextual"):
        plain = Forecaster(**options, cell="lstm" if cell == "contextual" else cell).fit(PANEL).fitted().network.layer
        forecaster = Forecaster(**options, cell=cell, contextual=cell == "gru").fit(PANEL)
        layer = forecaster.fitted().network.layer
        assert (plain.input_size, plain.context_size) == (2, 0)
        assert (layer.input_size, layer.context_size) == (1, 1)
        assert layer.weight_ih_l1.shape[1] == plain.weight_ih_l1.shape[1] + 1
        assert forecaster.predict().columns[-1] == cell.upper()


def test_an_alias_is_its_cell_with_the_option():
    options = {**SHORT, "units": 4, "dropout": 0.3, "linear_skip": 0}
    alias = Forecaster(**options, cell="variational").fit(FRAME)
    option = Forecaster(**options, cell="lstm", variational=True).fit(FRAME)
    assert torch.equal(weights(alias), weights(option))
    plain = Forecaster(**options, cell="lstm").fit(FRAME)
    assert not torch.equal(weights(alias), weights(plain))
    assert alias.predict().columns[-1] == "VARIATIONAL"


def test_settings_of_a_run_say_the_layer_in_full(toyconv):
    settings = dataclasses.asdict(Forecaster(layer=toyconv(kernel_size=2)).settings())
    assert settings["layer"] == {"name": "toyconv", "dropout": 0.0, "channels": 16, "kernel_size": 2}
