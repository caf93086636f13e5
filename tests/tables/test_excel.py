"""Excel files as people keep them: titles above the table, the table on another sheet."""

import pandas as pd
import pytest
from table_tools import build

from tidegate.errors import DataError, SettingError
from tidegate.tables.reading import read_table
from tidegate.tables.settings import TableSettings

PLAIN = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=4), "y": [1.0, 2.0, 3.0, 4.0]})


@pytest.fixture
def write(tmp_path):
    def write_file(**sheets):
        with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
            for name, frame in sheets.items():
                frame.to_excel(writer, sheet_name=name, index=False, header=not name.startswith("bare"))
        return tmp_path / "a.xlsx"

    return write_file


def test_excel_reads_the_first_sheet_that_is_filled_and_says_which(write):
    path = write(bare=pd.DataFrame(), sales=PLAIN, other=PLAIN.assign(y=0.0))
    panel, _ = build(path)
    assert panel.targets[:, 0].tolist() == [1, 2, 3, 4]
    assert "the sheet 'sales' was read; the file has 3 (bare, sales, other)" in str(panel.notes[0])
    assert build(path, sheet="other")[0].targets.sum() == 0
    with pytest.raises(SettingError, match="no sheet 'none'; its sheets are bare, sales, other"):
        read_table(path, TableSettings(sheet="none"))
    with pytest.raises(DataError, match=r"sheet 'bare' of .* is empty"):
        read_table(path, TableSettings(sheet="bare"))


def test_excel_passes_over_a_sheet_of_words_and_errors_name_the_sheet(write):
    path = write(about=pd.DataFrame({"about this file": ["made by me", "2020", "kW"]}), sales=PLAIN)
    panel, _ = build(path)
    assert panel.targets[:, 0].tolist() == [1, 2, 3, 4]
    with pytest.raises(DataError, match=r"no column of numbers .*; the sheet 'about' was read; the file has 2"):
        build(path, sheet="about")


@pytest.mark.parametrize("skip_rows", [0, 2])
def test_excel_finds_the_column_names_below_titles(write, skip_rows):
    rows = [["Sales of 2020", None], [None, None], ["date", "y"], *PLAIN.values.tolist()]
    found = read_table(write(bare=pd.DataFrame(rows)), TableSettings(skip_rows=skip_rows))
    pd.testing.assert_frame_equal(found, PLAIN, check_dtype=False)


def test_excel_without_a_table_is_refused(write):
    path = write(sales=PLAIN)
    with pytest.raises(DataError, match="no table below skip_rows"):
        read_table(path, TableSettings(skip_rows=9))
