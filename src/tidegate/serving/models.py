"""The models that are served, and new versions of them taken up without dropping a request."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidegate.errors import SettingError, TidegateError
from tidegate.forecasting.forecaster import Forecaster
from tidegate.forecasting.predictor import History, Predictor, TablePredictor, predictor_of
from tidegate.registry import load
from tidegate.serving.responses import Refusal

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
log = logging.getLogger("tidegate.serving")


@dataclass(frozen=True, eq=False)
class ModelVersion:
    """One version of a model; requests in work keep theirs while a newer one takes its place.

    Attributes:
        name: what requests call it.
        version: first digits of the checksum of its config.
        forecaster: the fitted forecaster.
        predictor: what computes its forecasts.
        print: size, time and inode of its files, to notice a change.
    """

    name: str
    version: str
    forecaster: Forecaster
    predictor: Predictor
    print: tuple[int, ...]


class Models:
    """The served models by name."""

    def __init__(self, places: Sequence[str]) -> None:
        """Load all models.

        Args:
            places: model or run folders, each as PATH or NAME=PATH.

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
        self._served = {name: _load(name, folder) for name, folder in self._folders.items()}
        self._failed: dict[str, tuple[int, ...]] = {}

    @property
    def names(self) -> list[str]:
        """The models' names, in the order in which they were given."""
        return list(self._served)

    def get(self, name: str | None) -> ModelVersion:
        """The newest version of a model; None names the only one.

        Raises:
            Refusal: 404, there is no such model.
        """
        if name is None:
            if len(self._served) > 1:
                raise Refusal(422, f"several models are served ({', '.join(self._served)}); name one as model")
            return next(iter(self._served.values()))
        if name not in self._served:
            raise Refusal(404, f"there is no model {name[:100]!r}; there are {', '.join(self._served)}")
        return self._served[name]

    def refresh(self) -> list[ModelVersion]:
        """Load the models whose folders have changed; a folder that cannot be loaded leaves the old version."""
        fresh = []
        for name, folder in self._folders.items():
            print_ = _print(folder)
            if print_ is None or print_ in (self._served[name].print, self._failed.get(name)):
                continue
            try:
                served = _load(name, folder)
            except TidegateError as error:
                self._failed[name] = print_
                log.error("the new version of model %s stays out: %s", name, error)
                continue
            self._served[name] = served
            fresh.append(served)
            log.info("model %s is now version %s", name, served.version)
        return fresh


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
    inner = folder / "model"
    return (inner if inner.is_dir() else folder) / "config.json"


def _print(folder: Path) -> tuple[int, ...] | None:
    """What changes when a folder is replaced; None while there is none, between the two renames of a save."""
    try:
        status = _config_of(folder).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _load(name: str, folder: Path) -> ModelVersion:
    before = _print(folder) or ()
    forecaster = load(folder)
    predictor = predictor_of(forecaster.fitted())
    warm_up(predictor)
    version = hashlib.sha256(_config_of(folder).read_bytes()).hexdigest()[:12] if before else "unknown"
    return ModelVersion(name, version, forecaster, predictor, before)


def warm_up(predictor: Predictor) -> None:
    """Run the network once, so that the first request does not pay for what torch prepares."""
    stamps = None if predictor.clock is None else predictor.clock.stamps(predictor.clock.sample(predictor.needed))
    rows = np.zeros((predictor.needed, len(predictor.columns)))
    rows[-1] = 1.0  # a constant window has no spread of its own
    series = next(iter(predictor.series), None)
    history = History(rows, stamps, np.zeros((predictor.steps, len(predictor.known_ahead))), series)
    try:
        predictor.predict([history])
    except TidegateError:
        return  # what this history lacks, real ones may have


def described(served: ModelVersion) -> dict[str, object]:
    """What the page shows of a model."""
    predictor, settings = served.predictor, served.forecaster
    newest = None
    if isinstance(predictor, TablePredictor) and predictor.newest_times.size:
        newest = predictor.clock.texts(predictor.newest_times.max()[None])[0]
    return {
        "name": served.name,
        "version": served.version,
        "kind": "table" if isinstance(predictor, TablePredictor) else "arrays",
        "cell": str(settings.cell),
        "layers": settings.layers,
        "units": settings.units,
        "columns": predictor.columns,
        "known_ahead": predictor.known_ahead,
        "needed": predictor.needed,
        "horizon": predictor.steps,
        "series": len(predictor.series),
        "newest": newest,
        "levels": [level for level in (80.0, 90.0) if predictor.gives(level)],
    }
