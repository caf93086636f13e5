"""A model folder: `config.json` says what the model is, `weights.safetensors` holds its arrays; no pickle anywhere.

config.json
    format, format_version   "tidegate-model", 1
    kind                     which task saved it, such as "forecaster"
    tidegate                 the version that saved it
    config                   whatever the task needs to build the model again
    tensors                  name: {dtype, shape}
    weights                  {bytes, sha256} of weights.safetensors
    checksum                 sha256 over all of the above
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from tidegate import __version__
from tidegate.errors import ModelFolderError
from tidegate.storage.files import read_regular, write_synced
from tidegate.storage.folders import candidates, replace_folder
from tidegate.storage.tensors import pack, unpack

CONFIG, WEIGHTS = "config.json", "weights.safetensors"
_FORMAT, _VERSION = "tidegate-model", 1
_CONFIG_LIMIT = 256 * 2**20
_DAMAGE = (OSError, ValueError, RecursionError, MemoryError)
_Result = TypeVar("_Result")


def save_model(folder: str | Path, kind: str, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a model folder; a model that is there already is replaced as a whole.

    Args:
        folder: where; made with its parents when missing.
        kind: which task saves it; `load_model` must name the same.
        config: JSON values that the task needs to build the model again.
        tensors: arrays by name.

    Raises:
        ModelFolderError: when the place holds something else than a model, or cannot be written.
    """
    place = Path(os.path.realpath(folder))
    _refuse_foreign(place)
    config = json.loads(json.dumps(config, allow_nan=False))
    weights = pack(tensors)
    content = {
        "format": _FORMAT,
        "format_version": _VERSION,
        "kind": kind,
        "tidegate": __version__,
        "config": config,
        "tensors": _describe(tensors),
        "weights": {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()},
    }
    content["checksum"] = _checksum(content)
    text = json.dumps(content, indent=1, allow_nan=False)

    def fill(empty: Path) -> None:
        write_synced(empty / WEIGHTS, weights)
        write_synced(empty / CONFIG, text.encode())

    try:
        replace_folder(place, fill)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFolderError(f"{folder} cannot be written ({reason}); choose another place or make room") from None


def load_model(folder: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model folder: the config and the tensors that `save_model` was given.

    When saving was cut off by a crash, the whole model that it left beside the folder is found and read.

    Raises:
        ModelFolderError: when the folder is missing, damaged, of another kind or of another format version.
    """
    return _read(folder, lambda place: _load(place, kind))


def kind_of(folder: str | Path) -> str:
    """Return which task saved the model of a folder, without reading its arrays.

    Raises:
        ModelFolderError: when the folder is missing, damaged or of another format version.
    """
    return _read(folder, lambda place: _expect(_content(place).get("kind"), str))


def _read(folder: str | Path, read: Callable[[Path], _Result]) -> _Result:
    """Read the folder, or the whole model that a crash left beside it."""
    place = Path(os.path.realpath(folder))
    try:
        if place.exists():
            return read(place)
        for leftover in candidates(place):
            try:
                return read(leftover)
            except _DAMAGE:
                continue
    except _Refusal as refusal:
        raise ModelFolderError(f"{folder} {refusal}") from None
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ModelFolderError(f"{folder} holds no whole model ({reason}); save the model again") from None
    raise ModelFolderError(f"{folder} does not exist; give the folder that a model was saved to")


class _Refusal(ValueError):
    """The folder holds a model, but not one that was asked for."""


def _load(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    content = _content(folder)
    if content.get("kind") != kind:
        raise _Refusal(f"holds a model of kind {content.get('kind')!r}, not {kind!r}; load it by its own class")
    return _expect(content.get("config"), dict), _read_weights(folder / WEIGHTS, content)


def _content(folder: Path) -> dict[str, Any]:
    """Return what config.json holds, its checksum checked."""
    if not folder.is_dir():
        raise ValueError("it is not a folder")
    content = _read_config(folder / CONFIG)
    if content.get("format") != _FORMAT:
        raise ValueError(f"{CONFIG} is of another program")
    if content.get("format_version") != _VERSION:
        version = str(content.get("format_version"))[:20]
        raise _Refusal(f"is of format version {version}, and this Tidegate reads version {_VERSION}; install the other")
    if content.pop("checksum", None) != _checksum(content):
        raise ValueError(f"{CONFIG} was altered")
    return content


def _read_config(path: Path) -> dict[str, Any]:
    try:
        text = read_regular(path, _CONFIG_LIMIT).decode()
        return _expect(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant), dict)
    except OSError as error:
        raise ValueError(f"{CONFIG}: {error.strerror}") from None
    except _DAMAGE as error:
        raise ValueError(f"{CONFIG}: {error}") from None


def _read_weights(path: Path, content: dict[str, Any]) -> dict[str, Tensor]:
    expected = _expect(content.get("weights"), dict)
    try:
        data = read_regular(path, _expect(expected.get("bytes"), int))
        if len(data) != expected["bytes"] or hashlib.sha256(data).hexdigest() != expected.get("sha256"):
            raise ValueError("not the file that was saved")
        tensors, _ = unpack(data)
        if _describe(tensors) != content.get("tensors"):
            raise ValueError("other arrays than the config names")
    except OSError as error:
        raise ValueError(f"{WEIGHTS}: {error.strerror}") from None
    except _DAMAGE as error:
        raise ValueError(f"{WEIGHTS}: {error}") from None
    return tensors


def _refuse_foreign(place: Path) -> None:
    """Only an empty place or an older model may be replaced, never a folder with a user's files."""
    try:
        if not place.exists():
            return
        names = {entry.name for entry in place.iterdir()}
        if not names:
            return
        ours = CONFIG in names and f'"{_FORMAT}"'.encode() in read_regular(place / CONFIG, _CONFIG_LIMIT)
    except (OSError, ValueError):
        raise ModelFolderError(f"{place} is not a folder that can hold a model; choose another place") from None
    if not ours or names - {CONFIG, WEIGHTS}:
        other = min(names - {CONFIG, WEIGHTS}, default=CONFIG)
        raise ModelFolderError(
            f"{place} holds something else than a model ({other}); choose another folder or empty it"
        )


def _describe(tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {
        name: {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape)}
        for name, tensor in sorted(tensors.items())
    }


def _checksum(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{CONFIG} lacks a part")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")
