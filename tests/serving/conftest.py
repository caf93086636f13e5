"""A small model, and one service of it for all tests that only ask."""

import pytest
from page_tools import site as running_site
from service_tools import fitted, running

from browser import browser as running_browser


@pytest.fixture(scope="session")
def forecaster():
    return fitted()


@pytest.fixture(scope="session")
def folder(forecaster, tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "wave"
    forecaster.save(place)
    return place


@pytest.fixture(scope="session")
def client(folder, tmp_path_factory):
    with running(folder, state=str(tmp_path_factory.mktemp("state"))) as client:
        yield client


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("site")) as client:
        yield client


@pytest.fixture(scope="module")
def browser():
    with running_browser() as opened:
        yield opened
