"""The layers that there are, by name. A new one is a file of its own, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any, TypeVar

from tidegate.errors import SettingError
from tidegate.layers.settings import LayerSettings

# Each is the settings of a layer, imported when it is asked for.
BUILT_IN: dict[str, str] = {
    "convlstm": "tidegate.layers.convlstm:ConvLSTM",
    "gconv": "tidegate.layers.gconv:GConv",
    "ntm": "tidegate.layers.ntm:NTM",
    "recurrent": "tidegate.layers.settings:RecurrentSettings",
    "tgcn": "tidegate.layers.tgcn:TGCN",
    "xlstm": "tidegate.layers.xlstm:XLSTM",
}

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
            f"layer must be one of {', '.join(names())}, or settings of a layer (to use your own by its name, register "
            f"it first: tidegate.layers.register), not {name!r}"
        )
    module, _, attribute = BUILT_IN[name].partition(":")
    return getattr(import_module(module), attribute)


def read(layer: Any) -> LayerSettings:
    """Return a layer's settings, given as such, as a name, or as a table with `name` and settings, as TOML has it.

    Raises:
        SettingError: no layer has this name, or it has no such setting.
    """
    if isinstance(layer, LayerSettings):
        return layer
    table = dict(layer) if isinstance(layer, Mapping) else {"name": layer}
    return get(table.pop("name", None))().set_params(**table)


def setting_fields(name: Any) -> list[Any]:
    """Return the dataclass fields of the settings of the layer of this name."""
    return [each for each in fields(get(name)) if each.init]
