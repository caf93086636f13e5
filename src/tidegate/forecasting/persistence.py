"""A forecaster as a model folder: settings and roles in config.json, arrays in weights.safetensors."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from torch import Tensor, nn

from tidegate.errors import ModelFolderError, SettingError
from tidegate.forecasting.array_model import ArrayModel, build_array_network
from tidegate.forecasting.preparing import Preprocessor, window_shape
from tidegate.forecasting.resolving import resolved
from tidegate.forecasting.scaling import Scale
from tidegate.forecasting.settings import ForecasterSettings
from tidegate.forecasting.table_model import TableModel, build_network
from tidegate.layers.registry import read
from tidegate.notes import Note
from tidegate.settings import check_settings
from tidegate.storage.model_folder import load_model, save_model
from tidegate.tables.columns import Columns
from tidegate.tables.panel import Panel
from tidegate.training.history import History

KIND = "forecaster"


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid")

    settings: ForecasterSettings
    history: dict[str, Any]
    equations: str = ""


class _TableConfig(_Common):
    columns: Columns
    freq: str | int | float
    notes: list[dict[str, Any] | str]
    ids: list[int | float | str]
    scaled_ids: list[int | float | str]
    dated: bool


class _ArrayConfig(_Common):
    lookback: int
    features: int
    shape: list[int]


def save(folder: Path, settings: ForecasterSettings, model: TableModel | ArrayModel) -> None:
    """Write the model folder; an existing model there is replaced as a whole."""
    settings = settings.named()
    config: dict[str, Any] = {"settings": asdict(settings), "history": model.history.to_json()}
    config["equations"] = settings.layer_settings.fingerprint
    if isinstance(model, ArrayModel):
        config |= {"lookback": model.lookback, "features": model.features, "shape": list(model.shape)}
        arrays = {"inputs": model.inputs, "targets": model.targets}
        tensors = {}
    else:
        newest = model.newest
        config |= {
            "columns": asdict(model.preprocessor.columns),
            "freq": newest.freq,
            "notes": [note.to_json() for note in newest.notes],
            "ids": newest.ids.tolist(),
            "scaled_ids": model.preprocessor.ids.tolist(),
            "dated": bool(np.issubdtype(newest.times.dtype, np.datetime64)),
        }
        arrays = {"rows": model.preprocessor.scale, "static": model.preprocessor.static_scale}
        tensors = _panel_tensors(newest) | {"residuals": _tensor(model.residuals)}
    for name, scale in arrays.items():
        tensors |= {f"scale.{name}.location": _tensor(scale.location), f"scale.{name}.spread": _tensor(scale.spread)}
    tensors |= {f"network.{name}": value for name, value in model.network.state_dict().items()}
    save_model(folder, KIND, config, tensors)


def load(folder: Path) -> tuple[ForecasterSettings, TableModel | ArrayModel]:
    """Read a model folder: the settings as the user gave them, and the fitted model."""
    config, tensors = load_model(folder, KIND)
    try:
        kind = _ArrayConfig if "lookback" in config else _TableConfig
        checked = TypeAdapter(kind).validate_python(config | {"settings": _with_layer(config["settings"])})
        check_settings(checked.settings)
        _check_equations(checked)
        restore = _array_model if isinstance(checked, _ArrayConfig) else _table_model
        return checked.settings, restore(checked, tensors)  # pyright: ignore[reportArgumentType]
    except (KeyError, RuntimeError, ValueError, SettingError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFolderError(f"{folder} does not hold a usable forecaster ({reason}); save it again") from None


def _with_layer(settings: Any) -> Any:
    """Return settings as JSON has them, with those of a layer as an object of their own."""
    if isinstance(settings, dict) and isinstance(settings.get("layer"), dict):
        return settings | {"layer": read(settings["layer"])}
    return settings


def _check_equations(config: _Common) -> None:
    """Refuse a cell of the user's own that is not the one that was trained."""
    layer = config.settings.layer_settings
    if layer.fingerprint != config.equations:
        raise SettingError(f"{layer.title.lower()} has other equations now than when this model was trained")


def _table_model(config: _TableConfig, tensors: dict[str, Tensor]) -> TableModel:
    settings = resolved(config.settings, config.columns, config.freq)
    preprocessor = Preprocessor(
        settings,
        config.columns,
        window_shape(settings, config.columns),
        np.array(config.scaled_ids, dtype=object),
        _scale(tensors, "rows"),
        _scale(tensors, "static"),
    )
    network = _with_weights(build_network(preprocessor), tensors)
    history = History.from_json(config.history)
    return TableModel(preprocessor, network, _panel(config, tensors), tensors["residuals"].numpy(), history)


def _array_model(config: _ArrayConfig, tensors: dict[str, Tensor]) -> ArrayModel:
    shape = tuple(config.shape)
    network = build_array_network(config.settings, config.features, shape)
    return ArrayModel(
        _with_weights(network, tensors),
        _scale(tensors, "inputs"),
        _scale(tensors, "targets"),
        config.lookback,
        config.features,
        shape,
        History.from_json(config.history),
    )


_Network = TypeVar("_Network", bound=nn.Module)


def _with_weights(network: _Network, tensors: dict[str, Tensor]) -> _Network:
    weights = {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
    # Folders of before there were other layers than the recurrent one name it so.
    network.load_state_dict({re.sub(r"^recurrent\.", "layer.", name): tensor for name, tensor in weights.items()})
    return network.eval()


def _panel_tensors(panel: Panel) -> dict[str, Tensor]:
    times = panel.times.astype("datetime64[ns]").view(np.int64) if panel.times.dtype.kind == "M" else panel.times
    arrays = {"times": times, "starts": panel.starts, "targets": panel.targets, "past": panel.past}
    arrays |= {"future": panel.future, "static": panel.static}
    return {f"newest.{name}": _tensor(array) for name, array in arrays.items()}


def _panel(config: _TableConfig, tensors: dict[str, Tensor]) -> Panel:
    arrays = {n.removeprefix("newest."): t.numpy() for n, t in tensors.items() if n.startswith("newest.")}
    if config.dated:
        arrays["times"] = arrays["times"].view("datetime64[ns]")
    ids = np.empty(len(config.ids), dtype=object)
    ids[:] = config.ids
    return Panel(ids=ids, freq=config.freq, notes=tuple(map(Note.from_json, config.notes)), **arrays)


def _scale(tensors: dict[str, Tensor], name: str) -> Scale:
    return Scale(tensors[f"scale.{name}.location"].numpy(), tensors[f"scale.{name}.spread"].numpy())


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
