"""The system's Chromium, driven by Playwright, for the tests of pages."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from lacking import need, need_module


@contextlib.contextmanager
def chromium(**options):
    """A page of the system's Chromium that keeps what its console says and what it asks for."""
    with browser() as opened, page_in(opened, **options) as page:
        yield page


@contextlib.contextmanager
def browser():
    """The system's Chromium, for several pages one after the other."""
    playwright = need_module("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    need(program, "Chromium")
    with mock.patch.dict(os.environ, _home()):
        driver = playwright.sync_playwright().start()
    try:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()
    finally:
        driver.stop()


def _home():
    """A home for the driver, which does not start for a user who has none."""
    try:
        Path.home()
    except RuntimeError:
        return {"HOME": tempfile.gettempdir()}
    return {}


@contextlib.contextmanager
def page_in(opened, **options):
    """A page with storage of its own."""
    page = opened.new_page(**options)
    page.set_default_timeout(180_000)  # a busy machine must not fail a test
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    page.close()
