"""JSONThreatProtection and XMLThreatProtection → the Kong Enterprise plugins of the same names."""

from __future__ import annotations

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin

_JSON = {
    "ContainerDepth": "max_container_depth",
    "ObjectEntryCount": "max_object_entry_count",
    "ObjectEntryNameLength": "max_object_entry_name_length",
    "ArrayElementCount": "max_array_element_count",
    "StringValueLength": "max_string_value_length",
}
_XML = {
    "StructureLimits/NodeDepth": "max_depth",
    "StructureLimits/ChildCount": "max_children",
    "StructureLimits/AttributeCountPerElement": "max_attributes",
}
_DIFFERS = (
    "Kong refuses with 400 and its own body, Apigee with a fault and 500",
    "limits left out have other defaults",
)
_CASES = ("a body just within each limit", "a body just above each limit", "a body that is not well-formed")


def json_threat_protection(site: Attachment) -> Outcome:
    config: Config = {"enforcement_mode": "block", "error_status_code": 400, "error_message": "Bad Request"}
    config |= _limits(site.policy.node, _JSON)
    return _outcome(site, Plugin("json-threat-protection", config, enterprise=True))


def xml_threat_protection(site: Attachment) -> Outcome:
    config = _limits(site.policy.node, _XML)
    return _outcome(site, Plugin("xml-threat-protection", config, enterprise=True))


def _limits(root: Node, table: dict[str, str]) -> Config:
    found: Config = {}
    for path, key in table.items():
        node: Node | None = root
        for tag in path.split("/"):
            node = node.child(tag) if node is not None else None
        text = node.text.strip() if node is not None else ""
        if text.lstrip("-").isdigit():
            found[key] = max(int(text), -1)
    return found


def _outcome(site: Attachment, plugin: Plugin) -> Outcome:
    source = site.policy.node.child_text("Source", "request")
    if site.phase != "request" or source not in ("request", "message", ""):
        return Outcome(
            "manual",
            f"Kong protects requests only, not {source or 'responses'}",
            lost=("check it in a plugin",),
        )
    lost = () if site.landscape.edition == "enterprise" else ("until then bodies are not checked",)
    return Outcome(
        "partial", f"{plugin.name} of Kong Enterprise", (plugin,), lost, _DIFFERS, _CASES, fails_closed=True
    )


CONVERTERS = {"JSONThreatProtection": json_threat_protection, "XMLThreatProtection": xml_threat_protection}
