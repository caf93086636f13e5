"""The page's models and its card of the forecast, in Chromium."""

import re

import pytest
from page_tools import VERDICTS, choose, opened, save_run
from service_tools import fitted, running, wave

from browser import page_in


def _tip(page, share):
    """What is said at the pointer at this share of the chart's width, by line."""
    box = page.locator("#chart .u-over").bounding_box()
    page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    page.locator("#chart .tip").wait_for()
    when, *rows = page.locator("#chart .tip > div").all_inner_texts()
    return when, dict(row.split(": ") for row in rows)


def _seen(page):
    """The labels below the chart's part of time, as one can read them by pointing at its ends."""
    return _tip(page, 0.001)[0], _tip(page, 0.999)[0]


def test_every_model_has_the_badge_of_its_verdict(browser, site):
    with opened(browser, site) as page:
        models = page.locator(".model", has=page.locator(".badge")).all()
        badges = {model.locator("b").inner_text(): model.locator(".badge") for model in models}
        assert {name: badge.inner_text() for name, badge in badges.items()} == {
            "wave": "beats the naive forecast",
            "other": "does not beat the naive forecast",
            "shops": "not clearly better than naive",
            "known": "not tested",
            "pair": "not tested",
        }
        colours = {badge.evaluate("badge => getComputedStyle(badge).color") for badge in badges.values()}
        assert len(colours) == 4
        assert VERDICTS["wave"]["text"]["en"] in page.inner_text("#verdict")
        page.click("#language")
        page.locator("#verdict", has_text=VERDICTS["wave"]["text"]["zh"]).wait_for()


def test_the_chart_and_the_pointer_tell_the_numbers_of_the_service(browser, site):
    expected = site.get("/models/wave/forecast?level=80").json()["forecasts"][0]
    with opened(browser, site) as page:
        legend = [text.strip() for text in page.locator("#chart-legend li").all_inner_texts()]
        assert legend == ["observed", "forecast (LSTM)", "80 % interval", "naive forecast (repeat-last)"]
        assert page.locator("#chart-legend .swatch.band").is_visible()
        when, said = _tip(page, 0.999)
        assert when == expected["times"][-1].replace("T", " ")[:16]
        columns = {name: values[-1] for name, values in expected["columns"].items()}
        numbers = [float(text) for text in re.findall(r"-?[\d.]+", said["forecast (LSTM)"])]
        assert numbers == pytest.approx([columns[name] for name in ("LSTM", "LSTM-lo-80", "LSTM-hi-80")], rel=1e-3)
        naive = expected["naive"]["columns"]["y"][-1]
        assert float(said["naive forecast (repeat-last)"]) == pytest.approx(naive, rel=1e-3)
        assert naive == expected["history"]["columns"]["y"][-1]
        when, said = _tip(page, 0.001)
        assert when == expected["history"]["times"][0].replace("T", " ")[:16]
        assert list(said) == ["observed"]
        page.focus("#chart")
        page.keyboard.press("ArrowRight")
        second = expected["history"]["times"][1].replace("T", " ")[:16]
        page.locator("#chart .tip .when", has_text=second).wait_for()


def test_small_and_large_numbers_keep_their_digits(browser, site, tmp_path):
    with opened(browser, site) as page:
        for factor, said in ((1e-6, "0.00000123"), (1e6, "1,230,001")):
            frame = wave(60, seed=5)
            frame["y"] *= factor
            frame.loc[0, "y"] = float(said.replace(",", ""))
            frame.to_csv(tmp_path / f"{factor:g}.csv", index=False)
            page.set_input_files("#file", tmp_path / f"{factor:g}.csv")
            page.locator("#source", has_text=f"{factor:g}.csv").wait_for()
            page.wait_for_selector("#chart canvas")
            page.select_option("#past", "all")
            assert _tip(page, 0.001)[1] == {"observed": said}


def test_an_error_stands_at_the_top_and_nothing_old_below_it(browser, site, tmp_path):
    (tmp_path / "short.csv").write_text("ds,y\n2026-01-05,1\n2026-01-06,2\n", encoding="utf-8")
    with opened(browser, site) as page:
        page.set_input_files("#file", tmp_path / "short.csv")
        page.locator("#problem", has_text=re.compile(".{10}")).wait_for()
        assert page.locator("#chart canvas").count() == page.locator("#chart-legend li").count() == 0
        assert page.inner_text("#said") == ""
        assert page.is_hidden("#drawn")
        assert page.locator("#problem").bounding_box()["y"] < page.locator("#chart").bounding_box()["y"]
        assert "short.csv" in page.inner_text("#source")
        page.click("#own-rows")
        page.wait_for_selector("#chart canvas")
        assert page.inner_text("#problem") == ""


def test_series_are_searched_and_model_series_and_file_are_named(browser, site):
    with opened(browser, site) as page:
        assert page.inner_text("#source") == "Model wave · the rows it was fitted on"
        choose(page, "shops")
        page.locator("#source", has_text="shop 000 south").wait_for()
        page.click("#series")
        assert page.locator("#series-list [role=option]").count() == 100
        assert page.locator("#series-list li").last.inner_text() == "20 more; type a part of the name"
        page.keyboard.type("17 NORTH")
        page.locator("#series-list li").first.wait_for()
        assert page.locator("#series-list li").all_inner_texts() == ["shop 017 north", "shop 117 north"]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator("#source", has_text="Model shops · series shop 117 north").wait_for()
        page.wait_for_selector("#chart canvas")
        expected = site.get("/models/shops/forecast", params={"series": "shop 117 north"}).json()["forecasts"][0]
        last, said = _tip(page, 0.999)
        assert last == expected["times"][-1][:10]  # days have no clock
        assert float(said["forecast (LSTM)"].split()[0]) == pytest.approx(expected["columns"]["LSTM"][-1], rel=1e-3)
        page.fill("#series", "nowhere")
        assert page.locator("#series-list li").all_inner_texts() == ["No series has that in its name"]
        page.keyboard.press("Escape")
        assert page.input_value("#series") == "shop 117 north"


def test_a_series_that_is_not_listed_is_asked_for_by_its_whole_name(browser, site):
    """The service lists the first thousand; here it is made to list two."""

    def fewer(route):
        answer = route.fetch()
        body = answer.json()
        route.fulfill(status=answer.status, json=body | ({"series": body["series"][:2]} if answer.ok else {}))

    with opened(browser, site) as page:
        page.route("**/models/shops/forecast*", fewer)
        choose(page, "shops")
        page.locator("#source", has_text="shop 000").wait_for()
        page.fill("#series", "shop 099 north")
        hints = page.locator("#series-list li").all_inner_texts()
        assert hints[-1] == "The first 2 of 120 series are listed; type the whole name of another"
        page.keyboard.press("Enter")
        page.locator("#source", has_text="series shop 099 north").wait_for()
        page.wait_for_selector("#chart canvas")
        expected = site.get("/models/shops/forecast", params={"series": "shop 099 north"}).json()["forecasts"][0]
        assert float(_tip(page, 0.001)[1]["observed"]) == pytest.approx(
            expected["history"]["columns"]["sales"][0], rel=1e-3
        )
        page.fill("#series", "shop 999")
        page.keyboard.press("Enter")
        page.locator("#problem", has_text="shop 999").wait_for()


def test_each_target_has_its_own_forecast(browser, site):
    expected = site.get("/models/pair/forecast").json()["forecasts"][0]["columns"]
    with opened(browser, site) as page:
        assert page.is_hidden("#target-label")
        choose(page, "pair")
        for target in ("b-a", "a"):
            page.select_option("#target", target)
            page.locator("#source", has_text=f"target {target} ·").wait_for()
            said = _tip(page, 0.999)[1][f"forecast (LSTM-{target})"].split()[0].replace(",", "")
            assert float(said) == pytest.approx(expected[f"LSTM-{target}"][-1], rel=1e-3)


def test_a_model_of_arrays_says_why_nothing_is_drawn(browser, site):
    with opened(browser, site) as page:
        choose(page, "arrays")
        page.locator("#verdict", has_text="fitted on plain arrays").wait_for()
        assert page.is_hidden("#chart")
        assert page.is_hidden("#drop")
        page.click("#language")
        page.locator("#verdict", has_text="该模型由普通数组训练").wait_for()
        choose(page, "wave")
        page.wait_for_selector("#chart canvas")


def test_the_view_is_zoomed_moved_and_reset(browser, site, tmp_path):
    times = [f"2026-01-{1 + i // 24:02d}T{i % 24:02d}:00:00" for i in range(240)]
    rows = "".join(f"{time},{i % 7}\n" for i, time in enumerate(times))
    (tmp_path / "long.csv").write_text("ds,y\n" + rows, encoding="utf-8")
    with opened(browser, site) as page:
        page.set_input_files("#file", tmp_path / "long.csv")
        page.locator("#source", has_text="long.csv").wait_for()
        whole = _seen(page)
        page.click("#zoom-in")
        first, last = _seen(page)
        assert whole[0] < first < last < whole[1]
        page.click("#back")
        earlier = _seen(page)
        assert earlier < (first, last)
        page.click("#on")
        assert _seen(page) == (first, last)
        page.click("#zoom-out")
        assert _seen(page) == whole
        page.click("#zoom-in")
        page.click("#reset")
        assert _seen(page) == whole
        begins = {}
        for length in ("50", "100", "200", "all"):
            page.select_option("#past", length)
            begins[length] = _seen(page)[0]
        assert begins["50"] == times[-50].replace("T", " ")[:16]
        assert begins["200"] == times[-200].replace("T", " ")[:16]
        assert begins["all"] == times[0].replace("T", " ")[:16]


def test_another_model_lies_over_the_forecast(browser, site):
    expected = site.get("/models/other/forecast").json()["forecasts"][0]
    with opened(browser, site) as page:
        assert page.locator("#compare option").all_inner_texts() == ["none", "other", "known"]  # the models of y
        page.select_option("#compare", "model:other")
        page.locator("#chart-legend", has_text="forecast (other)").wait_for()
        when, said = _tip(page, 0.999)  # the other one looks further ahead
        assert when == expected["times"][-1].replace("T", " ")[:16]
        assert float(said["forecast (other)"]) == pytest.approx(expected["columns"]["LSTM"][-1], rel=1e-3)
        page.select_option("#compare", "")
        page.locator("#chart-legend", has_not_text="forecast (other)").wait_for()


def test_a_new_version_is_taken_up_and_the_old_one_can_be_laid_over_it(browser, tmp_path):
    save_run(fitted(seed=3), tmp_path / "wave")
    with running(tmp_path / "wave", reload=0.1) as client, opened(browser, client) as page:
        before = client.get("/models/wave/forecast").json()
        assert page.is_hidden("#compare-label")
        save_run(fitted(seed=4), tmp_path / "wave")
        page.locator("#compare option", has_text=f"version {before['version']}").wait_for(state="attached")
        page.select_option("#compare", f"version:{before['version']}")
        page.locator("#chart-legend", has_text=before["version"]).wait_for()
        _, said = _tip(page, 0.999)
        old = before["forecasts"][0]["columns"]["LSTM"][-1]
        assert float(said[f"forecast (version {before['version']})"]) == pytest.approx(old, rel=1e-3)
        assert before["version"] not in page.inner_text(".model")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_page_fits_a_narrow_screen(browser, site, locale, scheme):
    with opened(browser, site, locale=locale, color_scheme=scheme, viewport={"width": 390, "height": 844}) as page:
        choose(page, "shops")
        page.click("#series")
        page.locator("#series-list [role=option]").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        left = [box["x"] for box in (one.bounding_box() for one in page.locator("#series-list").all()) if box]
        assert min(left) >= 0


def test_every_control_has_a_name_and_chinese_is_complete(browser, site):
    with opened(browser, site, locale="zh-CN") as page:
        choose(page, "known")
        page.locator("#said", has_text="未来已知").wait_for()
        for role in ("button", "combobox", "textbox", "img", "toolbar", "listbox"):
            named = page.get_by_role(role, name=re.compile(r"\S"))
            assert named.count() == page.get_by_role(role).count(), role
        page.locator("#file-panel, #own-rows, #token-form").evaluate_all(
            "all => all.forEach(one => one.hidden = false)"
        )
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        texts = page.locator("h1, h2, label > span, p, button, summary, figcaption, .badge, #models span")
        left = {text for text in texts.all_inner_texts() if text.strip() and not re.search(r"[\u4e00-\u9fff]", text)}
        assert left - {model["name"] for model in site.get("/models").json()["models"]} == {
            "English",
            "◀",
            "−",
            "+",
            "▶",
        }
        labels = page.locator("[aria-label]").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
        assert [label for label in labels if not re.search(r"[\u4e00-\u9fff]", label)] == []


def test_the_page_asks_for_the_token(browser, folder):
    token = "a-token-of-sufficient-length"
    with running(folder, token=token) as client, page_in(browser, color_scheme="dark") as page:
        page.goto(f"{client.base_url}")
        page.wait_for_selector("#token-form", state="visible")
        page.fill("#token", token)
        page.click("#token-form button")
        page.wait_for_selector("#chart canvas")
        assert page.is_hidden("#token-form")
        assert page.inner_text("#problem") == ""
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 27)"
