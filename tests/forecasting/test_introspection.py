"""Tools that look at an estimator's attributes find them or an AttributeError, whatever it was fitted on."""

import ast
import codecs
import inspect
import locale
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import tidegate
from lacking import need_of_machine
from tidegate import DataError, Forecaster, SettingError, WindowRegressor
from tidegate.layers import RecurrentSettings

OLDER = Path(__file__).parent / "older"
FAST = {"units": 4, "layers": 1, "epochs": 1}


def windows():
    cut = np.lib.stride_tricks.sliding_window_view(np.sin(np.arange(60) / 4), 13)
    return cut[:, :12], cut[:, 12]


@pytest.fixture(scope="module")
def objects():
    """Estimators before and after fit, loaded from folders of now and before, and what they hand out."""
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=80, freq="h"), "y": np.sin(np.arange(80) / 4)})
    table = Forecaster(lookback=12, horizon=2, **FAST)
    result = table.backtest(frame)
    arrays = WindowRegressor(**FAST).fit(*windows())
    estimators = [table, arrays, *(tidegate.load(OLDER / name) for name in ("table", "windows"))]
    others = [each for fitted in estimators for each in (fitted.predictor(), fitted.stream(), fitted.model_)]
    return [Forecaster(), WindowRegressor(), *estimators, *others, result, table.model_.history]


def test_every_attribute_that_is_listed_can_be_asked_for(objects):
    for each in objects:
        for name in dir(each):
            hasattr(each, name)  # raises what is no AttributeError
        inspect.getmembers(each)
        assert repr(each)


@pytest.mark.parametrize("settings", [{"layer": "none"}, {"layer": 3}, {"cell": "none"}, {"cell": None}], ids=str)
@pytest.mark.parametrize("estimator", [Forecaster, WindowRegressor])
def test_settings_that_cannot_be_used_hide_nothing(estimator, settings):
    made = estimator(**settings)
    for each in (made, made.settings(), RecurrentSettings(cell=settings.get("cell", "none"))):
        for name in dir(each):
            hasattr(each, name)
        inspect.getmembers(each)
    with pytest.raises(SettingError):
        made.fit(*windows())


def test_a_notebook_shows_estimators_whatever_their_settings(objects):
    # scikit-learn reads the parts of its page in the encoding of the locale
    need_of_machine(codecs.lookup(locale.getpreferredencoding(False)).name == "utf-8", "a locale in UTF-8")
    shown = [each for each in objects if hasattr(each, "_repr_html_")]
    assert len(shown) == 6
    for each in [*shown, Forecaster(layer="none"), WindowRegressor(cell=None)]:
        assert type(each).__name__ in each._repr_html_()


def test_no_property_raises_an_error_of_ours():
    """Such a property breaks hasattr, dir and every tool that lists attributes: it is a method."""
    for path in Path(tidegate.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]
            if any(mark.split(".")[-1] in ("property", "cached_property") for mark in marks):
                assert not any(isinstance(part, ast.Raise) for part in ast.walk(node)), f"{path}:{node.lineno}"


def test_fitted_attributes_exist_after_fit_alone(objects):
    for before, after in zip(objects[:2], objects[2:4], strict=True):
        fitted = {name for name in dir(type(before)) if name.endswith("_") and not name.startswith("_")}
        assert fitted >= {"history_"}
        assert not any(hasattr(before, name) for name in fitted)
        assert all(hasattr(after, name) for name in fitted)
    assert objects[3].n_features_in_ == 12


@pytest.mark.parametrize("turn", [lambda x: x * 1j, sparse.csr_matrix], ids=["complex", "sparse"])
def test_complex_and_sparse_windows_are_refused_in_one_short_sentence(turn):
    inputs, targets = windows()
    fitted = WindowRegressor(**FAST).fit(inputs, targets)
    for call in (lambda: fitted.predict(turn(inputs)), lambda: WindowRegressor(**FAST).fit(turn(inputs), targets)):
        with pytest.raises(
            (DataError, TypeError), match=r"Complex data not supported|Sparse data was passed"
        ) as refused:
            call()
        assert len(str(refused.value)) < 120


def test_intervals_are_refused_where_there_are_none():
    fitted = WindowRegressor(**FAST).fit(*windows())
    for call in (fitted.predict, lambda X, level: fitted.stream(level=level)):
        with pytest.raises(TypeError, match="level"):
            call(windows()[0], level=[80])
