"""redirect: sends the client elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from apiproxy_runtime.kong.answer import exit_text
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, boolean, integer, string
from apiproxy_runtime.kong.site import KongSite


def compile_redirect(config: Config, site: KongSite) -> Phases:
    location: str = config["location"]
    parts = urlsplit(location)
    status: int = config["status_code"]
    keep: bool = config["keep_incoming_path"]

    def access(ctx: KongContext) -> None:
        where = location
        if keep:
            request = ctx.request
            where = urlunsplit((parts.scheme, parts.netloc, request.path, request.query_string, ""))
        raise exit_text(status, "redirecting", {"Location": where})

    return Phases(access=access)


def check_location(text: str) -> str:
    parts = urlsplit(text)
    return "" if parts.scheme and parts.netloc else "missing scheme or host in url"


PLUGIN = Plugin(
    "redirect",
    779,
    {
        "status_code": integer("status of the answer", 301, between=(100, 599)),
        "location": string("URL to go to", rule=check_location).needs(),
        "keep_incoming_path": boolean("keep the path and query of the request", False),
    },
    compile_redirect,
    "Sends the client elsewhere.",
)
