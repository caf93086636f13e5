"""Command-line options made from a settings dataclass, so that each setting is described in one place.

Settings that are an object of their own are nested: `[layer]` in a file, `--layer.kernel-size` as an option; of several
layers `[[layer]]`, and `--layer.0.kernel-size` of the first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.errors import SettingError
from tidegate.layers import registry
from tidegate.settings import kind_of, similar, with_new_names

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
        parameters = own + [
            parameter(field, group=group_of(settings, field.name)) for field in dataclasses.fields(settings)
        ]
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
    values = with_new_names(settings, read_toml(config)) if config else {}
    for name in values:
        if name not in fields:
            raise SettingError(
                f"{config} sets {name!r}, which is no setting; {similar(name, fields)}`tidegate forecast fit --help` "
                "lists them"
            )
    values |= given | chosen_layer(values.get("layer"), given.get("layer"))
    return {name: typed(fields[name], value) for name, value in values.items()}


def chosen_layer(in_file: Any, given: Any) -> dict[str, Any]:
    """Return the setting `layer` of a file, overridden by that of options; nothing when neither names one.

    Args:
        in_file: a layer's name, a table with `name` and settings, or a list of these.
        given: the same, as options gave it.

    Raises:
        SettingError: there is no such layer, or it has no such setting.
    """
    below, above = registry.as_table(in_file), registry.as_table(given)
    name = above["name"] or below.get("name")
    table = {**(below if below.get("name") == name else {}), **above, "name": name}
    if list(table) == ["name"]:
        return {} if name is None else {"layer": name}
    fields = registry.options(name)
    values = {key: typed(fields[key], each) if key in fields else each for key, each in table.items()}
    return {"layer": registry.read(values)}


def write_toml(path: Path, values: dict[str, Any]) -> None:
    """Write settings as TOML, nested ones as tables at the end; settings that are None are left out."""
    from tidegate.storage.files import write_atomically

    write_atomically(path, ("\n".join(_toml_lines(values)) + "\n").encode())


def _toml_lines(values: dict[str, Any], heading: str = "") -> list[str]:
    """Return the lines of a table, then those of the tables and lists of tables in it, under their full names."""
    import json

    lines, below = [], []
    for name, value in values.items():
        path = f"{heading}.{name}" if heading else name
        if isinstance(value, dict):
            below += ["", f"[{path}]", *_toml_lines(value, path)]
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
            below += [line for each in value for line in ("", f"[[{path}]]", *_toml_lines(each, path))]
        elif value is not None:
            lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return lines + below


def group_of(settings: type, name: str) -> str | None:
    """Return the heading under which help shows a setting: that of the class which has it, if it has one."""
    classes = (each for each in settings.__mro__ if name in inspect.get_annotations(each))
    return getattr(next(classes), "help_group", None)


def parameter(field: dataclasses.Field[Any], owner: str = "", group: str | None = None) -> inspect.Parameter:
    """Return the option of one setting; of nested settings, `owner` names what they belong to, such as `layer.0`."""
    kind = _KINDS.get(kind_of(field), str)
    choices, default = field.metadata["choices"], field.default
    help = field.metadata["help"] + (f": {', '.join(choices)}" if choices else "")
    if default is not None and default != ():
        help += f" [default: {','.join(map(str, default)) if isinstance(default, tuple) else default}]"
    names = [name.replace("_", "-") for name in (field.name, field.metadata["old_name"]) if name]
    names = [f"{owner}.{name}" for name in names] if owner else names if len(names) > 1 else []
    flags = [f"--{name}/--no-{name}" if kind is bool else f"--{name}" for name in names]
    panel = f"Options of {owner}" if owner else group
    option = typer.Option(*flags, help=help, show_default=False, rich_help_panel=panel)
    name = f"{owner.replace('.', '__')}__{field.name}" if owner else field.name
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def typed(field: dataclasses.Field[Any], value: Any) -> Any:
    """Return a setting's value as its field has it: lists are split at commas."""
    if "tuple" not in str(field.type):
        return value
    items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value
    number = float if "float" in str(field.type) else int if "int" in str(field.type) else None
    if number is not None:
        try:
            items = [number(item) for item in items]
        except (TypeError, ValueError):
            kind = "numbers" if number is float else "whole numbers"
            raise SettingError(f"{field.name} must be {kind} separated by commas, not {value!r}") from None
    if str(field.type).startswith("str") and len(items) == 1 and isinstance(items[0], str):
        return items[0]
    return tuple(item for item in items if item != "")


def share_or_rows(text: str | float) -> float:
    """Return a share, or a whole number of rows: "24" is no 24.0."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text) if isinstance(text, str) else text
    raise typer.BadParameter(f"{text!r} is neither a share such as 0.2 nor a number of rows such as 24")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file.

    Raises:
        SettingError: for a file that cannot be read.
    """
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"the settings file {path} cannot be read: {error}") from None
