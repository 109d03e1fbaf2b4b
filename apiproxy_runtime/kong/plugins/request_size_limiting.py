"""request-size-limiting: how large a request body may be."""

from __future__ import annotations

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, boolean, integer, string
from apiproxy_runtime.kong.site import KongSite

_UNITS = {"megabytes": 1 << 20, "kilobytes": 1 << 10, "bytes": 1}


def compile_request_size_limiting(config: Config, site: KongSite) -> Phases:
    allowed = config["allowed_payload_size"] * _UNITS[config["size_unit"]]
    needs_length: bool = config["require_content_length"]

    def access(ctx: KongContext) -> None:
        headers = ctx.request.headers
        declared = headers.get("Content-Length")
        if declared is not None and declared.isdecimal():
            size = int(declared)
        else:
            if needs_length and headers.get("Transfer-Encoding") != "chunked":
                raise error(ctx, 411, "A valid Content-Length header is required")
            size = len(ctx.request.encoded or ctx.request.body)
        if size > allowed:
            expects = (headers.get("Expect") or "").strip().lower() == "100-continue"
            raise error(ctx, 417 if expects else 413, "Request size limit exceeded")

    return Phases(access=access, reads_body=True)


PLUGIN = Plugin(
    "request-size-limiting",
    951,
    {
        "allowed_payload_size": integer("size that is allowed", 128),
        "size_unit": string("its unit", "megabytes", one_of=tuple(_UNITS)),
        "require_content_length": boolean("refuse requests without Content-Length", False),
    },
    compile_request_size_limiting,
    "Limits the size of request bodies.",
)
