"""The hosts that the suites call, as one server on loopback that answers by Host header.

Each answer has only what the features look at.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: str


Answer = tuple[int, str, str]


def _json(value: object, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(value)


def mocktarget(asked: Asked) -> Answer:
    """The echo service that Apigee runs for examples."""
    path = urlsplit(asked.path).path
    if path.startswith("/xml"):
        return (
            200,
            "application/xml",
            (
                "<root><city>San Jose</city><state>CA</state><firstName>John</firstName><lastName>Doe</lastName></root>"
            ),
        )
    if path == "/json":
        return _json({"firstName": "John", "lastName": "Doe", "city": "San Jose", "state": "CA"})
    if path.startswith("/echo"):
        return _json(
            {
                "headers": asked.headers,
                "method": asked.method,
                "url": asked.path,
                "args": dict(parse_qsl(urlsplit(asked.path).query)),
                "body": asked.body,
            }
        )
    return 200, "text/plain", "Hello, Guest!"


def google_apis(asked: Asked) -> Answer:
    """Books, and as many bike rentals as the query's LIMIT asks for."""
    if "/bigquery/" not in asked.path:
        return _json({"kind": "books#volumes", "totalItems": 0, "items": []})
    query = json.loads(asked.body)["query"]
    found = re.search(r"SELECT (.*) FROM .* LIMIT (\d+)", query)
    if found is None:
        return _json({"error": {"message": f"no such query: {query}"}}, 400)
    names = (
        ["rental_id", "bike_id"]
        if found[1].strip() == "*"
        else [name.strip() for name in found[1].split(",")]
    )
    rows = [{"f": [{"v": f"{name}-{row}"} for name in names]} for row in range(int(found[2]))]
    return _json({"schema": {"fields": [{"name": name} for name in names]}, "rows": rows})


def geocode(_: Asked) -> Answer:
    return _json([{"lat": "41.8755616", "lon": "-87.6244212"}])


def forecast(asked: Asked) -> Answer:
    if "latitude=41.8" not in asked.path:
        return _json({"reason": "no latitude"}, 400)
    return _json({"current": {"temperature": 20.5}})


def _masked(kept: str, text: str) -> str:
    return "".join(letter if letter in kept else "*" for letter in text)


def deidentify(asked: Asked) -> Answer:
    """Masks e-mail addresses, and with the template `all` phone numbers but for the last two digits."""
    wanted = json.loads(asked.body)
    text = wanted["item"]["value"]
    text = re.sub(r"[\w.]+@[\w.]+\.com", lambda found: _masked(".@", found[0][:-4]) + ".com", text)
    if wanted["deidentifyTemplateName"] == "all":
        text = re.sub(r"\d{3}-\d{3}-\d{4}", lambda found: _masked("-", found[0][:-2]) + found[0][-2:], text)
    return _json({"item": {"value": text}})


HOSTS: dict[str, Callable[[Asked], Answer]] = {
    "mocktarget.apigee.net": mocktarget,
    "www.googleapis.com": google_apis,
    "geocode.maps.co": geocode,
    "api.open-meteo.com": forecast,
    "dlp.googleapis.com": deidentify,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(
            self.command,
            self.path,
            dict(self.headers.items()),
            self.rfile.read(length).decode("utf-8", "replace"),
        )
        answer = HOSTS.get((self.headers.get("Host") or "").partition(":")[0])
        status, kind, text = answer(asked) if answer else _json({"unknown": self.headers.get("Host")}, 404)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: the suites' own reports are enough."""


for _verb in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
    setattr(_Handler, f"do_{_verb}", _Handler.answer)


def start() -> ThreadingHTTPServer:
    """The server, listening on a free port of loopback until `shutdown()`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
