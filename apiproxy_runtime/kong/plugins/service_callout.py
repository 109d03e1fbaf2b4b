"""service-callout: calls a service, and keeps its answer, JSON decoded. What it does and decides: see `kong.callout`."""

from __future__ import annotations

from apiproxy_runtime.kong.callout import FIELDS, PRIORITY, compile_callout, decoded, warnings
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config
from apiproxy_runtime.kong.site import KongSite


def compile_service_callout(config: Config, site: KongSite) -> Phases:
    return compile_callout(config, site, decoded)


PLUGIN = Plugin(
    "service-callout",
    PRIORITY,
    FIELDS,
    compile_service_callout,
    "Calls a service, as Apigee's ServiceCallout does; a JSON answer is decoded.",
    "custom",
    warn=warnings,
    aliases=("service_callout",),
)
