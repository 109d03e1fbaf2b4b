"""The page at the control port: files that are shipped with the package, served as they are."""

from __future__ import annotations

from importlib import resources

from aiohttp import web

from apiproxy_runtime.control.host import Host

_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def routes(host: Host) -> list[web.RouteDef]:
    """`/` is the page; what it loads lies under `/page/`."""
    folder = resources.files("apiproxy_runtime.control.page") / "static"
    found = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    def serve(name: str) -> web.RouteDef:
        content = found[name]
        kind = _TYPES["." + name.rpartition(".")[2]]

        async def send(request: web.Request) -> web.Response:
            return web.Response(body=content, content_type=kind, charset="utf-8")

        return web.get("/" if name == "index.html" else f"/page/{name}", send)

    return [serve(name) for name in sorted(found)]
