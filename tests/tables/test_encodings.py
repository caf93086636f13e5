"""Encodings of small tables, which have few letters beyond ASCII, by the text that they give."""

import pytest

from tidegate.errors import DataError
from tidegate.tables.encodings import decode, find_encoding

CHINESE = ["日期,销量", "时间,温度", "日期,值", "年份,人口", "date,温度", "门店,日期,销售额", "城市,日期,客流"]
WESTERN = ["date,Größe", "date,Température", "date,Año", "fecha,ventas día", "date,Öl", "date,temp °C", "date,prix €"]
WESTERN += ["data,preço", "dato,målt værdi", "päivä,määrä", "date,µg/m³", "date,Niño", "date,Verkäufe"]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [(header, "gb18030") for header in CHINESE]
    + [(header, "cp1252") for header in WESTERN]
    + [(header, encoding) for header in (*CHINESE, *WESTERN) for encoding in ("utf-8", "utf-8-sig", "utf-16")],
)
def test_encoding_gives_the_text_back(header, encoding):
    text = header + "\n" + "".join(f"2020-01-{day:02d},{day}\n" for day in range(1, 29))
    assert decode(text.encode(encoding), find_encoding(text.encode(encoding), cut=False), cut=False) == text


def test_encoding_of_a_beginning_that_ends_within_a_character():
    for encoding in ("utf-8", "gb18030"):
        data = "日期,销量".encode(encoding)
        assert decode(data[:-1], find_encoding(data[:-1], cut=True), cut=True) == "日期,销"


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("日期,銷量", "big5"), ("日付,売上", "shift_jis"), ("дата,продажи", "cp1251"), ("дата,продажи", "koi8_r")],
)
def test_encoding_that_cannot_be_told_is_refused(header, encoding):
    with pytest.raises(DataError, match="neither UTF-8 nor GB 18030 nor Windows-1252; save it as UTF-8"):
        find_encoding(f"{header}\n2020-01-01,5\n".encode(encoding), cut=False)


def test_what_begins_as_utf_16_and_does_not_go_on_so_is_refused():
    whole = "date,value\n".encode("utf-16")
    for data in (b"\xff\xfe{", whole[:-1], whole[:2] + b"\x00\xdc" + whole[2:]):
        with pytest.raises(DataError, match="begins as UTF-16"):
            find_encoding(data, cut=False)
    assert find_encoding(whole[:-1], cut=True) == "utf-16"
