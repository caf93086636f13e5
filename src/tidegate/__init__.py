"""Tidegate: gated recurrent networks that train fast on a CPU and tell the truth about their forecasts.

Public is what this package, `tidegate.nn`, `tidegate.cells`, `tidegate.layers` and `tidegate.explain` export; all else
is private.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidegate import explain as explain
    from tidegate import nn as nn
    from tidegate.errors import DataError as DataError
    from tidegate.errors import ModelFolderError as ModelFolderError
    from tidegate.errors import SettingError as SettingError
    from tidegate.errors import TidegateError as TidegateError
    from tidegate.forecasting.evaluation.report import write_report as write_report
    from tidegate.forecasting.evaluation.result import BacktestResult as BacktestResult
    from tidegate.forecasting.forecaster import Forecaster as Forecaster
    from tidegate.forecasting.settings import ForecasterSettings as ForecasterSettings
    from tidegate.forecasting.window_regressor import WindowRegressor as WindowRegressor
    from tidegate.layers.recurrent import Recurrent as Recurrent
    from tidegate.registry import load as load
    from tidegate.reporting.fonts import font_families as font_families
    from tidegate.training.progress import Progress as Progress

__version__ = "0.1.0"

# Names are imported when first used, so that `import tidegate` and `tidegate --help` stay fast.
_HOMES = {
    "DataError": "tidegate.errors",
    "Forecaster": "tidegate.forecasting.forecaster",
    "ForecasterSettings": "tidegate.forecasting.settings",
    "BacktestResult": "tidegate.forecasting.evaluation.result",
    "ModelFolderError": "tidegate.errors",
    "Progress": "tidegate.training.progress",
    "Recurrent": "tidegate.layers.recurrent",
    "SettingError": "tidegate.errors",
    "TidegateError": "tidegate.errors",
    "WindowRegressor": "tidegate.forecasting.window_regressor",
    "font_families": "tidegate.reporting.fonts",
    "load": "tidegate.registry",
    "write_report": "tidegate.forecasting.evaluation.report",
}
_PACKAGES = ("explain", "nn")
_OLD_NAMES = {"Judgement": "BacktestResult"}  # for one version
__all__ = [*_HOMES, *_PACKAGES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # a checker that saw it would believe in every name

    def __getattr__(name: str) -> Any:
        if name in _OLD_NAMES:
            import warnings

            warnings.warn(f"tidegate.{name} is now tidegate.{_OLD_NAMES[name]}", DeprecationWarning, stacklevel=2)
            name = _OLD_NAMES[name]
        if name in _PACKAGES:
            return import_module(f"tidegate.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'tidegate' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_PACKAGES})
