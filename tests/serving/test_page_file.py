"""A user's file on the page, in Chromium: its preview, its columns, and what is known ahead."""

import json

import pytest
from page_tools import choose, opened, shops, warm

import tidegate


def _drawn(page):
    page.locator("#numbers td").first.wait_for(state="attached")
    return [float(text.replace(",", "")) for text in page.locator("#numbers td:nth-child(2)").all_text_contents()]


def _expected(client, model, text, **params):
    return client.post("/predict/csv", params={"model": model, "history": True} | params, content=text).json()


def test_a_files_columns_are_previewed_and_chosen(browser, site, tmp_path):
    frame = shops(3).rename(columns={"shop": "store", "sales": "revenue"})
    frame["store"] = frame["store"] + ', "Ltd"'
    frame.to_csv(tmp_path / "stores.csv", index=False)
    with opened(browser, site) as page:
        choose(page, "shops")
        page.wait_for_selector("#chart canvas")
        page.set_input_files("#file", tmp_path / "stores.csv")
        page.locator("#problem", has_text="choose them below").wait_for()
        assert page.locator("#chart canvas").count() == 0
        assert page.inner_text("#source") == "Model shops · file stores.csv"
        rows = page.locator("#preview tr")
        assert rows.count() == 6  # the heading and five rows
        assert rows.nth(0).locator("th").all_inner_texts() == ["store", "day", "revenue"]
        assert rows.nth(1).locator("td").first.inner_text() == 'shop 000 south, "Ltd"'
        chosen = {one.get_attribute("data-column"): one.input_value() for one in page.locator("#roles select").all()}
        assert chosen == {"day": "day", "shop": "", "sales": ""}
        page.click("#language")
        page.locator("#roles label", has_text="时间（day）").wait_for()
        page.locator("#problem", has_text="请在下方选择").wait_for()
        assert page.inner_text("#source") == "模型 shops · 文件 stores.csv"
        page.select_option("[data-column=shop]", "store")
        page.select_option("[data-column=sales]", "revenue")
        page.click("#use-file")
        page.locator("#source", has_text='shop 000 south, "Ltd"').wait_for()
        assert page.inner_text("#source").endswith("文件 stores.csv")
        assert page.inner_text("#problem") == ""
        columns = json.dumps({"shop": "store", "sales": "revenue"})
        expected = _expected(site, "shops", (tmp_path / "stores.csv").read_bytes(), columns=columns)["forecasts"]
        assert _drawn(page) == pytest.approx(expected[0]["columns"]["LSTM"], rel=1e-3)
        page.fill("#series", "002")
        page.keyboard.press("Enter")
        page.locator("#source", has_text="shop 002").wait_for()
        assert _drawn(page) == pytest.approx(expected[2]["columns"]["LSTM"], rel=1e-3)


def test_a_file_that_names_its_columns_as_the_model_does_is_forecast_at_once(browser, site, tmp_path):
    text = shops(2).to_csv(index=False, sep=";").encode("utf-16")
    (tmp_path / "two.csv").write_bytes(text)
    with opened(browser, site) as page:
        choose(page, "shops")
        page.wait_for_selector("#chart canvas")
        page.locator("#drop").scroll_into_view_if_needed()
        page.evaluate(
            "bytes => { const t = new DataTransfer(); t.items.add(new File([new Uint8Array(bytes)], 'two.csv'));"
            "document.dispatchEvent(new DragEvent('drop', {dataTransfer: t, bubbles: true, cancelable: true})); }",
            list(text),
        )
        page.locator("#source", has_text="file two.csv").wait_for()
        assert _drawn(page) == pytest.approx(
            _expected(site, "shops", text)["forecasts"][0]["columns"]["LSTM"], rel=1e-3
        )
        assert page.locator("#preview th").all_text_contents() == ["shop", "day", "sales"]
        page.click("#own-rows")
        page.locator("#source", has_text="the rows it was fitted on").wait_for()
        assert page.is_hidden("#file-panel")


def test_what_is_known_ahead_is_given_as_a_file(browser, site, tmp_path):
    forecaster = tidegate.load(site.place / "known")
    future = forecaster.future_frame().assign(temp=[3.0, 5.0])
    future.to_csv(tmp_path / "ahead.csv", index=False)
    frame = warm(40)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    after = forecaster.future_frame(frame).assign(temp=[3.0, 5.0])
    after.to_csv(tmp_path / "after.csv", index=False)
    with opened(browser, site) as page:
        assert page.is_hidden("#ahead-label")
        choose(page, "known")
        page.locator("#said", has_text="needs values known ahead").wait_for()
        page.set_input_files("#ahead", tmp_path / "ahead.csv")
        page.locator("#source", has_text="the rows it was fitted on · known ahead from ahead.csv").wait_for()
        assert _drawn(page) == pytest.approx(forecaster.predict(future=future)["LSTM"].tolist(), rel=1e-3)
        page.click("#copy")
        assert "-F 'future=@ahead.csv'" in page.inner_text("#command")
        page.click("#own-rows")
        page.locator("#said", has_text="needs values known ahead").wait_for()
        page.set_input_files("#file", tmp_path / "mine.csv")
        page.locator("#problem", has_text="give a file of them below").wait_for()
        page.set_input_files("#ahead", tmp_path / "after.csv")
        page.locator("#source", has_text="file mine.csv · known ahead from after.csv").wait_for()
        assert _drawn(page) == pytest.approx(forecaster.predict(frame, after)["LSTM"].tolist(), rel=1e-3)
