"""Tables on the terminal, for any task and in both languages."""

import io

import pandas as pd
from rich.console import Console

from tidegate.reporting.scores import MetricColumn, Scores
from tidegate.reporting.terminal import frame_table, score_table, verdict_line


def scores(own="GRU"):
    values = {own: 0.912, "Frequent": 0.4}
    metrics = (
        MetricColumn("accuracy", values, higher_is_better=True, decimals=2),
        MetricColumn("loss", {own: 31.0, "Frequent": 9}),
    )
    return Scores(own, {own: own, "Frequent": "most frequent"}, metrics)


def printed(item):
    file = io.StringIO()
    Console(file=file, width=80, force_terminal=False).print(item)
    return file.getvalue()


def test_a_table_has_a_row_per_method_and_a_column_per_metric():
    lines = printed(score_table("50 flowers", {"": scores()}, "en")).splitlines()
    assert lines[0].strip() == "50 flowers"
    cells = [line.replace("│", "┃").split("┃") for line in lines if "┃" in line or "│" in line]
    assert [[cell.strip() for cell in row if cell.strip()] for row in cells] == [
        ["method", "accuracy", "loss"],
        ["GRU", "0.91", "31.00"],
        ["most frequent", "0.40", "9.00"],
    ]


def test_a_frame_is_shown_with_short_numbers_and_times():
    frame = pd.DataFrame({"when": pd.to_datetime(["2026-01-01", "2026-01-02"]), "[b]shop": ["a", "b"]})
    text = printed(frame_table(frame.assign(LSTM=[1234.5678, -0.25])))
    assert "2026-01-01 " in text
    assert "00:00" not in text
    assert "[b]shop" in text
    assert "1,234.6" in text
    assert "−0.2 " in text


def test_several_groups_have_a_column_of_their_own():
    text = printed(score_table("flowers", {"iris": scores(), "rose": scores()}, "zh", group="花"))
    assert "花" in text
    assert "方法" in text
    assert text.count("iris") == text.count("rose") == 2


def test_a_users_words_are_not_read_as_markup():
    text = printed(score_table("[/bold]", {"[red]a": scores("[/x]"), ":smile:": scores("[/x]")}, "en", group="[b]"))
    for word in ("[/bold]", "[red]a", "[/x]", ":smile:", "[b]"):
        assert word in text
    assert printed(verdict_line("[/x] beats :smile:")).strip() == "[/x] beats :smile:"


def test_the_trained_method_is_in_bold():
    file = io.StringIO()
    Console(file=file, width=80, force_terminal=True, color_system="standard").print(
        score_table("", {"": scores()}, "en")
    )
    bold = [line for line in file.getvalue().splitlines() if "\x1b[1m" in line]
    assert any("GRU" in line for line in bold)
    assert not any("most frequent" in line for line in bold)
