"""The layers that there are, by name. A new one is a file of its own, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from importlib import import_module
from typing import Any, TypeVar

from tidegate.errors import SettingError
from tidegate.layers.settings import LayerSettings

# Each is the settings of a layer, imported when it is asked for.
BUILT_IN: dict[str, str] = {
    "attention": "tidegate.layers.attention:Attention",
    "bilstm_attention": "tidegate.layers.bilstm_attention:BiLSTMAttention",
    "chain": "tidegate.layers.chain:Chain",
    "conv": "tidegate.layers.conv:Conv",
    "convlstm": "tidegate.layers.convlstm:ConvLSTM",
    "gconv": "tidegate.layers.gconv:GConv",
    "dilated": "tidegate.layers.dilated:Dilated",
    "hierarchical": "tidegate.layers.hierarchical:Hierarchical",
    "lru": "tidegate.layers.lru:LRU",
    "multiscale": "tidegate.layers.multiscale:MultiScale",
    "ntm": "tidegate.layers.ntm:NTM",
    "recurrent": "tidegate.layers.settings:RecurrentSettings",
    "s4d": "tidegate.layers.s4d:S4D",
    "tcn": "tidegate.layers.tcn:TCN",
    "tgcn": "tidegate.layers.tgcn:TGCN",
    "xlstm": "tidegate.layers.xlstm:XLSTM",
}
_CHAIN = "chain"

_registered: dict[str, type[LayerSettings]] = {}
_Settings = TypeVar("_Settings", bound=type[LayerSettings])


def names() -> list[str]:
    """Return the names of the built-in and the registered layers, in alphabetical order."""
    return sorted({*BUILT_IN, *_registered})


def register(settings: _Settings) -> _Settings:
    """Make a layer known by its settings' name, in the forecaster, on the command line and in model folders.

    Usable as a class decorator, above `@dataclass`. Registering a name again replaces the layer before.

    Args:
        settings: the layer's settings, whose `build` makes the layer.

    Raises:
        SettingError: it is not the settings of a layer, or a built-in layer has its name.
    """
    known = isinstance(settings, type) and issubclass(settings, LayerSettings)
    if not known or "__dataclass_fields__" not in vars(settings):
        raise SettingError(
            f"layers.register takes a dataclass that inherits from tidegate.layers.LayerSettings, not {settings!r}"
        )
    if not settings.name.isidentifier() or settings.name in BUILT_IN:
        raise SettingError(f"{settings.__name__} needs a name that no built-in layer has, not {settings.name!r}")
    _registered[settings.name] = settings
    return settings


def get(name: Any) -> type[LayerSettings]:
    """Return the settings of the layer of this name; their `build` makes the layer.

    Raises:
        SettingError: no layer has this name; the message lists those there are.
    """
    if name in list(_registered):  # a list also looks for what cannot be hashed
        return _registered[name]
    if name not in list(BUILT_IN):
        raise SettingError(
            f"layer must be one of {', '.join(names())}, several of them as one+other, or settings of a layer (to use "
            f"your own by its name, register it first: tidegate.layers.register), not {name!r}"
        )
    module, _, attribute = BUILT_IN[name].partition(":")
    return getattr(import_module(module), attribute)


def read(layer: Any) -> LayerSettings:
    """Return a layer's settings.

    Args:
        layer: such settings; a name, or several as `one+other`; a table with `name` and settings, as TOML has it; or a
            list of these, each of which reads the outputs of the one before.

    Raises:
        SettingError: no layer has this name, or it has no such setting.
    """
    if isinstance(layer, LayerSettings):
        return layer
    table = as_table(layer)
    name = table.pop("name", None)
    if isinstance(name, str) and "+" in name:
        name, table = _CHAIN, {"parts": [each.strip() for each in name.split("+")], **table}
    return get(name)().set_params(**table)


def as_table(layer: Any) -> dict[str, Any]:
    """Return a layer, given as a name, a table or a list of these, as a table; a chain's `name` is `one+other`."""
    table = {"name": _CHAIN, "parts": layer} if isinstance(layer, list | tuple) else layer
    table = dict(table) if isinstance(table, Mapping) else {"name": table}
    if table.get("name") == _CHAIN and len(table.get("parts", ())) > 1:
        table["name"] = "+".join(read(each).name for each in table["parts"])
    return table


def options(layer: Any) -> dict[str, Field[Any]]:
    """Return the fields that options may set of the layer of this name, or of several; see `LayerSettings.options`."""
    return read(layer).options()
