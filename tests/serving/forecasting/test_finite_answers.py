"""The service answers with numbers or with a sentence, whichever of its routes is asked."""

import pytest
import torch
from service_tools import running, wave

from tidegate.forecasting.network import ForecastNetwork

VALUES = wave(12)["y"].tolist()
TENSOR = {"name": "history", "shape": [1, 12, 1], "datatype": "FP64", "data": VALUES}
ROWS = wave(12).assign(ds=lambda frame: frame["ds"].astype(str)).to_dict("records")
REQUESTS = {
    "values": ("/predict", {"json": {"values": VALUES}}),
    "intervals": ("/predict", {"json": {"values": VALUES, "level": [80]}}),
    "rows": ("/predict", {"json": {"rows": ROWS}}),
    "tensors": ("/v2/models/wave/infer", {"json": {"inputs": [TENSOR]}}),
    "stream": ("/streams/one", {"json": {"values": VALUES[-1], "history": {"values": VALUES[:-1]}}}),
}


@pytest.fixture(scope="module")
def poisoned_client(folder):
    """A service whose network returned finite numbers when it was loaded and does no more."""
    forward, patch = ForecastNetwork.forward, pytest.MonkeyPatch()
    with running(folder) as client:
        patch.setattr(ForecastNetwork, "forward", lambda self, *inputs: forward(self, *inputs) * torch.nan)
        yield client
        patch.undo()


@pytest.mark.parametrize("request_of", REQUESTS)
def test_route_answers_with_a_sentence_when_a_forecast_is_not_finite(request_of, poisoned_client):
    path, body = REQUESTS[request_of]
    answer = poisoned_client.post(path, **body)
    assert answer.status_code in (400, 422)
    assert "the forecast is not a finite number" in answer.text
    if request_of == "stream":
        assert "the forecast is not a finite number" in poisoned_client.get(path).text
