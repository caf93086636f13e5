"""The page: its words and files without a browser, and all of it in Chromium where there is one."""

import json
import re
import shutil
import subprocess

import pytest
from service_tools import running, wave

from browser import chromium
from tidegate.serving.app import PAGE, WORDS

HTML = (PAGE / "index.html").read_text(encoding="utf-8")
SCRIPT = (PAGE / "page.js").read_text(encoding="utf-8")


LANGUAGES = {
    language: json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8")) for language in ("en", "zh")
}


def test_every_text_is_there_in_both_languages():
    english, chinese = LANGUAGES.values()
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), key
    used = set(re.findall(r'data-text="(\w+)"', HTML)) | set(re.findall(r'say\("(\w+)"', SCRIPT))
    assert used <= english.keys()
    unused = english.keys() - used
    assert all(f'"{key}"' in SCRIPT for key in unused), unused  # chosen by the script, such as low and high


def test_the_words_are_served_as_they_are(client):
    for language, words in LANGUAGES.items():
        assert client.get(f"/page/words/{language}.json").json() == words


def test_the_page_needs_nothing_from_elsewhere(client):
    assert not re.search(r"(src|href)=\"(https?:)?//", HTML)
    for path in re.findall(r'(?:src|href)="(/page/[^"]+)"', HTML):
        assert client.get(path).status_code == 200, path
    answer = client.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "Leon Sorokin" in (PAGE / "vendor" / "uplot.LICENSE").read_text(encoding="utf-8")
    assert "uPlot" in (PAGE / "vendor" / "uplot.js").read_text(encoding="utf-8")[:200]


def test_the_page_can_be_used_by_keyboard_and_screen_reader():
    controls = re.findall(r"<(button|input|select)\b([^>]*)>", HTML)
    assert controls
    for kind, attributes in controls:
        name = re.search(r'id="([\w-]+)"', attributes)
        labelled = kind == "button" or re.search(
            rf"<label[^>]*(for=\"{name[1]}\"|>)(?:(?!</label>).)*", HTML, re.DOTALL
        )
        assert labelled, attributes
    assert 'tabindex="-1"' not in HTML
    for landmark in ("<main", "<header", "<nav", 'class="skip"', 'aria-live="polite"', 'role="alert"', 'lang="en"'):
        assert landmark in HTML


def test_the_documentation_lists_every_route(client):
    page, document = client.get("/docs").text, client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    assert "<script" not in page


def test_the_page_in_chromium(folder, tmp_path):
    frame = wave(80, seed=8)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    with running(folder) as client, chromium(locale="en-US", viewport={"width": 1100, "height": 1400}) as page:
        page.goto(f"{client.base_url}")
        page.wait_for_selector("#chart canvas")
        assert page.inner_text(".model b") == "wave"
        assert "3 steps ahead of" in page.inner_text("#said")
        page.set_input_files("#file", tmp_path / "mine.csv")
        page.locator("#source", has_text="mine.csv").wait_for()
        page.click("summary")
        expected = client.post("/predict/csv?history=true", content=(tmp_path / "mine.csv").read_bytes()).json()[
            "forecasts"
        ][0]
        shown = [float(text) for text in page.locator("#numbers tr td:nth-child(2)").all_inner_texts()]
        assert shown == pytest.approx(expected["columns"]["LSTM"], rel=1e-3)
        page.evaluate(
            "const t = new DataTransfer(); t.items.add(new File(['a,b\\n1,2\\n'], 'other.csv', {type: 'text/csv'}));"
            "document.dispatchEvent(new DragEvent('drop', {dataTransfer: t, bubbles: true, cancelable: true}))"
        )
        page.locator("#problem", has_text=re.compile(".{10}")).wait_for()
        page.click("#play")
        page.locator("#beat", has_text="Next").wait_for()
        first = page.inner_text("#beat")
        page.locator("#beat", has_not_text=first).wait_for()
        page.click("#play")
        page.locator("#play", has_text="Play what is drawn").wait_for()
        page.wait_for_load_state("networkidle")
        count = client.get(f"/streams/{page.input_value('#stream')}").json()["count"]
        page.click("#watch")
        page.locator("#beat", has_text=re.compile(f"^{count} observations")).wait_for()
        page.click("#watch")
        page.focus("#language")
        page.keyboard.press("Enter")
        page.wait_for_selector("html[lang=zh-CN]")
        assert page.inner_text("#models-title") == "模型"
        assert page.inner_text("#source").startswith("文件 mine.csv")
        assert len(page.screenshot(path=tmp_path / "page.png", full_page=True)) > 20_000
        for role in ("button", "combobox", "heading", "img", "link"):
            assert page.get_by_role(role).count(), role
        for role in ("button", "combobox", "textbox"):
            names = page.get_by_role(role, name=re.compile(r"\S"))
            assert names.count() == page.get_by_role(role).count(), role
        assert {url.split("/")[2] for url in page.asked if url.startswith("http")} == {f"127.0.0.1:{client.port}"}
        assert [message for message in page.said if "422" not in message] == []


def test_the_page_asks_for_the_token(folder):
    token = "a-token-of-sufficient-length"
    with running(folder, token=token) as client, chromium(color_scheme="dark") as page:
        page.goto(f"{client.base_url}")
        page.wait_for_selector("#token-form", state="visible")
        page.fill("#token", token)
        page.click("#token-form button")
        page.wait_for_selector("#chart canvas")
        assert page.is_hidden("#token-form")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 27)"


def test_the_script_has_no_fault_of_syntax():
    node = shutil.which("node")
    if node is None:
        assert SCRIPT.count("{") == SCRIPT.count("}")  # a poor check, where there is no better one
        return
    subprocess.run([node, "--check", PAGE / "page.js"], check=True)
