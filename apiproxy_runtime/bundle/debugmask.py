"""`debugmask.json`: what a debug session must not show."""

from __future__ import annotations

from msgspec import Struct, field

from apiproxy_runtime.bundle.entry import Entry, name_values


class DebugMask(Struct, frozen=True):
    """What a trace must not show; paths by message kind, prefixes for the XPaths."""

    variables: tuple[str, ...] = ()
    request_json_paths: tuple[str, ...] = ()
    response_json_paths: tuple[str, ...] = ()
    fault_json_paths: tuple[str, ...] = ()
    request_xpaths: tuple[str, ...] = ()
    response_xpaths: tuple[str, ...] = ()
    fault_xpaths: tuple[str, ...] = ()
    namespaces: dict[str, str] = field(default_factory=dict)


def read_debug_mask(entry: Entry) -> DebugMask:
    """The keys are those of the DebugMask resource of the management API."""
    return DebugMask(
        variables=entry.texts("variables"),
        request_json_paths=entry.texts("requestJSONPaths"),
        response_json_paths=entry.texts("responseJSONPaths"),
        fault_json_paths=entry.texts("faultJSONPaths"),
        request_xpaths=entry.texts("requestXPaths"),
        response_xpaths=entry.texts("responseXPaths"),
        fault_xpaths=entry.texts("faultXPaths"),
        namespaces=name_values(entry.member("namespaces"), "a namespace of the debug mask", entry.findings),
    )
