"""What training reports: a row per epoch, and how it ended."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.storage.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EpochResult:
    """What one epoch did.

    Attributes:
        epoch: its number, from 1.
        loss: mean training loss, over the batches as they were met.
        validation_loss: mean validation loss after the epoch; None without a validation part, or when none of its
            targets is known.
        learning_rate: that of the epoch's first step.
        gradient_norm: mean over the steps of the gradient's norm before clipping; growth warns of divergence.
        seconds: time taken by training and validation; NaN in a model that was loaded.
        metric: what decides which epoch is best, on the validation part; None where the loss decides.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    seconds: float
    metric: float | None = None


_COLUMNS = tuple(field.name for field in fields(EpochResult))


@dataclass
class History:
    """How training went.

    Attributes:
        rows: one per epoch.
        metric: name of the metric that decides which epoch is best; None where the loss decides.
        higher_is_better: whether that metric is better when it is higher.
        stopped_early: whether `patience` ran out before the last epoch.
        interrupted: whether the user stopped training (Ctrl-C, a notebook's stop button).
        kept_start: whether the weights from before training were kept, for no epoch was clearly better; a task decides.
    """

    rows: list[EpochResult] = field(default_factory=list)
    metric: str | None = None
    higher_is_better: bool = False
    stopped_early: bool = False
    interrupted: bool = False
    kept_start: bool = False

    @property
    def decided_by(self) -> str:
        """What decided which epoch is best: the metric's name, "validation_loss", or "last epoch"."""
        if not self.rows or self.rows[-1].validation_loss is None:
            return "last epoch"
        return self.metric or "validation_loss"

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights the network keeps: the best in what decides; 0 is the start."""
        if not self.rows:
            return None
        if self.kept_start:
            return 0
        if self.rows[-1].validation_loss is None:
            return self.rows[-1].epoch
        return min(self.rows, key=self.badness).epoch

    def badness(self, row: EpochResult) -> float:
        """What decides, such that lower is better: the metric, else the validation loss, else the training loss."""
        if row.metric is not None:
            return -row.metric if self.higher_is_better else row.metric
        return row.loss if row.validation_loss is None else row.validation_loss

    def to_frame(self) -> pd.DataFrame:
        """The rows as a frame, with a column `metric` where one decides; what was not measured is NaN."""
        import pandas as pd

        frame = pd.DataFrame([asdict(row) for row in self.rows], columns=pd.Index(self._columns))
        return frame.astype({name: "int64" if name == "epoch" else "float64" for name in self._columns})

    def write_csv(self, path: str | Path) -> None:
        """Write the rows as a CSV file, as a whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        write_atomically(Path(path), text.getvalue().encode())

    def to_json(self) -> dict[str, Any]:
        """The history as plain numbers, lists and dicts; `from_json` reads it. Seconds are left out where not known."""
        names = [
            name for name in self._columns if name != "seconds" or not any(math.isnan(r.seconds) for r in self.rows)
        ]
        rows = [[getattr(row, name) for name in names] for row in self.rows]
        return {
            "columns": names,
            "rows": rows,
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "stopped_early": self.stopped_early,
            "interrupted": self.interrupted,
            "kept_start": self.kept_start,
        }

    def untimed(self) -> History:
        """The same history without how long it took, which differs from run to run."""
        return replace(self, rows=[replace(row, seconds=math.nan) for row in self.rows])

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> History:
        """Read what `to_json` made.

        Raises:
            ValueError: when the data are not of that form.
        """
        try:
            names = data["columns"]
            rows = [_row(dict(zip(names, row, strict=True))) for row in data["rows"]]
            metric, higher = data.get("metric"), bool(data.get("higher_is_better"))  # older files have neither
            if not isinstance(metric, str | None):
                raise TypeError(metric)
            ended = (bool(data["stopped_early"]), bool(data["interrupted"]), bool(data.get("kept_start")))
            return cls(rows, metric, higher, *ended)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a training history: {error!r}") from None

    @property
    def _columns(self) -> list[str]:
        return [name for name in _COLUMNS if name != "metric" or self.metric is not None]


def _row(values: dict[str, Any]) -> EpochResult:
    numbers = {name: float(values[name]) for name in ("loss", "learning_rate", "gradient_norm")}
    validation, metric = values["validation_loss"], values.get("metric")
    return EpochResult(
        epoch=int(values["epoch"]),
        validation_loss=None if validation is None else float(validation),
        seconds=float(values.get("seconds", math.nan)),
        metric=None if metric is None else float(metric),
        **numbers,
    )
