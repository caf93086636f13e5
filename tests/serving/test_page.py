"""The page's files, without a browser."""

import re
import shutil
import subprocess

import pytest

from tidegate.serving.app import PAGE, WORDS
from tidegate.serving.forecasting.service import ForecastingService
from tidegate.words import LANGUAGES, words, words_of

HTML = (PAGE / "index.html").read_text(encoding="utf-8")
MODULES = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.js"))}
SCRIPT = "\n".join(MODULES.values())
PACKAGES = [*WORDS, *ForecastingService.words]


def test_every_text_is_there():
    used = set(re.findall(r'data-(?:text|label)="([\w.]+)"', HTML)) | set(re.findall(r'say\("([\w.]+)"', SCRIPT))
    assert len(used) > 50
    assert used <= words_of(PACKAGES, "en").keys()


def test_no_key_stands_in_two_of_the_pages_packages():
    keys = [key for package in PACKAGES for key in words(package, "en")]
    assert sorted(set(keys)) == sorted(keys)


def test_the_words_are_those_of_the_reports_and_the_pages_own(client):
    for language in LANGUAGES:
        served = client.get(f"/page/words/{language}.json").json()
        assert served == words_of(PACKAGES, language)
        assert served["method.RepeatLast"] == words("tidegate.forecasting.evaluation", language)["method.RepeatLast"]


def test_the_page_needs_nothing_from_elsewhere(client):
    assert not re.search(r"(src|href)=\"(https?:)?//", HTML)
    for path in re.findall(r'(?:src|href)="(/page/[^"]+)"', HTML):
        assert client.get(path).status_code == 200, path
    for name in re.findall(r'from "\./([\w.]+)"', SCRIPT):
        assert client.get(f"/page/{name}").headers["content-type"].startswith("text/javascript"), name
    answer = client.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]  # nothing beyond the page's own files
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
    assert "`" not in page
    assert page.count("<table") == page.count('<div class="wide" tabindex="0"><table')


@pytest.mark.parametrize("name", MODULES)
def test_the_scripts_have_no_fault_of_syntax(name):
    node = shutil.which("node")
    if node is None:
        assert MODULES[name].count("{") == MODULES[name].count("}")  # a poor check, where there is no better one
        return
    subprocess.run([node, "--input-type=module", "--check"], input=MODULES[name].encode(), check=True)
