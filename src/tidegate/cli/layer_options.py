"""The options of the chosen layer: `--layer tcn` brings `--layer.kernel-size` and the like.

Of several, `--layer tcn+recurrent`, each has its own by its number: `--layer.0.kernel-size`, `--layer.1.units`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from tidegate.cli.options import parameter, read_toml
from tidegate.layers.choice import RECURRENT
from tidegate.layers.registry import as_table, options
from tidegate.layers.settings import RecurrentOptions

_CHOSEN = "tidegate.layer"
_OWN = "layer__"


class LayerCommand(TyperCommand):
    """A command whose options are also those of the layer that `--layer` names, or the file of `--config`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Find the layer, parse with its options, and gather those given in a table, as a settings file has them."""
        name = ctx.meta[_CHOSEN] = _chosen(args)
        rest = super().parse_args(ctx, args)
        nested = {each: ctx.params.pop(each) for each in list(ctx.params) if each.startswith(_OWN)}
        given = {each.removeprefix(_OWN): value for each, value in nested.items() if value is not None}
        if given:
            ctx.params["layer"] = {"name": name, **given}
        return rest

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters; with a layer named, its own too, and those of the recurrent one are not shown."""
        own, name = super().get_params(ctx), ctx.meta.get(_CHOSEN)
        if name is None:
            return own
        replaced = () if name == RECURRENT else RecurrentOptions.__dataclass_fields__
        return [*(_hidden(each) if each.name in replaced else each for each in own), *_options(name)]


def _chosen(args: Sequence[str]) -> str | None:
    """Return the layer named on a command line or in its settings file."""
    name, config = _value(args, "--layer"), _value(args, "--config")
    if name is None and config is not None:
        name = as_table(read_toml(Path(config)).get("layer")).get("name")
    return name


def _value(args: Sequence[str], option: str) -> str | None:
    value = None
    for here, after in zip(args, [*args[1:], None], strict=True):
        if here == option:
            value = after
        elif here.startswith(f"{option}="):
            value = here.partition("=")[2]
    return value


def _options(name: str) -> list[Any]:
    """Return a layer's settings as typer makes options of a function's parameters."""

    def function() -> None: ...

    parameters = [
        parameter(field, ".".join(["layer", *path.split("__")[:-1]])) for path, field in options(name).items()
    ]
    function.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    app = typer.Typer(add_completion=False)
    app.command()(function)
    return typer.main.get_command(app).params


def _hidden(option: Any) -> Any:
    option = copy.copy(option)
    option.hidden = True
    return option
