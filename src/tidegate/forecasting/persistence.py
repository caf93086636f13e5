"""Fitted models as model folders: settings, and roles of columns, in config.json, arrays in weights.safetensors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt, TypeAdapter, ValidationError
from torch import Tensor, nn

from tidegate.errors import ModelFolderError, SettingError
from tidegate.forecasting.choosing import left_open, with_choices
from tidegate.forecasting.preparing import Preprocessor, window_shape
from tidegate.forecasting.resolving import resolved
from tidegate.forecasting.saved_arrays import (
    check_names,
    check_network,
    check_newest,
    check_residuals,
    check_scale,
    check_sizes,
)
from tidegate.forecasting.saved_panel import PANEL, as_tensor, panel_of, panel_parts
from tidegate.forecasting.scaling import Scale
from tidegate.forecasting.settings import ForecasterSettings, WindowSettings
from tidegate.forecasting.table_model import TableModel, build_network
from tidegate.forecasting.window_model import WindowModel, build_window_network
from tidegate.layers.registry import read
from tidegate.settings import check_settings, with_new_names
from tidegate.storage.model_folder import kind_of, load_model, save_model
from tidegate.tables.columns import Columns
from tidegate.training.history import History

TABLE, WINDOWS = "forecaster", "window_regressor"
"""The kinds of model folders."""

_UNUSABLE = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
_OLD_WEIGHTS = {r"^highway\.": "linear_skip.", r"^recurrent\.": "layer."}  # of folders of earlier versions


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid")

    settings: WindowSettings
    history: dict[str, Any]
    equations: str = ""


class _Chosen(BaseModel):
    """What `fit` chose where the settings left it open."""

    model_config = ConfigDict(extra="forbid")

    lookback: int | None = None
    linear_skip: int | None = None
    features: tuple[str, ...] | None = None
    transform: str | None = None
    short_series: str | None = None


class _TableConfig(_Common):
    settings: ForecasterSettings
    columns: Columns
    freq: str | int | float
    notes: list[dict[str, Any] | str]
    ids: list[int | float | str]
    scaled_ids: list[int | float | str]
    dated: bool
    by_window: bool = False  # earlier versions had all residuals in units of a series
    chosen: _Chosen = _Chosen(transform="none")  # they read the targets as they were, and left nothing else open
    origins: NonNegativeInt | None = None  # earlier versions took every window as one that shares no rows


class _WindowConfig(_Common):
    lookback: int
    features: int
    shape: list[int]
    names: list[str] | None = None


def save(folder: Path, model: TableModel | WindowModel) -> None:
    """Write the model folder; an existing model there is replaced as a whole."""
    kind = TABLE if isinstance(model, TableModel) else WINDOWS
    settings = model.settings.named()
    config: dict[str, Any] = {
        "settings": asdict(settings),
        "history": model.history.untimed().to_json(),
        "equations": settings.layer_settings().fingerprint(),
    }
    more, tensors = _table_parts(model) if isinstance(model, TableModel) else _window_parts(model)
    tensors |= {f"network.{name}": value for name, value in model.network.state_dict().items()}
    save_model(folder, kind, config | more, tensors)


def load_table_model(folder: Path) -> TableModel | WindowModel:
    """Read the model of a table; older versions saved those of windows as the same kind."""
    return _load(folder, TABLE, lambda config: _WindowConfig if "lookback" in config else _TableConfig)


def load_window_model(folder: Path) -> WindowModel:
    """Read the model of windows."""
    model = _load(folder, WINDOWS, lambda config: _WindowConfig)
    assert isinstance(model, WindowModel)
    return model


def load_either(folder: Path) -> TableModel | WindowModel:
    """Read a model of either kind."""
    return load_window_model(folder) if kind_of(folder) == WINDOWS else load_table_model(folder)


def _load(
    folder: Path, kind: str, config_of: Callable[[dict[str, Any]], type[_TableConfig] | type[_WindowConfig]]
) -> TableModel | WindowModel:
    config, tensors = load_model(folder, kind)
    try:
        form = config_of(config)
        settings = with_new_names(ForecasterSettings, config["settings"])
        if form is _WindowConfig:  # of an older version's, only these were used
            known = {field.name for field in fields(WindowSettings)}
            settings = {name: value for name, value in settings.items() if name in known}
        checked = TypeAdapter(form).validate_python(config | {"settings": _with_layer(settings)})
        check_settings(checked.settings)
        _check_equations(checked)
        return _window_model(checked, tensors) if isinstance(checked, _WindowConfig) else _table_model(checked, tensors)
    except (*_UNUSABLE, SettingError, ValidationError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ModelFolderError(f"{folder} does not hold a usable {kind} ({reason}); save it again") from None


def _with_layer(settings: Any) -> Any:
    """Return settings as JSON has them, with those of a layer as an object of their own."""
    if isinstance(settings, dict) and isinstance(settings.get("layer"), dict):
        layer = read(settings["layer"])
        if not layer.self_contained():
            raise SettingError("its layer names a file outside of the folder")
        return settings | {"layer": layer}
    return settings


def _check_equations(config: _Common) -> None:
    """Refuse a cell of the user's own that is not the one that was trained."""
    layer = config.settings.layer_settings()
    if layer.fingerprint() != config.equations:
        raise SettingError(f"{layer.title.lower()} has other equations now than when this model was trained")


def _table_parts(model: TableModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    newest, preprocessor = model.newest, model.preprocessor
    about, rows = panel_parts(newest)
    config = about | {
        "columns": asdict(preprocessor.columns),
        "scaled_ids": preprocessor.ids.tolist(),
        "by_window": model.by_window,
        "chosen": {name: getattr(preprocessor.settings, name) for name in left_open(model.settings)},
        "origins": model.origins,
    }
    tensors = {f"newest.{name}": value for name, value in rows.items()} | {"residuals": as_tensor(model.residuals)}
    return config, tensors | _scales(rows=preprocessor.scale, static=preprocessor.static_scale)


def _window_parts(model: WindowModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config = {
        "lookback": model.lookback,
        "features": model.features,
        "shape": list(model.shape),
        "names": None if model.names is None else list(model.names),
    }
    return config, _scales(inputs=model.inputs, targets=model.targets)


def _table_model(config: _TableConfig, tensors: dict[str, Tensor]) -> TableModel:
    settings = resolved(config.settings, config.columns, config.freq)
    chosen = config.chosen.model_dump(exclude_none=True)
    settings = with_choices(settings, {name: chosen[name] for name in left_open(settings)})
    check_settings(settings)
    preprocessor = Preprocessor(
        settings,
        config.columns,
        window_shape(settings, config.columns),
        np.array(config.scaled_ids, dtype=object),
        _scale(tensors, "rows"),
        _scale(tensors, "static"),
    )
    weights = _weights(tensors)
    names = [*(f"newest.{name}" for name in PANEL), "residuals", *_scale_names("rows", "static")]
    names += [name for name in ("newest.ahead",) if name in tensors]
    check_names(tensors, names)
    check_sizes(settings.layer_settings(), weights)
    scaled = 1 if preprocessor.shared else len(config.scaled_ids)
    inputs = preprocessor.shape.targets + config.columns.width("past") + config.columns.width("future")
    check_scale(tensors, "rows", (scaled, inputs))
    check_scale(tensors, "static", (1, len(config.columns.static) - len(config.columns.categories)))
    check_residuals(tensors["residuals"], settings.horizon, preprocessor.shape.targets)
    check_newest(tensors, preprocessor, config.ids, config.freq, config.dated)
    check_network(lambda: build_network(preprocessor), weights)
    network = _with_weights(build_network(preprocessor), weights)
    history = History.from_json(config.history)
    rows = {n.removeprefix("newest."): tensor for n, tensor in tensors.items() if n.startswith("newest.")}
    newest = panel_of(config.ids, config.freq, config.notes, rows, dated=config.dated)
    residuals = tensors["residuals"].numpy()
    # What a forecast would be written with: a zone or a type that is none is found here and not at its first use.
    config.columns.restore_ids(newest.ids)
    config.columns.restore_times(newest.times[newest.starts[1:] - 1])
    origins = len(residuals) * settings.horizon if config.origins is None else config.origins
    return TableModel(config.settings, preprocessor, network, newest, residuals, history, config.by_window, origins)


def _window_model(config: _WindowConfig, tensors: dict[str, Tensor]) -> WindowModel:
    shape, weights = tuple(config.shape), _weights(tensors)
    targets = (*shape, 1, 1)[1]
    if len(shape) > 2 or min(shape, default=1) < 1 or config.lookback < 1 or config.features < 1:
        raise ValueError("lookback, features and shape must be positive, and the shape of one or two parts")
    if config.names is not None and len(config.names) != config.lookback:
        raise ValueError(f"{len(config.names)} steps are named and there are {config.lookback}")
    check_names(tensors, _scale_names("inputs", "targets"))
    check_sizes(config.settings.layer_settings(), weights)
    check_scale(tensors, "inputs", (1, config.features))
    check_scale(tensors, "targets", (1, targets))
    check_network(lambda: build_window_network(config.settings, config.features, shape), weights)
    return WindowModel(
        config.settings,
        _with_weights(build_window_network(config.settings, config.features, shape), weights),
        _scale(tensors, "inputs"),
        _scale(tensors, "targets"),
        config.lookback,
        config.features,
        shape,
        None if config.names is None else tuple(config.names),
        History.from_json(config.history),
    )


_Network = TypeVar("_Network", bound=nn.Module)


def _weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors by the names that they have today."""
    weights = {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
    for old, new in _OLD_WEIGHTS.items():
        weights = {re.sub(old, new, name): value for name, value in weights.items()}
    return weights


def _with_weights(network: _Network, weights: dict[str, Tensor]) -> _Network:
    network.load_state_dict(weights)
    return network.eval()


def _scales(**scales: Scale) -> dict[str, Tensor]:
    arrays = {f"scale.{name}.location": scale.location for name, scale in scales.items()}
    arrays |= {f"scale.{name}.spread": scale.spread for name, scale in scales.items()}
    return {name: as_tensor(array) for name, array in arrays.items()}


def _scale_names(*names: str) -> list[str]:
    return [f"scale.{name}.{part}" for name in names for part in ("location", "spread")]


def _scale(tensors: dict[str, Tensor], name: str) -> Scale:
    return Scale(tensors[f"scale.{name}.location"].numpy(), tensors[f"scale.{name}.spread"].numpy())
