"""Forecasters as the service holds them: loaded, run once, and described."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.errors import DataError, TidegateError
from tidegate.forecasting.context import Context, NextForecast
from tidegate.forecasting.persistence import load_either
from tidegate.forecasting.predictor import AnyPredictor, Predictor, predictor_of
from tidegate.forecasting.table_model import TableModel
from tidegate.forecasting.window_model import WindowModel
from tidegate.registry import model_folder
from tidegate.serving.batching import Batcher
from tidegate.serving.contract import ModelVersion
from tidegate.serving.forecasting.judged import Judged
from tidegate.serving.forecasting.reading import TableReader
from tidegate.serving.responses import Refusal
from tidegate.settings import taken_from
from tidegate.tables.settings import TableSettings


@dataclass(frozen=True)
class LoadedForecaster:
    """A forecaster that answers requests.

    Attributes:
        fitted: the model as it was saved; without the estimator around it, a service needs no scikit-learn.
        predictor: what computes its forecasts of histories.
        judged: tells how good it was found.
    """

    fitted: TableModel | WindowModel
    predictor: AnyPredictor
    judged: Judged


def load(folder: Path) -> LoadedForecaster:
    """Load a forecaster and run it once.

    Raises:
        ModelFolderError: the folder holds no usable model.
    """
    judged = Judged(folder)
    fitted = load_either(model_folder(folder))
    predictor = predictor_of(fitted)
    _warm_up(predictor)
    return LoadedForecaster(fitted, predictor, judged)


def describe(loaded: LoadedForecaster) -> dict[str, Any]:
    """What the page shows of a forecaster."""
    predictor, layer = loaded.predictor, loaded.fitted.settings.layer_settings()
    newest, verdict = None, loaded.judged.verdict
    if isinstance(predictor, Predictor) and predictor.newest_times.size:
        newest = predictor.clock.texts(predictor.newest_times.max()[None])[0]
    return {
        "kind": "table" if isinstance(predictor, Predictor) else "arrays",
        "layer": layer.name,
        **{name: value for name, value in layer.get_params().items() if name in ("cell", "layers", "units")},
        "columns": predictor.columns,
        "roles": _roles(predictor),
        "outputs": predictor.names(()),
        "known_ahead": predictor.known_ahead,
        "needed": predictor.needed,
        "horizon": predictor.steps,
        "series": len(predictor.series),
        "newest": newest,
        "levels": [level for level in (80.0, 90.0) if predictor.gives(level)],
        "verdict": None if verdict is None else verdict.model_dump() | {"outcome": verdict.outcome},
    }


def _roles(predictor: AnyPredictor) -> dict[str, Any] | None:
    """The columns of the table by what they are for; None for a model of arrays."""
    if not isinstance(predictor, Predictor):
        return None
    return {role: getattr(predictor.roles, role) for role in ("time", "id", "targets", "past", "future", "static")}


def table_model(version: ModelVersion) -> tuple[TableModel, Predictor]:
    """A model that was fitted on a table, and its predictor.

    Raises:
        DataError: it was fitted on plain arrays.
    """
    fitted, predictor = version.model.fitted, version.model.predictor
    if not isinstance(predictor, Predictor):
        raise DataError(f"model {version.name!r} was fitted on plain arrays, so it takes values, not a table")
    return fitted, predictor


def reader(version: ModelVersion) -> TableReader | None:
    """Return how tables are read for a model; None when it takes none."""
    if not isinstance(version.model.fitted, TableModel):
        return None
    found = version.model.fitted.preprocessor
    return TableReader(taken_from(found.settings, TableSettings), found.columns)


def own_series(version: ModelVersion, series: object) -> object:
    """The series of the fit that a request names, however it writes it; None when it names none.

    Raises:
        Refusal: the model was not fitted on it (404), or needs one and got none.
    """
    try:
        return version.model.predictor.own_series(series)
    except DataError as error:
        raise Refusal(422 if series is None else 404, str(error)) from None


async def forecast(
    version: ModelVersion, batcher: Batcher, context: Context, levels: tuple[float, ...]
) -> NextForecast:
    """Forecast what follows a context, together with others that are asked for at the same time.

    Raises:
        TidegateError: this context cannot be forecast.
        Refusal: too many are waiting, or it took too long.
    """
    predictor = version.model.predictor
    predictor.check(context, levels)
    return await batcher.run(version, predictor.predict, context, levels)


def _warm_up(predictor: AnyPredictor) -> None:
    """Run the network once, so that the first request does not pay for what torch prepares."""
    stamps = None if predictor.clock is None else predictor.clock.stamps(predictor.clock.sample(predictor.needed))
    rows = np.zeros((predictor.needed, len(predictor.columns)))
    rows[-1] = 1.0  # a constant window has no spread of its own
    series = next(iter(predictor.series), None)
    context = Context(rows, stamps, np.zeros((predictor.steps, len(predictor.known_ahead))), series)
    try:
        predictor.predict([context])
    except TidegateError:
        return  # what this history lacks, real ones may have
