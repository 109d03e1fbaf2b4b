from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_Key = tuple[str, tuple[tuple[str, str], ...]]


class CacheCoherence(Rule):
    """A cache that is looked up, but that no attached PopulateCache fills under the same key, is always empty.

    A key is the prefix and all fragments, literal or by reference, in their order.
    """

    id = "BN003"
    name = "Cache coherence"
    severity = "error"
    elements = ("LookupCache",)
    cure = "Attach a PopulateCache with the same <CacheKey>, or remove the lookup."
    bad = """<LookupCache …><CacheKey><KeyFragment ref="user.id"/></CacheKey></LookupCache>
  <PopulateCache …><CacheKey><KeyFragment ref="userid"/></CacheKey></PopulateCache>"""
    good = """<LookupCache …><CacheKey><KeyFragment ref="user.id"/></CacheKey></LookupCache>
  <PopulateCache …><CacheKey><KeyFragment ref="user.id"/></CacheKey></PopulateCache>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/populate-cache-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if policy.steps and _key_of(policy) not in bundle.table(_filled):
            yield Match(policy.node, f"no attached PopulateCache fills what {policy.called!r} looks up")


def _filled(bundle: LintBundle) -> frozenset[_Key]:
    """The keys under which attached policies fill a cache."""
    return frozenset(
        _key_of(policy) for policy in bundle.policies if policy.element == "PopulateCache" and policy.steps
    )


def _key_of(policy: PolicyFile) -> _Key:
    key = policy.node.child("CacheKey")
    if key is None:
        return "", ()
    fragments = (
        (
            fragment.attributes.get("ref", "").strip(),
            "" if "ref" in fragment.attributes else fragment.text.strip(),
        )
        for fragment in key.all("KeyFragment")
    )
    return key.child_text("Prefix", ""), tuple(fragments)
