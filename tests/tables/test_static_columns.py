"""Static columns: categories and numbers, one value per series."""

import pytest
from table_tools import build, frame_of

from tidegate.errors import DataError


def test_static_columns_are_coded_categories_first():
    frame = frame_of(["x", "y", "z"]).assign(size=lambda f: f["unique_id"].map({"x": 1, "y": 2, "z": 3}))
    frame["kind"] = frame["unique_id"].map({"x": "shop", "y": "bank", "z": "shop"})
    panel, columns = build(frame, static_cols=("size", "kind"))
    assert columns.static == ("kind", "size")
    assert columns.categories == {"kind": ["bank", "shop"]}
    assert panel.static.tolist() == [[2, 1], [1, 2], [2, 3]]
    later, _ = build(frame.replace({"kind": {"bank": "bar"}}), static_cols=("size", "kind"), like=columns)
    assert later.static[:, 0].tolist() == [2, 0, 2]


def test_static_columns_name_faults():
    frame = frame_of(["x", "y"], 3).assign(kind=["a", "a", "b", "c", "c", "c"])
    with pytest.raises(DataError, match="'kind' changes within series x in row 3; give it one value per series"):
        build(frame, static_cols=("kind",))
    with pytest.raises(DataError, match="'kind' has no value in row 2; give every row"):
        build(frame.assign(kind=["a", None, "a", "c", "c", "c"]), static_cols=("kind",))
