"""The command line takes another layer, lists its options, and writes settings that it reads again."""

import pytest

from tidegate.cli.options import read_settings, read_toml, write_toml
from tidegate.errors import SettingError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.layers import Attention, Chain, MultiScale, RecurrentSettings

FIT = ["forecast", "fit", "sales.csv", "--lookback", "12", "--epochs", "1"]


def read(tmp_path, text, **given):
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(ForecasterSettings, path, given)


def test_a_layer_in_a_file_and_as_options(toyconv, tmp_path):
    table = '[layer]\nname = "toyconv"\nkernel_size = 5\nchannels = 2\n'
    assert read(tmp_path, table) == {"layer": toyconv(kernel_size=5, channels=2)}
    assert read(tmp_path, table, layer={"name": "toyconv", "kernel_size": 7}) == {
        "layer": toyconv(kernel_size=7, channels=2)
    }
    assert read(tmp_path, table, layer="toyconv", units=3) == {"layer": toyconv(kernel_size=5, channels=2), "units": 3}
    assert read(tmp_path, table, layer="recurrent") == {"layer": "recurrent"}
    assert read(tmp_path, 'layer = "toyconv"\nepochs = 3\n') == {"layer": "toyconv", "epochs": 3}
    assert read(tmp_path, 'layer = "toyconv"\n', layer={"name": "toyconv", "channels": 4}) == {
        "layer": toyconv(channels=4)
    }
    assert read(tmp_path, "epochs = 3\n") == {"epochs": 3}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[layer]\nkernel_size = 5\n", "layer must be one of .*, toyconv"),
        ('[layer]\nname = "tcnn"\nx = 5\n', "layer must be one of .*, toyconv"),
        ('[layer]\nname = "toyconv"\nstride = 5\n', "stride is no setting of layer toyconv"),
    ],
)
def test_a_wrong_table_is_named(toyconv, tmp_path, text, sentence):
    with pytest.raises(SettingError, match=sentence):
        read(tmp_path, text)


CHAIN = """
[[layer]]
name = "recurrent"
units = 5

[[layer]]
name = "attention"
window = 7
"""


def test_a_chain_in_a_file_and_as_options(tmp_path):
    recurrent, attention = RecurrentSettings(units=5), Attention(window=7)
    assert read(tmp_path, CHAIN) == {"layer": Chain(parts=(recurrent, attention))}
    given = {"name": "recurrent+attention", "1__heads": 2, "residual": True}
    assert read(tmp_path, CHAIN, layer=given) == {
        "layer": Chain(parts=(recurrent, Attention(window=7, heads=2)), residual=True)
    }
    assert read(tmp_path, CHAIN, layer="multiscale") == {"layer": "multiscale"}
    named = 'layer = ["recurrent", "multiscale"]\n'
    assert read(tmp_path, named) == {"layer": Chain(parts=(RecurrentSettings(), MultiScale()))}
    one = '[layer]\nname = "recurrent+multiscale"\nnorm = true\n'
    assert read(tmp_path, one)["layer"].named() == Chain(parts=(RecurrentSettings(), MultiScale()), norm=True)
    strides = read(tmp_path, one, layer={"name": "recurrent+multiscale", "1__strides": "1, 3"})["layer"]
    assert (strides.norm, strides.parts[1].strides) == (True, (1, 3))
    with pytest.raises(SettingError, match="strides must be whole numbers separated by commas, not '1,x'"):
        read(tmp_path, "", layer={"name": "multiscale", "strides": "1,x"})


def test_a_run_with_a_chain(folder, tidegate):
    options = ["--layer.0.units", "4", "--layer.1.units=4", "--layer.residual"]
    fitted = tidegate(*FIT, "--layer", "recurrent+attention", *options, "--out", "chain")
    assert fitted.returncode == 0, fitted.stderr
    table = read_toml(folder / "chain" / "settings.toml")["layer"]
    assert (table["name"], table["residual"]) == ("chain", True)
    assert [(each["name"], each["units"]) for each in table["parts"]] == [("recurrent", 4), ("attention", 4)]
    assert tidegate("forecast", "predict", "chain").stdout.startswith("Date,LSTM+ATTENTION")
    again = tidegate("forecast", "fit", "sales.csv", "--config", "chain/settings.toml", "--out", "other")
    assert again.returncode == 0, again.stderr
    assert (folder / "other" / "forecast.csv").read_bytes() == (folder / "chain" / "forecast.csv").read_bytes()
    (folder / "chain.toml").write_text(CHAIN, encoding="utf-8")
    for choice in (["--layer", "recurrent+attention"], ["--config", "chain.toml"]):
        chosen = tidegate("forecast", "fit", *choice, "--help").stdout
        assert "--layer.0.units" in chosen
        assert "--layer.1.window" in chosen
        assert "--layer.norm" in chosen


def test_settings_written_are_read_as_they_were(tmp_path):
    values = {"epochs": 3, "freq": None, "layer": {"name": "recurrent", "units": 7, "initial": None}, "levels": (80.0,)}
    write_toml(tmp_path / "settings.toml", values)
    assert read_toml(tmp_path / "settings.toml") == {
        "epochs": 3,
        "levels": [80.0],
        "layer": {"name": "recurrent", "units": 7},
    }
    assert read_settings(ForecasterSettings, tmp_path / "settings.toml", {})["layer"].units == 7


def test_a_run_with_another_layer(toyconv, folder, tidegate):
    fitted = tidegate(*FIT, "--layer", "toyconv", "--layer.kernel-size", "5", "--out", "conv")
    assert fitted.returncode == 0, fitted.stderr
    layer = {"name": "toyconv", "dropout": 0.0, "channels": 16, "kernel_size": 5}
    assert read_toml(folder / "conv" / "settings.toml")["layer"] == layer
    assert tidegate("forecast", "predict", "conv").stdout.startswith("Date,TOYCONV")
    again = tidegate("forecast", "fit", "sales.csv", "--config", "conv/settings.toml", "--out", "twin")
    assert again.returncode == 0, again.stderr
    assert (folder / "twin" / "forecast.csv").read_text(encoding="utf-8") == (
        folder / "conv" / "forecast.csv"
    ).read_text(encoding="utf-8")


def test_help_lists_the_options_of_the_chosen_layer_alone(toyconv, folder, tidegate):
    plain = tidegate("forecast", "fit", "--help").stdout
    assert "--units" in plain
    assert "--layer." not in plain
    (folder / "conv.toml").write_text('[layer]\nname = "toyconv"\n', encoding="utf-8")
    for choice in (["--layer", "toyconv"], ["--layer=toyconv"], ["--config", "conv.toml"]):
        chosen = tidegate("forecast", "fit", *choice, "--help").stdout
        assert "--layer.kernel-size" in chosen
        assert "steps that an output sees" in chosen
        assert "--units" not in chosen
        assert "--lookback" in chosen


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--layer", "toyconf"], "several of them as one+other"),
        (["--layer", "toyconv", "--units", "5"], "units would set the layer 'recurrent', but layer is 'toyconv'"),
        (["--layer", "toyconv", "--layer.channels", "0"], "channels must be a whole number at least 1, not 0"),
    ],
)
def test_a_wrong_choice_is_one_sentence(toyconv, folder, tidegate, arguments, sentence):
    result = tidegate(*FIT, *arguments, "--out", "fresh")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (folder / "fresh").exists()


def test_an_option_of_another_layer_is_unknown(toyconv, folder, tidegate):
    assert "No such option" in tidegate(*FIT, "--layer.kernel-size", "5", "--out", "fresh").stderr
    assert "No such option" in tidegate(*FIT, "--layer", "toyconv", "--layer.units", "5", "--out", "fresh").stderr
