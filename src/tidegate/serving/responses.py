"""What leaves the service: JSON bodies, and refusals as one sentence with a status."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

_LONGEST = 1000  # characters of a sentence that repeats what a client sent


class Refusal(Exception):
    """A request is answered with a status and one sentence: what is wrong, where, what to do."""

    def __init__(self, status: int, sentence: str, *, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after

    @property
    def body(self) -> bytes:
        """The JSON body."""
        return error_body(self.sentence)

    @property
    def headers(self) -> dict[str, str]:
        """Headers beside the body's own."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return headers | ({"www-authenticate": "Bearer"} if self.status == 401 else {})

    @property
    def response(self) -> Response:
        """The whole answer."""
        return Response(self.body, self.status, self.headers, "application/json")


FAULT = Refusal(500, "the service met a fault of its own; its log says more")


def overloaded(sentence: str) -> Refusal:
    """The refusal of a service that has all the work it may hold."""
    return Refusal(503, sentence, retry_after=1)


def error_body(sentence: str) -> bytes:
    """The body of every refusal."""
    if len(sentence) > _LONGEST:
        sentence = f"{sentence[: _LONGEST // 2]} … {sentence[-_LONGEST // 2 :]}"  # what to do stands at the end
    return orjson.dumps({"error": " ".join(sentence.split())})


def to_json(value: Any) -> bytes:
    """JSON of plain values and NumPy arrays; what is not finite becomes null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def json_response(content: bytes) -> Response:
    """The answer 200 with a JSON body."""
    return Response(content, media_type="application/json")
