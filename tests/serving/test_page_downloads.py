"""What the page gives away, in Chromium: CSV, a picture, a command."""

import csv
import io
import shlex
import struct

import httpx
import pytest
from page_tools import choose, opened
from service_tools import PATIENCE, fitted, running, wave

from browser import page_in


def _saved(page, button):
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_the_csv_holds_what_is_drawn(browser, site):
    expected = site.get("/models/wave/forecast?level=80").json()["forecasts"][0]
    with opened(browser, site) as page:
        page.select_option("#compare", "model:other")
        page.locator("#chart-legend", has_text="forecast (other)").wait_for()
        name, content = _saved(page, "#save-table")
    assert name == "wave.csv"
    heading, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert heading == ["ds", "y", "LSTM", "LSTM-lo-80", "LSTM-hi-80", "LSTM (other)", "RepeatLast"]
    past, ahead = expected["history"], expected["times"]
    assert [row[0] for row in rows] == past["times"] + [row[0] for row in rows[len(past["times"]) :]]
    assert [float(row[1]) for row in rows[: len(past["times"])]] == past["columns"]["y"]
    told = [row for row in rows if row[2]]
    assert [row[0] for row in told] == ahead
    for i, column in enumerate(expected["columns"].values(), start=2):
        assert [float(row[i]) for row in told] == column
    assert len([row for row in rows if row[5]]) == 5
    assert all(row[1] == "" for row in told)


def test_the_picture_has_the_chart_its_title_and_its_ground(browser, site):
    with opened(browser, site) as page:
        choose(page, "shops")
        page.wait_for_selector("#chart canvas")
        name, content = _saved(page, "#save-picture")
        size = page.locator("#chart canvas").evaluate("canvas => [canvas.width, canvas.height]")
        colours = page.evaluate(
            """async (bytes) => {
                const image = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
                const canvas = new OffscreenCanvas(image.width, image.height), on = canvas.getContext("2d");
                on.drawImage(image, 0, 0);
                const bytesOf = (y, height) => on.getImageData(0, y, image.width, height).data.buffer;
                const inks = (y, height) => new Set(new Uint32Array(bytesOf(y, height)));
                return [inks(0, 34).size, inks(34, 320).size, inks(354, 34).size, on.getImageData(0, 0, 1, 1).data[3]];
            }""",
            list(content),
        )
    assert name == "shops-shop-000-south.png"
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (size[0], size[1] + 68)
    assert min(colours[:3]) > 5  # a title, the lines and a legend
    assert colours[3] == 255  # not transparent


def _answer(command):
    """What the service answers to a command; the shell's own rules take the command apart."""
    program, *words = shlex.split(command)
    assert program == "curl"
    options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
    headers = dict([options["-H"].split(": ", 1)]) if "-H" in options else {}
    return words[-1], options, headers


def test_the_command_asks_for_what_is_drawn(browser, site, tmp_path):
    wave(60, seed=5).to_csv(tmp_path / "it's mine.csv", index=False)
    with opened(browser, site, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.click("#copy")
        page.locator("#copied", has_text="Copied.").wait_for()
        command = page.inner_text("#command")
        assert page.evaluate("navigator.clipboard.readText()") == command
        url, options, _ = _answer(command)
        assert options == {}
        page.select_option("#level", "90")
        page.locator("#command").wait_for(state="hidden")
        assert page.inner_text("#copied") == ""
        drawn = [float(text) for text in page.locator("#numbers td:nth-child(2)").all_text_contents()]
        assert httpx.get(url, timeout=PATIENCE).json()["forecasts"][0]["columns"]["LSTM"] == pytest.approx(
            drawn, rel=1e-3
        )
        page.set_input_files("#file", tmp_path / "it's mine.csv")
        page.locator("#source", has_text="it's mine.csv").wait_for()
        page.wait_for_selector("#chart canvas")
        page.click("#copy")
        url, options, headers = _answer(page.inner_text("#command"))
        assert options["--data-binary"] == "@it's mine.csv"
        answer = httpx.post(
            url, content=(tmp_path / "it's mine.csv").read_bytes(), headers=headers, timeout=PATIENCE
        ).json()
        drawn = [float(text) for text in page.locator("#numbers td:nth-child(2)").all_text_contents()]
        assert answer["forecasts"][0]["columns"]["LSTM"] == pytest.approx(drawn, rel=1e-3)


def test_the_command_keeps_the_token_to_itself(browser, tmp_path):
    token = "a-token-of-sufficient-length"
    fitted().save(tmp_path / "wave")
    with running(tmp_path / "wave", token=token) as client, page_in(browser) as page:
        page.goto(f"{client.base_url}")
        page.fill("#token", token)
        page.click("#token-form button")
        page.wait_for_selector("#chart canvas")
        page.click("#copy")
        command = page.locator("#command", has_text="curl")
        assert token not in command.inner_text()
        assert '"Authorization: Bearer $TOKEN"' in command.inner_text()
