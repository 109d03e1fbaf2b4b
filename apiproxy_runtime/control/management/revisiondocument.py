"""A revision as the API describes it: its parts by name."""

from __future__ import annotations

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.organization import Revision


def read(revision: Revision) -> Bundle | None:
    """The bundle as far as it can be read; what is wrong with it is told when it is deployed."""
    return revision.read(Findings())


def revision_document(revision: Revision) -> Document:
    """The fields of both flavours; an unfinished bundle has empty lists."""
    bundle = read(revision)
    resources = sorted(bundle.resources) if bundle is not None else []
    parts: Document = {
        "policies": list(bundle.policies) if bundle else [],
        "resources": [f"{type_}://{name}" for type_, name in resources],
        "resourceFiles": {"resourceFile": [{"name": name, "type": type_} for type_, name in resources]},
    }
    if revision.kind == "apiproxy":
        proxies = [proxy.name for proxy in bundle.proxies] if bundle else []
        targets = list(bundle.targets) if bundle else []
        parts |= {
            "basepaths": list(bundle.base_paths) if bundle else [],
            "proxies": proxies,
            "proxyEndpoints": proxies,
            "targets": targets,
            "targetEndpoints": targets,
            "targetServers": [],
        }
    else:
        parts["sharedFlows"] = [flow.name for flow in bundle.shared_flows] if bundle else []
    return {
        "configurationVersion": {"majorVersion": 4, "minorVersion": 0},
        "contextInfo": f"Revision {revision.number} of application {revision.name}",
        "createdAt": revision.created_at,
        "createdBy": "apiproxy",
        "description": bundle.description if bundle else "",
        "displayName": bundle.display_name if bundle else "",
        "lastModifiedAt": revision.created_at,
        "lastModifiedBy": "apiproxy",
        "manifestVersion": revision.files.digest,
        "name": revision.name,
        "revision": revision.number,
        "type": "Application",
        **parts,
    }
