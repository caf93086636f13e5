"""Files that are posted: a table alone or in a form, its columns called otherwise, and what is known ahead of it."""

import json

import numpy as np
import pytest
from page_tools import shops, warm
from service_tools import running, wave

from tidegate import Forecaster

SMALL = {"lookback": 8, "horizon": 2, "units": 4, "layers": 1, "epochs": 1, "steps_per_epoch": 2}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A forecaster that needs values ahead, its service, and those values."""
    forecaster = Forecaster(future_cols=["temp"], **SMALL).fit(warm())
    folder = tmp_path_factory.mktemp("known") / "known"
    forecaster.save(folder)
    with running(folder) as client:
        yield forecaster, client


def _text(frame):
    return frame.to_csv(index=False).encode()


def _post(client, columns=None, **files):
    params = {"history": True} | ({} if columns is None else {"columns": json.dumps(columns)})
    return client.post(
        "/predict/csv", params=params, files={name: (f"{name}.csv", text) for name, text in files.items()}
    )


def _values(answer):
    return [value for one in answer.json()["forecasts"] for value in one["columns"]["LSTM"]]


def test_form_with_a_table_gives_what_the_table_alone_gives(client):
    text = _text(wave(60, seed=4))
    alone = client.post("/predict/csv?history=true", content=text, headers={"content-type": "text/csv"})
    assert _post(client, table=text).json() == alone.json()


def test_future_is_known_ahead_of_a_table(known):
    forecaster, client = known
    frame = warm(40)
    future = forecaster.future_frame(frame).assign(temp=[3.0, 5.0])
    expected = forecaster.predict(frame, future)["LSTM"]
    answer = _post(client, table=_text(frame), future=_text(future))
    assert _values(answer) == pytest.approx(expected.tolist())
    assert answer.json()["forecasts"][0]["history"]["columns"]["y"] == pytest.approx(frame["y"].tolist())


def test_future_alone_continues_the_rows_of_the_fit(known):
    forecaster, client = known
    future = forecaster.future_frame().assign(temp=[3.0, 5.0])
    assert _values(_post(client, future=_text(future))) == pytest.approx(
        forecaster.predict(future=future)["LSTM"].tolist()
    )
    refused = _post(client, future=_text(future.iloc[:1]))
    assert refused.status_code == 422
    assert "lacks 1 values of 'temp'" in refused.json()["error"]


def test_columns_may_be_called_otherwise(known):
    forecaster, client = known
    frame = warm(40)
    future = forecaster.future_frame(frame).assign(temp=[3.0, 5.0])
    expected = forecaster.predict(frame, future)["LSTM"].tolist()
    names = {"ds": "when", "y": "sales", "temp": "heat"}
    # What the model calls y is another column of this file.
    other = frame.rename(columns={own: name for own, name in names.items()}).assign(y=np.arange(40.0))
    answer = _post(client, names, table=_text(other), future=_text(future.rename(columns=names)))
    assert _values(answer) == pytest.approx(expected)
    assert _values(_post(client, names, table=_text(other), future=_text(future))) == pytest.approx(expected)


def test_series_and_target_of_a_table_may_be_called_otherwise(site):
    frame = shops(3).rename(columns={"shop": "store", "sales": "revenue"})
    answer = site.post(
        "/predict/csv",
        params={"model": "shops", "columns": json.dumps({"shop": "store", "sales": "revenue"}), "history": True},
        content=_text(frame),
    ).json()
    plain = site.post("/predict/csv", params={"model": "shops", "history": True}, content=_text(shops(3))).json()
    assert answer["forecasts"] == plain["forecasts"]
    assert [one["series"] for one in answer["forecasts"]] == list(frame["store"].unique())


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("no json", "columns must be a JSON object"),
        ('{"y": 1}', "columns must be a JSON object"),
        ('{"x": "y"}', "the model has no column 'x'; its columns are ds, y"),
        ('{"y": "sales"}', "the file has no column 'sales'; it has 'ds', 'y'"),
    ],
)
def test_names_that_do_not_fit_are_refused(client, columns, sentence):
    answer = client.post("/predict/csv", params={"columns": columns}, content=_text(wave(40)))
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "content_type", "sentence"),
    [
        (b"--x\r\n\r\n", "multipart/form-data; boundary=y", "the form has no part"),
        (b"", "multipart/form-data", "the form has no part"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--x--',
            "multipart/form-data; boundary=x",
            "'file'",
        ),
    ],
)
def test_forms_that_hold_no_table_are_refused(client, content, content_type, sentence):
    answer = client.post("/predict/csv", content=content, headers={"content-type": content_type})
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_a_faulty_file_is_called_by_what_it_is(known):
    _, client = known
    answer = _post(client, table=_text(warm(40)), future=b"<html></html>")
    assert answer.status_code == 422
    assert "the file of what is known ahead looks like a web page" in answer.json()["error"]
