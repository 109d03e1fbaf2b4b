"""What stands behind the sample proxy: an order desk, its legacy twin that speaks XML, and a stock service.

Standard library only:  python samples/upstream/orders.py 8901 8902
Each port is a server of its own and says which one it is in X-Served-By.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

STOCK: dict[str, dict[str, object]] = {
    "tea": {"sku": "tea", "price": 12.5, "available": 40},
    "cup": {"sku": "cup", "price": 8.0, "available": 3},
}
ORDERS: dict[str, dict[str, object]] = {
    "1001": {"id": "1001", "sku": "tea", "quantity": 2, "customer": "ada", "total": "29.90"},
    "1002": {"id": "1002", "sku": "cup", "quantity": 1, "customer": "bob", "total": "12.90"},
}
LEGACY: dict[str, dict[str, object]] = {
    "L-7": {"sku": "cup", "quantity": 6, "customer": "Chen & Sons"},
}
_placing = threading.Lock()


class Desk(BaseHTTPRequestHandler):
    """One request: finds the resource and answers."""

    protocol_version = "HTTP/1.1"
    #: head and body leave in one packet
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        kind, _, name = url.path.strip("/").rpartition("/")
        if kind == "stock":
            self.answer_json(STOCK.get(name))
        elif kind == "desk/orders":
            self.answer_legacy(name)
        elif kind == "orders":
            self.answer_json(ORDERS.get(name))
        elif name == "orders":
            self.answer_list(parse_qs(url.query))
        else:
            self.answer_json(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path.rstrip("/") != "/orders":
            self.answer_json(None)
            return
        try:
            order: dict[str, object] = dict(json.loads(body))
        except (ValueError, TypeError):
            self.answer(400, "application/json", b'{"error": "not a JSON object"}\n')
            return
        with _placing:
            order = {"id": str(1001 + len(ORDERS)), **order}
            ORDERS[str(order["id"])] = order
        self.answer_json(order, 201)

    def answer_list(self, query: dict[str, list[str]]) -> None:
        customer = query.get("customer", [""])[0]
        limit = int(query.get("limit", ["100"])[0])
        orders = [order for order in ORDERS.values() if customer in ("", order["customer"])]
        self.answer_json({"orders": orders[:limit], "limit": limit})

    def answer_legacy(self, name: str) -> None:
        order = LEGACY.get(name)
        if order is None:
            self.answer(404, "text/xml", b"<error/>")
            return
        text = (
            f'<order xmlns="urn:example:desk"><article code={quoteattr(str(order["sku"]))}>'
            f"<count>{order['quantity']}</count></article><customer>{escape(str(order['customer']))}</customer></order>"
        )
        self.answer(200, "text/xml", text.encode())

    def answer_json(self, value: object | None, status: int = 200) -> None:
        if value is None:
            self.answer(404, "application/json", b'{"error": "not here"}\n')
        else:
            self.answer(status, "application/json", json.dumps(value).encode() + b"\n")

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", f"port {self.connection.getsockname()[1]}")
        correlation = self.headers.get("X-Correlation-Id", "")
        if re.fullmatch(r"[\w.-]{1,100}", correlation):
            self.send_header("X-Correlation-Id", correlation)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Quiet: the proxy's trace shows each call."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    servers = [Server(("127.0.0.1", int(port)), Desk) for port in sys.argv[1:]]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("upstream ready", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    threading.Event().wait()


if __name__ == "__main__":
    main()
