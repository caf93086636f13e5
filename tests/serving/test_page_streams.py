"""The page's card of streams, in Chromium."""

import re

import pytest
from page_tools import choose, opened
from service_tools import wave


@pytest.fixture
def stream(site):
    """A stream of the model `other` that some program pushes to."""
    frame = wave(40, seed=2)
    body = {"model": "other", "values": 1.5, "history": {"values": frame["y"].tolist(), "start": "2026-01-05"}}
    site.post("/streams/meter-1", json=body).raise_for_status()
    yield "meter-1"
    site.delete("/streams/meter-1")


def test_streams_are_listed_and_watched_with_their_band(browser, site, stream):
    with opened(browser, site) as page:
        button = page.locator("#streams button", has_text=stream)
        button.click()
        page.locator("#beat", has_text=re.compile("^41 observations")).wait_for()
        assert button.get_attribute("aria-pressed") == "true"
        assert [text.strip() for text in page.locator("#live-legend li").all_inner_texts()] == [
            "observed",
            "forecast (LSTM)",
            "80 % interval",
        ]
        expected = site.get(f"/streams/{stream}?level=80").json()["forecast"]
        box = page.locator("#live .u-over").bounding_box()
        assert box["width"] > 500
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
        said = page.locator("#live .tip > div").last.inner_text()
        numbers = [float(text) for text in re.findall(r"-?\d+\.?\d*", said.split(": ")[1])]
        assert numbers == pytest.approx([column[-1] for column in expected["columns"].values()], rel=1e-3)
        site.post(f"/streams/{stream}", json={"values": 2.5}).raise_for_status()
        page.locator("#beat", has_text=re.compile("^42 observations")).wait_for()
        page.click("#language")
        page.locator("#beat", has_text="42 个观测值").wait_for()
        assert page.inner_text("#watch") == "停止"  # it is still watched


def test_what_is_drawn_is_played_into_a_new_stream(browser, site):
    with opened(browser, site) as page:
        page.click("#play")
        page.locator("#beat", has_text="Next").wait_for()
        first = page.inner_text("#beat")
        page.locator("#beat", has_not_text=first).wait_for()
        page.click("#play")
        page.locator("#play", has_text="Play what is drawn").wait_for()
        page.wait_for_load_state("networkidle")
        name = page.input_value("#stream")
        count = site.get(f"/streams/{name}").json()["count"]
        page.click("#watch")
        page.locator("#beat", has_text=re.compile(f"^{count} observations")).wait_for()
        page.locator("#streams button", has_text=name).wait_for()
        site.delete(f"/streams/{name}")


def test_nothing_is_left_of_a_stream_that_is_no_longer_watched(browser, site, stream):
    def empty():
        return page.locator("#live canvas").count() == 0 and page.inner_text("#beat") == ""

    with opened(browser, site) as page:
        page.locator("#streams button", has_text=stream).click()
        page.locator("#live canvas").wait_for()
        choose(page, "other")
        assert empty()
        assert page.inner_text("#watch") == "Watch"
        page.locator("#streams button", has_text=stream).click()
        page.locator("#live canvas").wait_for()
        site.delete(f"/streams/{stream}")
        page.locator("#trouble", has_text="there is no stream 'meter-1'").wait_for()
        assert empty()
        assert page.inner_text("#watch") == "Watch"
        page.fill("#stream", "")
        page.click("#watch")
        page.locator("#trouble", has_text="Give the name").wait_for()
        choose(page, "known")
        assert page.inner_text("#trouble") == ""
        page.click("#play")
        page.locator("#trouble", has_text="Only rows of targets").wait_for()


def test_one_of_something_is_said_in_the_singular(browser, site):
    site.post("/streams/single", json={"model": "other", "values": 1.5}).raise_for_status()
    with opened(browser, site) as page:
        page.locator("#streams-count", has_text=re.compile(r"^1 stream$")).wait_for()
        page.locator("#streams button", has_text="single").click()
        page.locator("#beat", has_text="1 observation; a forecast needs another 11 observations.").wait_for()
    site.delete("/streams/single")


def test_a_stream_of_a_model_of_arrays_is_drawn_by_its_steps(browser, site):
    history = {"values": [1.0, 2.0, 3.0, 4.0, 5.0]}
    site.post("/streams/steps", json={"model": "arrays", "values": 6.0, "history": history}).raise_for_status()
    with opened(browser, site) as page:
        page.locator("#streams button", has_text="steps").click()
        page.locator("#beat", has_text="6 observations, the newest at 5. Next: ").wait_for()
        box = page.locator("#live .u-over").bounding_box()
        page.mouse.move(box["x"] + 1, box["y"] + 20)
        page.locator("#live .tip .when", has_text=re.compile("^0$")).wait_for()
        assert page.locator("#live .tip b").all_inner_texts() == ["1"]
    site.delete("/streams/steps")
