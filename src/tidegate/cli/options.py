"""Command-line options made from a settings dataclass, so that each setting is described in one place."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.errors import SettingError

Command = Callable[..., None]
_KINDS: dict[str, type] = {"int": int, "float": float, "bool": bool}


def with_settings(settings: type) -> Callable[[Command], Command]:
    """Give a command one option per field of a settings dataclass; those given arrive as the dict `settings`."""

    def decorate(command: Command) -> Command:
        names = [field.name for field in dataclasses.fields(settings)]

        def run(**arguments: Any) -> None:
            given = {name: arguments.pop(name) for name in names}
            command(**arguments, settings={name: value for name, value in given.items() if value is not None})

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "settings"]
        parameters = own + [_parameter(field) for field in dataclasses.fields(settings)]
        run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__ = command.__doc__
        return run

    return decorate


def read_settings(settings: type, config: Path | None, given: dict[str, Any]) -> dict[str, Any]:
    """The settings of a TOML file, overridden by those given as options; lists are split at commas.

    Raises:
        SettingError: for a file that cannot be read or a name that is no setting.
    """
    fields = {field.name: field for field in dataclasses.fields(settings)}
    values = _read_toml(config) if config else {}
    for name in values:
        if name not in fields:
            raise SettingError(
                f"{config} sets {name!r}, which is no setting; `tidegate forecast fit --help` lists them"
            )
    values |= given
    return {name: _typed(fields[name], value) for name, value in values.items()}


def write_toml(path: Path, values: dict[str, Any]) -> None:
    """Write settings as TOML; settings that are None are left out."""
    import json

    from tidegate.storage.files import write_atomically

    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items() if value is not None]
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _parameter(field: dataclasses.Field[Any]) -> inspect.Parameter:
    kind = _KINDS.get(str(field.type).split(" |")[0], str)
    choices, default = field.metadata["choices"], field.default
    help = field.metadata["help"] + (f": {', '.join(choices)}" if choices else "")
    if default is not None and default != ():
        help += f" [default: {','.join(map(str, default)) if isinstance(default, tuple) else default}]"
    option = typer.Option(help=help, show_default=False)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _typed(field: dataclasses.Field[Any], value: Any) -> Any:
    if "tuple" not in str(field.type):
        return value
    items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value
    if "float" in str(field.type):
        try:
            items = [float(item) for item in items]
        except (TypeError, ValueError):
            raise SettingError(f"{field.name} must be numbers separated by commas, not {value!r}") from None
    if str(field.type).startswith("str") and len(items) == 1:
        return items[0]
    return tuple(item for item in items if item != "")


def _read_toml(path: Path) -> dict[str, Any]:
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"the settings file {path} cannot be read: {error}") from None
