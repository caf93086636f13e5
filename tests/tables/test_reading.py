"""Reading tables: what a stranger's file looks like, and what is said when it is no table."""

import bz2
import gzip
import lzma
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from lacking import need_module
from tidegate.errors import DataError, MissingExtraError
from tidegate.tables.numbers import to_numbers
from tidegate.tables.reading import frame_kind, read_table
from tidegate.tables.settings import TableSettings

PLAIN = "date,y\n2020-01-01,1.5\n2020-01-02,2.5\n"
GZIPPED = gzip.compress(PLAIN.encode() * 50, mtime=0)


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_reading_finds_the_separator(write, separator):
    frame = read_table(write("a.txt", PLAIN.replace(",", separator)))
    assert list(frame.columns) == ["date", "y"]
    assert frame["y"].tolist() == [1.5, 2.5]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_reading_understands_a_decimal_comma(write, separator):
    text = PLAIN.replace(",", separator).replace("1.5", "1,5").replace("2.5", "1.002,5")
    frame = read_table(write("a.csv", text))
    assert to_numbers(frame["y"], "y").tolist() == [1.5, 1002.5]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_reading_keeps_chinese_names(write, encoding):
    frame = read_table(write("a.csv", "日期,销量\n2020-01-01,5\n2020-01-02,6\n".encode(encoding)))
    assert list(frame.columns) == ["日期", "销量"]


@pytest.mark.parametrize("name", ["Größe", "Température", "Año"])
def test_reading_keeps_western_names(write, name):
    frame = read_table(write("a.csv", f"date,{name}\n2020-01-01,5\n".encode("cp1252")))
    assert list(frame.columns) == ["date", name]


def test_reading_turns_to_the_old_encoding_when_it_shows_late(write):
    rows = "".join(f"2020-01-01,{i}\n" for i in range(20_000))
    frame = read_table(write("a.csv", b"date,name\n" + rows.encode() + "2020-01-02,这是中文\n".encode("gb18030")))
    assert frame["name"].iloc[-1] == "这是中文"


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zip"])
def test_reading_unpacks(tmp_path, suffix):
    path = tmp_path / f"a.csv{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", PLAIN)
    else:
        path.write_bytes({".gz": gzip, ".xz": lzma, ".bz2": bz2}[suffix].compress(PLAIN.encode()))
    assert read_table(str(path))["y"].tolist() == [1.5, 2.5]


def test_reading_parquet_and_excel_equal_csv(tmp_path):
    frame = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=3), "y": [1.0, 2.0, 3.0]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    for name in ("a.parquet", "a.xlsx"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name), frame, check_dtype=False)


def test_reading_excel_without_openpyxl_names_the_extra(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tidegate\[excel\]'"):
        read_table(write("a.xlsx", "x"))


def test_reading_makes_numbers_of_columns_with_words_for_missing(write):
    frame = read_table(write("a.csv", "d,y,name\n1,NA,NA\n2,5,x\n3,-,y\n"))
    assert np.isnan(frame["y"].to_numpy()[[0, 2]]).all()
    assert frame["name"].tolist() == ["NA", "x", "y"]


def test_reading_keeps_leading_zeros_and_strips_names(write):
    frame = read_table(write("a.csv", " id , y\n007,1\n010,2\n"))
    assert list(frame.columns) == ["id", "y"]
    assert frame["id"].tolist() == ["007", "010"]


def test_reading_survives_exponents_of_many_digits(write):
    frame = read_table(write("a.csv", "id,y\n1e999705555905,1\n50060e8007123400,0.1\n1e4294967296,3\n"))
    assert frame["id"].tolist() == ["1e999705555905", "50060e8007123400", "1e4294967296"]
    assert frame["y"].tolist() == [1, 0.1, 3]


def test_reading_drops_the_empty_end_that_spreadsheets_write(write):
    assert len(read_table(write("a.csv", PLAIN + ",\n,\n"))) == 2


def test_reading_polars_leaves_an_equal_frame():
    polars = need_module("polars")
    frame = polars.DataFrame({"ds": [1, 2], "y": [1.0, None]})
    for source in (frame, frame.lazy()):
        read = read_table(source)
        assert read["ds"].tolist() == [1, 2]
        assert np.isnan(read["y"].iloc[1])
        assert frame_kind(source) == "polars"


def test_reading_names_the_way_from_a_list_of_dicts():
    entries = [
        {"start": pd.Period("2026-01-01", "D"), "target": np.arange(3.0)},
        {"start": "2026-02-01", "target": [5]},
    ]
    with pytest.raises(DataError, match="a list of dicts is no table; give pandas") as refused:
        read_table(entries)
    way = str(refused.value).partition("give ")[2]
    frame = read_table(eval(way, {"pandas": pd, "data": entries, "FREQ": "D"}))
    assert frame["y"].tolist() == [0, 1, 2, 5]
    assert frame["unique_id"].tolist() == [0, 0, 0, 1]
    assert frame["ds"].astype(str).tolist() == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-02-01"]
    with pytest.raises(DataError, match=r"give pandas.DataFrame\(data\)"):
        read_table([{"ds": 1, "y": 2.0}])


def test_reading_names_the_way_from_series_of_darts():
    series = type("TimeSeries", (), {"__module__": "darts.timeseries"})()
    for source in (series, [series, series]):
        with pytest.raises(DataError, match=r"a Darts series is no table; give series.to_dataframe\(\)"):
            read_table(source)


def test_reading_arrays_names_columns():
    assert list(read_table(np.arange(3)).columns) == ["y"]
    assert list(read_table(np.zeros((3, 1))).columns) == ["y"]
    assert list(read_table(np.zeros((3, 2))).columns) == ["y0", "y1"]
    assert read_table([1, 2, 3])["y"].tolist() == [1, 2, 3]


def test_reading_takes_times_from_the_index_and_leaves_the_frame_alone():
    index = pd.date_range("2020-01-01", periods=3)
    frame = pd.DataFrame({"v": [1, 2, 3]}, index=index)
    read = read_table(frame)
    assert list(read.columns) == ["ds", "v"]
    assert list(frame.columns) == ["v"]
    assert frame.index is index
    assert list(read_table(frame["v"].rename_axis("when")).columns) == ["when", "v"]


def test_reading_flattens_levels_of_names():
    columns = pd.MultiIndex.from_tuples([("Close", "AAPL"), ("Open", "AAPL")])
    frame = pd.DataFrame([[1, 2]], columns=columns, index=pd.DatetimeIndex(["2020-01-01"], name="Date"))
    assert list(read_table(frame).columns) == ["Date", "Close", "Open"]


def test_reading_a_plain_frame_returns_it_uncopied():
    frame = pd.DataFrame({"ds": [1, 2], "y": [1.0, 2.0]})
    assert read_table(frame) is frame


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "is empty; give a file"),
        ("a.csv", "\n \n", "is empty; give a file"),
        ("a.csv", "date,y\n", r"no rows below its column names \(date, y\)"),
        ("a.csv", bytes(range(256)), "binary data; give a text table"),
        ("a.csv", b"PK\x03\x04 more", "an Excel or zip file"),
        ("a.csv", "日期,銷量\n2020-01-01,5\n".encode("big5"), "nor Windows-1252; save it as UTF-8"),
        ("a.csv", "<html><body></body></html>", "looks like a web page"),
        ("a.csv", "date,y,y\n2020-01-01,1,2\n", "column name 'y' occurs more than once"),
        ("a.csv", "date,y\n2020-01-01,1\n2020-01-02,1,2\n", "line 3 has 3 fields where 2 are expected"),
        ("a.csv", "date,y\n2020-01-01,1,2\n2020-01-02,1,2\n", "more fields than its 2 column names"),
        ("a.csv", 'date,"y\n2020-01-01,1\n', "quotation mark"),
        ("a.csv", "2020-01-01,5\n2020-01-02,6\n", "looks like data, not column names"),
        ("a.csv", "5\n6\n", "looks like data, not column names"),
        ("a.csv.gz", "no gzip", "damaged, get or write it again"),
        pytest.param("a.csv.gz", GZIPPED[:-12], "damaged, get or write it again", id="a.csv.gz-cut short"),
        ("a.zip", "no zip", "damaged, get or write it again"),
        ("a.xz", "no xz", "damaged, get or write it again"),
        ("a.parquet", "no parquet", "not a readable parquet file"),
        ("a.xlsx", "no excel", "not a readable Excel file"),
        ("a.xls", "x", "save it as .xlsx or .csv"),
        ("a.docx", "x", "unknown ending '.docx'"),
    ],
)
def test_reading_says_what_is_wrong_with_a_file(write, name, content, words):
    with pytest.raises(DataError, match=words) as caught:
        read_table(write(name, content))
    assert "\n" not in str(caught.value)


def test_reading_says_when_there_is_no_file(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


def test_reading_refuses_archives_of_several_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", PLAIN)
        archive.writestr("b.csv", PLAIN)
    with pytest.raises(DataError, match=r"holds 2 files \(a.csv, b.csv\)"):
        read_table(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "source", [3, None, np.zeros((2, 2, 2)), np.array(["a"]), np.zeros((0, 2)), {"a": [1], "b": []}]
)
def test_reading_refuses_what_is_no_table(source):
    with pytest.raises(DataError, match=r"no table|empty"):
        read_table(source)


def test_reading_refuses_double_names_in_frames():
    with pytest.raises(DataError, match="'y' occurs more than once"):
        read_table(pd.DataFrame([[1, 2]], columns=["y", " y"]))


@pytest.mark.parametrize(
    ("above", "skip"), [("# a remark\n", 0), ("# two,\n#\n", 0), ("A title\nand another\n", 2), ("#x,y,z\nmore\n", 2)]
)
def test_reading_finds_the_column_names_below_remarks_and_titles(write, above, skip):
    frame = read_table(write("a.csv", above + PLAIN), TableSettings(skip_rows=skip))
    assert list(frame.columns) == ["date", "y"]
    assert frame["y"].tolist() == [1.5, 2.5]


def test_reading_keeps_a_column_name_with_a_hash(write):
    assert list(read_table(write("a.csv", PLAIN.replace("date", "#date"))).columns) == ["#date", "y"]
    with pytest.raises(DataError, match="no table below 9 lines"):
        read_table(write("a.csv", PLAIN), TableSettings(skip_rows=9))
