"""json-threat-protection: limits on the shape of JSON bodies. -1 is no limit; other bodies pass."""

from __future__ import annotations

import logging
from typing import Any

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, Field, boolean, integer, string
from apiproxy_runtime.kong.site import KongSite

logger = logging.getLogger("apiproxy")


def compile_json_threat_protection(config: Config, site: KongSite) -> Phases:
    largest: int = config["max_body_size"]
    blocks = config["enforcement_mode"] == "block"

    def wrong(ctx: KongContext) -> str:
        """What is wrong with the body; empty when nothing is."""
        request = ctx.request
        if request.content_type() != "application/json" or not request.body:
            return ""
        if 0 <= largest < len(request.body):
            return f"the body has {len(request.body)} bytes"
        try:
            return too_much(request.json(), config)
        except (ValueError, RecursionError):
            return "the body is not JSON"

    def access(ctx: KongContext) -> None:
        reason = wrong(ctx)
        if not reason:
            return
        logger.warning("json-threat-protection: %s", reason)
        if blocks:
            raise error(ctx, config["error_status_code"], config["error_message"])

    return Phases(access=access, reads_body=True)


def too_much(value: Any, config: Config, depth: int = 1) -> str:
    """The first limit that a value passes; empty when it passes none."""
    if isinstance(value, str):
        return passes(len(value), config["max_string_value_length"], "characters in a string")
    if not isinstance(value, (dict, list)):
        return ""
    found = passes(depth, config["max_container_depth"], "levels of nesting")
    if isinstance(value, dict):
        found = found or passes(len(value), config["max_object_entry_count"], "entries in an object")
        for name in value:
            found = found or passes(len(name), config["max_object_entry_name_length"], "characters in a name")
        children: list[Any] = list(value.values())
    else:
        found = found or passes(len(value), config["max_array_element_count"], "elements in an array")
        children = value
    for child in children:
        if found:
            return found
        found = too_much(child, config, depth + 1)
    return found


def passes(count: int, limit: int, what: str) -> str:
    return f"{count} {what}" if 0 <= limit < count else ""


def _limit(doc: str, default: int = -1) -> Field:
    return integer(doc, default, between=(-1, 2**31 - 1))


PLUGIN = Plugin(
    "json-threat-protection",
    1009,
    {
        "max_body_size": _limit("bytes of a body", 8192),
        "max_container_depth": _limit("levels of nesting"),
        "max_object_entry_count": _limit("entries of an object"),
        "max_object_entry_name_length": _limit("characters of a name"),
        "max_array_element_count": _limit("elements of an array"),
        "max_string_value_length": _limit("characters of a string"),
        "allow_duplicate_object_entry_name": boolean("", True),
        "enforcement_mode": string("", "block", one_of=("block", "log_only")),
        "error_status_code": integer("status of a refusal", 400, between=(400, 499)),
        "error_message": string("message of a refusal", "Bad Request"),
    },
    compile_json_threat_protection,
    "Limits the shape of JSON bodies.",
    "enterprise",
)
