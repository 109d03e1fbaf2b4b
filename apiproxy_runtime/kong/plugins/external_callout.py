"""external-callout: calls a service, and keeps its answer as text. What it does and decides: see `kong.callout`."""

from __future__ import annotations

from apiproxy_runtime.kong.callout import FIELDS, PRIORITY, compile_callout, raw, warnings
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config
from apiproxy_runtime.kong.site import KongSite


def compile_external_callout(config: Config, site: KongSite) -> Phases:
    return compile_callout(config, site, raw)


PLUGIN = Plugin(
    "external-callout",
    PRIORITY,
    FIELDS,
    compile_external_callout,
    "Calls a service, as Apigee's ServiceCallout does; its answer is kept as text.",
    "custom",
    warn=warnings,
    aliases=("external_callout",),
)
