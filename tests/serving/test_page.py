"""The page: its words and files without a browser, and all of it in Chromium where there is one."""

import re
import subprocess

import pytest
from service_tools import running, wave

import browser
from lacking import need
from tidegate.serving.app import PAGE

HTML = (PAGE / "index.html").read_text(encoding="utf-8")
SCRIPT = (PAGE / "page.js").read_text(encoding="utf-8")


def words(language):
    block = re.search(rf"^  {language}: \{{\n(.*?)^  \}},", SCRIPT, re.DOTALL | re.MULTILINE)[1]
    return set(re.findall(r"(?:^\s+|, )(\w+): [\"`(]", block, re.MULTILINE))


def test_every_text_is_there_in_both_languages():
    assert words("en") == words("zh")
    assert set(re.findall(r'data-text="(\w+)"', HTML)) <= words("en")
    assert set(re.findall(r'say\("(\w+)"', SCRIPT)) <= words("en")


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
    need(browser.CHROMIUM, "Chromium")
    frame = wave(80, seed=8)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with running(folder) as client, browser.Browser() as page:
        page.open(f"{client.base_url}")
        page.until("document.querySelector('#chart canvas') !== null")
        assert page.run("document.querySelector('.model b').textContent") == "wave"
        assert "3 steps ahead of" in page.run("document.getElementById('said').textContent")
        page.give_file("#file", tmp_path / "mine.csv")
        page.until("document.getElementById('source').textContent.includes('mine.csv')")
        page.run("document.querySelector('details').open = true")
        expected = client.post("/predict/csv", content=(tmp_path / "mine.csv").read_bytes()).json()["forecasts"][0]
        shown = page.run("[...document.querySelectorAll('#numbers tr')].slice(1).map(r => +r.cells[1].textContent)")
        assert shown == pytest.approx(expected["columns"]["LSTM"], rel=1e-3)
        drop = (
            "const t = new DataTransfer(); t.items.add(new File(['a,b\\n1,2\\n'], 'other.csv', {type: 'text/csv'}));"
            "document.dispatchEvent(new DragEvent('drop', {dataTransfer: t, bubbles: true, cancelable: true}))"
        )
        page.run(drop)
        page.until("document.getElementById('problem').textContent.length > 10")
        page.run("document.getElementById('play').click()")
        page.until("/Next/.test(document.getElementById('beat').textContent)")
        first = page.run("document.getElementById('beat').textContent")
        page.until(f"document.getElementById('beat').textContent !== {first!r}")
        page.run("document.getElementById('play').click()")
        name = page.run("document.getElementById('stream').value")
        count = client.get(f"/streams/{name}").json()["count"]
        page.run("document.getElementById('watch').click()")
        page.until(f"document.getElementById('beat').textContent.startsWith('{count} observations')")
        page.run("document.getElementById('watch').click(); document.getElementById('language').focus()")
        page.press("Enter", 13, "\r")
        page.until("document.documentElement.lang === 'zh-CN'")
        assert page.run("document.getElementById('models-title').textContent") == "模型"
        assert page.run("document.getElementById('source').textContent").startswith("文件 mine.csv")
        assert page.picture(tmp_path / "page.png").stat().st_size > 20_000
        tree = page.call("Accessibility.getFullAXTree")["nodes"]
        named = {node["role"]["value"] for node in tree if node.get("name", {}).get("value")}
        assert {"button", "combobox", "heading", "image", "link"} <= named
        nameless = [
            n for n in tree if n["role"]["value"] in ("button", "combobox", "textbox") and not n["name"]["value"]
        ]
        assert not nameless
        assert {url.split("/")[2] for url in page.requests if url.startswith("http")} == {f"127.0.0.1:{client.port}"}
        assert [m for m in page.messages if "422" not in m] == []


def test_the_page_asks_for_the_token(folder):
    need(browser.CHROMIUM, "Chromium")
    with running(folder, token="a-token-of-sufficient-length") as client, browser.Browser(dark=True) as page:
        page.open(f"{client.base_url}")
        page.until("!document.getElementById('door').hidden")
        page.run("document.getElementById('token').value = 'a-token-of-sufficient-length'")
        page.run("document.querySelector('#door button').click()")
        page.until("document.querySelector('#chart canvas') !== null")
        assert page.run("document.getElementById('door').hidden")
        assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 27)"


def test_the_script_has_no_fault_of_syntax():
    import shutil

    node = shutil.which("node")
    if node is None:
        assert SCRIPT.count("{") == SCRIPT.count("}")  # a poor check, where there is no better one
        return
    subprocess.run([node, "--check", PAGE / "page.js"], check=True)
