"""Talk to a running service: forecast a file, forecast plain numbers, push to a stream. Standard library only.

    tidegate serve run/demo                 in one terminal, after `make demo`
    python examples/http_client.py          in another

A service that was started with --token-file wants its token in the environment variable TIDEGATE_TOKEN.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "electricity.csv"


def ask(url: str, body: object = None) -> dict:
    """GET, or POST a body: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data)
    if token := os.environ.get("TIDEGATE_TOKEN"):
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answered {error.code}: {json.load(error)['error']}")
    except urllib.error.URLError as error:
        sys.exit(f"{url} cannot be reached ({error.reason}); start the service with `tidegate serve run/demo`")


def main(url: str = "http://127.0.0.1:8000") -> dict:
    """Ask for three forecasts; return the stream's."""
    model = ask(f"{url}/models")["models"][0]
    print(f"{model['name']}: {model['layers']} x {model['units']} {model['cell']}, {model['horizon']} steps ahead")

    answer = ask(f"{url}/predict/csv?model={model['name']}&level=80", TABLE.read_bytes())
    print("what follows the file:", answer["forecasts"][0]["columns"])

    with TABLE.open(encoding="utf-8") as file:
        rows = [(row["ds"], float(row["y"])) for row in csv.DictReader(file)][-model["needed"] :]
    body = {"model": model["name"], "values": [value for _, value in rows], "start": rows[0][0]}
    print("what follows the numbers:", ask(f"{url}/predict", body)["forecasts"][0]["columns"])

    for time, value in rows:
        answer = ask(f"{url}/streams/meter-1", {"model": model["name"], "time": time, "values": value})
    print("what the stream says after its last row:", answer["forecast"])
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
