from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

#: Prefix, and the fragments: a literal, or None for one by reference.
_Key = tuple[str, tuple[str | None, ...]]


class CacheCoherence(Rule):
    """A cache that is looked up, but that no attached PopulateCache fills under such a key, is always empty.

    Keys fit when their prefixes are the same, and their fragments one by one. A fragment by reference fits any, since
    another variable may well hold the same value.
    """

    id = "BN003"
    name = "Cache coherence"
    severity = "error"
    elements = ("LookupCache",)
    cure = "Attach a PopulateCache with such a <CacheKey>, or remove the lookup."
    bad = """<LookupCache …><CacheKey><KeyFragment>user</KeyFragment><KeyFragment ref="id"/></CacheKey></LookupCache>
  <PopulateCache …><CacheKey><KeyFragment>users</KeyFragment><KeyFragment ref="id"/></CacheKey></PopulateCache>"""
    good = """<LookupCache …><CacheKey><KeyFragment>user</KeyFragment><KeyFragment ref="id"/></CacheKey></LookupCache>
  <PopulateCache …><CacheKey><KeyFragment>user</KeyFragment><KeyFragment ref="id"/></CacheKey></PopulateCache>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/populate-cache-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if policy.steps:
            key = _key_of(policy)
            if not any(_fit(key, filled) for filled in bundle.table(_filled)):
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
        None if "ref" in fragment.attributes else fragment.text.strip() for fragment in key.all("KeyFragment")
    )
    return key.child_text("Prefix", ""), tuple(fragments)


def _fit(lookup: _Key, filled: _Key) -> bool:
    return (
        lookup[0] == filled[0]
        and len(lookup[1]) == len(filled[1])
        and all(None in pair or pair[0] == pair[1] for pair in zip(lookup[1], filled[1], strict=True))
    )
