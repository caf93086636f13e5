"""The models that are served, and new versions of them taken up without dropping a request."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tidegate.errors import SettingError, TidegateError
from tidegate.registry import model_folder
from tidegate.serving.contract import ModelVersion, TaskService
from tidegate.serving.responses import Refusal
from tidegate.storage.model_folder import CONFIG

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
log = logging.getLogger("tidegate.serving")


class Models:
    """The served models by name."""

    def __init__(self, places: Sequence[str], task_of: Callable[[Path], TaskService], good: Path | None = None) -> None:
        """Load all models.

        Args:
            places: model or run folders, each as PATH or NAME=PATH.
            task_of: the task that serves the model of a folder.
            good: folder for copies of what could be loaded, which take the place of a folder that can no longer be.

        Raises:
            SettingError: no name can be made of a folder, or a name is used twice.
            ModelFolderError: a folder holds no usable model.
        """
        self._folders: dict[str, Path] = {}
        for place in places:
            name, folder = _name_and_folder(place)
            if name in self._folders:
                raise SettingError(f"two models are called {name!r}; give one of them a name, as in NAME={folder}")
            self._folders[name] = folder
        if not self._folders:
            raise SettingError("no model is given; name at least one model folder")
        self._task_of, self._good = task_of, good
        self._failed: dict[str, tuple[int, ...]] = {}
        self._newest = {name: self._first(name, folder) for name, folder in self._folders.items()}

    @property
    def names(self) -> list[str]:
        """The models' names, in the order in which they were given."""
        return list(self._newest)

    def get(self, name: str | None) -> ModelVersion:
        """The newest version of a model; None names the only one.

        Raises:
            Refusal: 404, there is no such model.
        """
        if name is None:
            if len(self._newest) > 1:
                raise Refusal(422, f"several models are served ({', '.join(self._newest)}); name one as model")
            return next(iter(self._newest.values()))
        if name not in self._newest:
            raise Refusal(404, f"there is no model {name[:100]!r}; there are {', '.join(self._newest)}")
        return self._newest[name]

    def refresh(self) -> list[ModelVersion]:
        """Load the models whose folders have changed; a folder that cannot be loaded leaves the old version."""
        fresh = []
        for name, folder in self._folders.items():
            stamp = stamp_of(folder)
            if stamp is None or stamp in (self._newest[name].stamp, self._failed.get(name)):
                continue
            try:
                version = self._load(name, folder)
            except TidegateError as error:
                self._failed[name] = stamp
                log.error("the new version of model %s stays out: %s", name, error)
                continue
            self._newest[name] = version
            fresh.append(version)
            log.info("model %s is now version %s", name, version.version)
        return fresh

    def _first(self, name: str, folder: Path) -> ModelVersion:
        try:
            return self._load(name, folder)
        except TidegateError as error:
            copy = None if self._good is None else self._good / name
            if copy is None or not copy.is_dir():
                raise
            log.error("model %s cannot be loaded, and its last good version goes on: %s", name, error)
        self._failed[name] = stamp_of(folder) or ()
        return replace(self._load(name, copy), stamp=())

    def _load(self, name: str, folder: Path) -> ModelVersion:
        before, task = stamp_of(folder) or (), self._task_of(folder)
        model = task.load(folder)
        version = _version_of(_config_of(folder)) if before else "unknown"
        if self._good is not None and folder.parent != self._good:
            _copy(model_folder(folder), self._good / name, version)
        return ModelVersion(name, version, task, model, before)


def _version_of(config: Path) -> str:
    return hashlib.sha256(config.read_bytes()).hexdigest()[:12]


def _copy(folder: Path, place: Path, version: str) -> None:
    """Put a copy in place of an older one; of two workers that do so at once one may have its way."""
    with tempfile.TemporaryDirectory(dir=place.parent, ignore_cleanup_errors=True) as scratch, suppress(OSError):
        shutil.copytree(folder, Path(scratch) / "new")
        if _version_of(Path(scratch) / "new" / CONFIG) != version:
            return  # a newer one, which nobody has loaded yet
        with suppress(FileNotFoundError):
            place.rename(Path(scratch) / "old")
        (Path(scratch) / "new").rename(place)


def _name_and_folder(place: str) -> tuple[str, Path]:
    name, separator, path = place.partition("=")
    folder = Path(path if separator else place)
    if not separator:
        whole = folder.resolve()
        name = whole.parent.name if whole.name == "model" else whole.name
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")
    if not _NAME.fullmatch(name):
        raise SettingError(f"{name!r} cannot be a model's name; give one of letters and digits, as in NAME={folder}")
    return name, folder


def _config_of(folder: Path) -> Path:
    return model_folder(folder) / CONFIG


def stamp_of(folder: Path) -> tuple[int, ...] | None:
    """What changes when a folder is replaced; None while there is none, between the two renames of a save."""
    try:
        status = _config_of(folder).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
