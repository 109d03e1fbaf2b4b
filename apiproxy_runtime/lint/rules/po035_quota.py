from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.children import not_boolean, repeated_children, unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_TOP = (
    "Allow",
    "AsynchronousConfiguration",
    "Class",
    "Description",
    "DisplayName",
    "Distributed",
    "Identifier",
    "Interval",
    "MessageWeight",
    "PreciseAtSecondsLevel",
    "Properties",
    "StartTime",
    "Synchronous",
    "TimeUnit",
    "UseQuotaConfigInAPIProduct",
)
_TOP_OF_X = ("CountOnly", "EnforceOnly", "SharedName")
_BOOLEANS = ("Distributed", "Synchronous", "PreciseAtSecondsLevel", "CountOnly", "EnforceOnly")


class QuotaHygiene(Rule):
    """A Quota that does not say how many calls, in which time, or that says so twice."""

    id = "PO035"
    name = "Quota hygiene"
    severity = "error"
    elements = ("Quota",)
    bad = "<Quota name='Q-1'><Interval>1</Interval></Quota>"
    good = "<Quota name='Q-1'><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count='9'/></Quota>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/quota-policy"
    supersedes = ("UnknownElement", "RepeatedElement", "SharedNameMissing", "InvalidStepName")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        known = (*_TOP, *_TOP_OF_X) if bundle.profile == "apigeex" else _TOP
        yield from unknown_children(root, known)
        yield from repeated_children(root, known)
        product = root.child("UseQuotaConfigInAPIProduct")
        if product is not None:
            yield from _product(product, policy, bundle)
        else:
            for tag in ("Interval", "TimeUnit", "Allow"):
                if not root.all(tag):
                    yield Match(root, f"the quota has no <{tag}>", "Add it.")
        for tag in _BOOLEANS:
            for node in root.all(tag)[:1]:
                yield from not_boolean(node)
        for tag in ("CountOnly", "EnforceOnly"):
            for node in root.all(tag)[:1]:
                if node.text.strip() == "true" and not root.all("SharedName"):
                    yield Match(node, f"<{tag}> does nothing without <SharedName>", "Add <SharedName>.")
        for weight in root.all("MessageWeight")[:1]:
            if weight.text.strip() or not weight.attributes.get("ref"):
                yield Match(
                    weight, "<MessageWeight> names a variable in ref, and has no text", 'Write ref="…".'
                )
        for settings in root.all("AsynchronousConfiguration")[:1]:
            yield from _asynchronous(settings)


def _product(node: Node, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
    step = node.attributes.get("stepName", "")
    named = bundle.policy(step)
    cure = "Name the VerifyAPIKey or OAuthV2 policy that finds the product."
    if not step:
        yield Match(node, "no stepName says which policy finds the product", cure)
    elif step == policy.called:
        yield Match(node, "stepName is the quota itself", cure)
    elif named is None:
        yield Match(node, f"stepName {step!r} is no policy of this bundle", cure)
    elif named.element not in ("VerifyAPIKey", "OAuthV2"):
        yield Match(node, f"{step!r} is a {named.element}, which finds no product", cure)
    elif named.element == "OAuthV2" and named.node.child_text("Operation", "") not in (
        "",
        "VerifyAccessToken",
    ):
        yield Match(node, f"{step!r} verifies no token", cure)
    yield from unknown_children(node, ("DefaultConfig",))


def _asynchronous(node: Node) -> Iterator[Match]:
    known = ("SyncIntervalInSeconds", "SyncMessageCount")
    yield from unknown_children(node, known)
    if not any(node.all(tag) for tag in known):
        yield Match(node, "<AsynchronousConfiguration> says nothing", f"Add {' or '.join(known)}.")
    for tag in known:
        for child in node.all(tag):
            if not child.text.strip().isdigit():
                yield Match(child, f"<{tag}> must be a whole number, not {child.text.strip()!r}", "Write 20.")
