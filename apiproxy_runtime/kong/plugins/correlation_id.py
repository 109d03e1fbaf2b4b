"""correlation-id: gives each request an id that upstream and client can be told."""

from __future__ import annotations

import itertools
import os

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, boolean, string
from apiproxy_runtime.kong.site import KongSite


def compile_correlation_id(config: Config, site: KongSite) -> Phases:
    name: str = config["header_name"]
    echo: bool = config["echo_downstream"]
    kind: str = config["generator"]
    mine = f"correlation-id:{site.instance.id}"
    world = site.world
    worker = ""
    counter = itertools.count(1)

    def generate(ctx: KongContext) -> str:
        nonlocal worker
        if kind == "uuid":
            return world.uuid()
        if kind == "tracker":
            client = ctx.client
            return (
                f"{client.local_ip}-{client.local_port}-{os.getpid()}-{client.port}-{next(counter)}"
                f"-{world.now():.3f}"
            )
        worker = worker or world.uuid()
        return f"{worker}#{next(counter)}"

    def access(ctx: KongContext) -> None:
        headers = ctx.request.headers
        found = headers.get(name)
        if not found:
            found = generate(ctx)
            headers.set(name, found)
        ctx.plugin[mine] = found

    def header_filter(ctx: KongContext) -> None:
        assert ctx.response is not None
        found = ctx.plugin.get(mine) or ctx.request.headers.get(name) or generate(ctx)
        ctx.response.headers.set(name, found)

    return Phases(access=access, header_filter=header_filter if echo else None)


PLUGIN = Plugin(
    "correlation-id",
    100001,
    {
        "header_name": string("header that holds the id", "Kong-Request-ID"),
        "generator": string("form of the id", "uuid#counter", one_of=("uuid", "uuid#counter", "tracker")),
        "echo_downstream": boolean("tell the client too", False),
    },
    compile_correlation_id,
    "Gives each request an id.",
)
