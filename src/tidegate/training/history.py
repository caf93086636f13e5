"""What training reports: a row per epoch, and how it ended."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, field, fields
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
        validation_loss: mean validation loss after the epoch; None without a validation part.
        learning_rate: that of the epoch's first step.
        gradient_norm: mean over the steps of the gradient's norm before clipping; growth warns of divergence.
        seconds: time taken by training and validation.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    seconds: float


_COLUMNS = tuple(field.name for field in fields(EpochResult))


@dataclass
class History:
    """How training went.

    Attributes:
        rows: one per epoch.
        stopped_early: whether `patience` ran out before the last epoch.
        interrupted: whether the user stopped training (Ctrl-C, a notebook's stop button).
    """

    rows: list[EpochResult] = field(default_factory=list)
    stopped_early: bool = False
    interrupted: bool = False

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights the network keeps: lowest validation loss, else the last; None before the first."""
        if not self.rows:
            return None
        if self.rows[-1].validation_loss is None:
            return self.rows[-1].epoch
        return min(self.rows, key=lambda row: math.inf if row.validation_loss is None else row.validation_loss).epoch

    def to_frame(self) -> pd.DataFrame:
        """The rows as a frame; a validation loss that was not measured is NaN."""
        import pandas as pd

        frame = pd.DataFrame([asdict(row) for row in self.rows], columns=pd.Index(_COLUMNS))
        return frame.astype({name: "int64" if name == "epoch" else "float64" for name in _COLUMNS})

    def write_csv(self, path: str | Path) -> None:
        """Write the rows as a CSV file, as a whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        write_atomically(Path(path), text.getvalue().encode())

    def to_json(self) -> dict[str, Any]:
        """The history as plain numbers, lists and dicts; `from_json` reads it."""
        rows = [list(asdict(row).values()) for row in self.rows]
        return {
            "columns": list(_COLUMNS),
            "rows": rows,
            "stopped_early": self.stopped_early,
            "interrupted": self.interrupted,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> History:
        """Read what `to_json` made.

        Raises:
            ValueError: when the data are not of that form.
        """
        try:
            names = data["columns"]
            rows = [_row(dict(zip(names, row, strict=True))) for row in data["rows"]]
            return cls(rows, bool(data["stopped_early"]), bool(data["interrupted"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a training history: {error!r}") from None


def _row(values: dict[str, Any]) -> EpochResult:
    validation = values["validation_loss"]
    numbers = {name: float(values[name]) for name in ("loss", "learning_rate", "gradient_norm", "seconds")}
    return EpochResult(
        epoch=int(values["epoch"]), validation_loss=None if validation is None else float(validation), **numbers
    )
