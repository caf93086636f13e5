import dataclasses

import numpy as np
import pytest

from tidegate import Forecaster
from tidegate.errors import SettingError
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.settings import check_settings


def test_settings_defaults_are_valid():
    check_settings(ForecasterSettings())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("units", 0, "units must be a whole number at least 1, not 0"),
        ("units", 2.5, "units must be a whole number at least 1, not 2.5"),
        ("units", True, "units must be a whole number at least 1, not True"),
        ("learning_rate", 0, "learning_rate must be a number above 0, not 0"),
        ("learning_rate", float("nan"), "learning_rate must be a number above 0, not nan"),
        ("learning_rate", "fast", "learning_rate must be a number above 0, not 'fast'"),
        ("dropout", 1, "dropout must be a number at least 0 and below 1, not 1"),
        ("optimizer", "adamm", "optimizer must be one of adam, adamw, rmsprop, sgd, not 'adamm'"),
        ("bidirectional", "yes", "bidirectional must be true or false, not 'yes'"),
    ],
)
def test_settings_name_the_value_and_what_was_expected(name, value, sentence):
    with pytest.raises(SettingError) as error:
        check_settings(ForecasterSettings(**{name: value}))
    assert str(error.value) == sentence


def test_settings_accept_numpy_numbers_and_none_where_declared():
    check_settings(ForecasterSettings(units=np.int64(8), learning_rate=np.float32(0.1), clip_norm=None, patience=None))


def test_every_setting_has_a_help_line():
    for field in dataclasses.fields(ForecasterSettings):
        assert field.metadata["help"], field.name


def test_a_misspelt_setting_is_told_the_right_name():
    with pytest.raises(SettingError, match="no setting 'lookbak'; did you mean 'lookback'"):
        Forecaster(lookbak=3)


def test_one_value_will_do_where_several_may_be_given():
    settings = Forecaster(features="weekday", past_cols="wind", levels=90, target_col="y").settings()
    assert (settings.features, settings.past_cols) == (("weekday",), ("wind",))
    assert (settings.levels, settings.target_col) == ((90,), "y")
