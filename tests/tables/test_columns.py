"""What a model keeps of its table, there and back."""

import json

from table_tools import build, frame_of

from tidegate.tables.columns import Columns


def test_columns_survive_json():
    frame = frame_of().assign(kind="a", p=1.0)
    _, columns = build(frame, static_cols=("kind",), past_cols=("p",))
    assert Columns.from_dict(json.loads(json.dumps(columns.to_dict()))) == columns
