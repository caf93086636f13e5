"""Tables for the tests, and what is expected of a fault."""

import numpy as np
import pandas as pd
import pytest

from tidegate.errors import DataError, SettingError
from tidegate.tables.building import build_panel
from tidegate.tables.settings import TableSettings


def build(source, like=None, **settings):
    return build_panel(source, TableSettings(**settings), like=like)


def frame_of(series=("a", "b"), rows=6, freq="D"):
    times = pd.date_range("2020-01-01", periods=rows, freq=freq)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": times, "y": np.arange(rows) + 10.0 * i}) for i, name in enumerate(series)
    ]
    return pd.concat(parts, ignore_index=True)


def as_dict(panel):
    """Each series' times, targets, covariates and static values by its name."""
    return {
        name: [getattr(panel, role)[panel.rows(i)].tolist() for role in ("times", "targets", "past", "future")]
        + [panel.static[i].tolist()]
        for i, name in enumerate(panel.ids.tolist())
    }


def rows_frame(lengths):
    frame = pd.concat([frame_of([f"s{i}"], length) for i, length in enumerate(lengths)], ignore_index=True)
    frame["p"] = np.arange(len(frame)) * 0.5
    frame["f"] = np.arange(len(frame)) * -1
    frame["kind"] = frame["unique_id"].map(lambda name: "even" if int(name[1:]) % 2 == 0 else "odd")
    return frame


def fault(frame, words, **settings):
    with pytest.raises((DataError, SettingError), match=words) as caught:
        build(frame, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message
