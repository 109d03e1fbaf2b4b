from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, ResourceFile, Rule

_BOTH = ("jsc", "java", "py", "xsl", "wsdl", "xsd", "oas")
_TYPES = {"apigeex": (*_BOTH, "graphql"), "apigee": (*_BOTH, "node", "hosted", "template")}
_NODE = ("node", "hosted")
#: How stylesheets and schemas take in one another, and how scripts do.
_INCLUDED = re.compile(r"""(?:href|schemaLocation|location)\s*=\s*["']([^"']*)["']""")
_IMPORTED = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)


class UnreferencedResource(Rule):
    """A resource file that nothing refers to is dead weight in each deploy.

    Libraries of JavaCallouts count as used as soon as there is a JavaCallout, property sets always. Files that another
    stylesheet or schema takes in are used, and what a Node.js target runs.
    """

    id = "BN013"
    name = "Unreferenced resource"
    cure = "Name it in a policy, or remove the file."
    bad = "apiproxy/resources/jsc/old.js, which no <ResourceURL> or <IncludeURL> names"
    good = "<ResourceURL>jsc://old.js</ResourceURL>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/develop/resource-files"

    def on_resource(self, resource: ResourceFile, bundle: LintBundle) -> Iterator[Match]:
        if resource.type not in _TYPES.get(bundle.profile, _BOTH) or resource.file.endswith(
            ("~", ".DS_Store")
        ):
            return
        if "node_modules" in resource.file.split("/") or _is_used(resource, bundle):
            return
        yield Match(resource.place, f"nothing refers to {resource.type}://{resource.name}")


def _is_used(resource: ResourceFile, bundle: LintBundle) -> bool:
    if resource.references:
        return True
    if resource.type == "java":
        return any(policy.element == "JavaCallout" for policy in bundle.policies)
    if resource.type in _NODE and any(
        endpoint.node.child(tag) is not None
        for endpoint in bundle.targets
        for tag in ("ScriptTarget", "HostedTarget")
    ):
        return True
    return (resource.type, resource.name) in bundle.table(_taken_in)


def _taken_in(bundle: LintBundle) -> frozenset[tuple[str, str]]:
    """Type and name of the files that another file of their folder takes in."""
    found: set[tuple[str, str]] = set()
    for resource in bundle.resources:
        if resource.type == "py":
            found.update(("py", f"{module}.py") for module in _IMPORTED.findall(resource.text()))
        elif resource.type in ("xsl", "xsd", "wsdl"):
            names = (included.rpartition("/")[2] for included in _INCLUDED.findall(resource.text()))
            found.update((_type_of(name, resource.type), name) for name in names)
    return frozenset(found)


def _type_of(name: str, default: str) -> str:
    suffix = name.rpartition(".")[2].lower()
    return suffix if suffix in ("xsd", "wsdl") else default
