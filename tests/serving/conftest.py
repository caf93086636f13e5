"""A small model, and one service of it for all tests that only ask."""

import pytest
from service_tools import fitted, running


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
