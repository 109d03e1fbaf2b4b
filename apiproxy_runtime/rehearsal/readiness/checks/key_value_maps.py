"""X013, X014, X021: key value maps, whose values are always encrypted on Apigee X."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/key-value-map-operations-policy"


def _names(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("KeyValueMapOperations"):
        root = policy.node
        if not root.attributes.get("mapIdentifier") and root.child("MapName") is None:
            yield Hit(root, "it names no map", policy)
        for get in root.all("Get"):
            variable = get.attributes.get("assignTo", "").strip()
            if variable and not variable.startswith("private."):
                fix = f'Write assignTo="private.{variable}", and use that name.'
                yield Hit(get, f"reads into {variable}: the value will stand in traces", policy, fix=fix)


def _scopes(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("KeyValueMapOperations"):
        scope = policy.node.child("Scope")
        if scope is not None and scope.text.strip().lower() == "organization":
            yield Hit(
                scope, "a map of the organization", policy, "changes", "Create it with the API beforehand."
            )
    for policy in subject.policies():
        for node in policy.node.walk():
            if node.tag in ("ResourceURL", "IncludeURL") and "organization" in node.attributes.get(
                "scope", ""
            ):
                yield Hit(node, f"a resource of the organization: {node.text.strip()}", policy)


def _puts(subject: Subject) -> Iterator[Hit]:
    if subject.bundle.kind != "sharedflowbundle":
        return
    hooks = [
        point
        for point, hook in subject.environment.flow_hooks.items()
        if hook.shared_flow == subject.bundle.name
    ]
    where = f"the {', '.join(hooks)}" if hooks else "a flow hook"
    for policy in subject.policies("KeyValueMapOperations"):
        scope = policy.node.child_text("Scope", "environment")
        if policy.node.child("Put") is not None and scope.lower() == "apiproxy":
            yield Hit(
                policy.node,
                f"writes into the map of the proxy; called by {where} it writes elsewhere",
                policy,
            )


CHECKS = (
    Check(
        "X013",
        "changes",
        "names and secrecy of key value maps",
        "maps of Apigee X are always encrypted, and their values belong into private. variables",
        "Name the map with mapIdentifier, and read into private. variables.",
        _names,
        _DOCS,
    ),
    Check(
        "X014",
        "blocks",
        "resources and maps of the organization",
        "there are no resource files of the organization, and its maps are made by the API only",
        "Move the resource into the bundle or the environment.",
        _scopes,
        _DOCS,
    ),
    Check(
        "X021",
        "changes",
        "maps written by a shared flow",
        "from a flow hook the entry is stored under the name of the shared flow (known issue 383334511)",
        "Use the scope environment.",
        _puts,
        "https://docs.cloud.google.com/apigee/docs/release/known-issues",
    ),
)
