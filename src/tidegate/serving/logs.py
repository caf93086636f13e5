"""Lines of the log: text for people, or JSON with the id of the request that they are about."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import datetime, timezone

_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def id_of_request(given: bytes | None) -> str:
    """The id that a request brought, where it can be one, or a new one."""
    return given.decode() if given is not None and _ID.fullmatch(given) else secrets.token_hex(8)


class JsonLines(logging.Formatter):
    """Each record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, str | None] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if request_id.get() is not None:
            line["request"] = request_id.get()
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def begin_logging(form: str) -> None:
    """Write the log to standard error, as "text" or "json"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter("tidegate: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
