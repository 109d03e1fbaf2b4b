"""VerifyAPIKey → key-auth, and acl where products are known."""

from __future__ import annotations

from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import header_of, is_field

_CASES = ("no key", "an unknown key", "a key whose product does not cover the call", "a good key")


def verify_api_key(site: Attachment) -> Outcome:
    """Only a key in a header or in the query has a home on Kong."""
    node = site.policy.node.child("APIKey")
    ref = node.attributes.get("ref", "").strip() if node is not None else ""
    config: Config
    header = header_of(ref)
    if header is not None:
        config = {"key_names": [header], "key_in_header": True, "key_in_query": False}
    elif ref.startswith("request.queryparam.") and ref.count(".") == 2 and is_field(ref.rpartition(".")[2]):
        config = {"key_names": [ref.rpartition(".")[2]], "key_in_header": False, "key_in_query": True}
    else:
        return Outcome(
            "manual",
            f"the key comes from {ref or 'the policy itself'}; key-auth reads headers, the query and the body",
            lost=(f"let key-auth find the key that Apigee takes from {ref or 'a literal'}",),
            cases=_CASES,
        )
    config |= {"key_in_body": False, "hide_credentials": False, "run_on_preflight": True}
    plugins = [Plugin("key-auth", config)]
    lost: tuple[str, ...] = ()
    groups = sorted({product.name for product in site.landscape.test_data.products})
    if not groups:
        lost = (
            "API products decide which keys may call this proxy; load consumers with key-auth credentials, and "
            "add an acl plugin with a group for each product, or every key of this Kong is let in",
        )
    return Outcome(
        "partial",
        "key-auth verifies the key; products become acl groups",
        tuple(plugins),
        lost,
        (
            '401 bodies differ: Kong says {"message":"No API key found in request"} or "Unauthorized"',
            "variables of the app, developer and product are not there; Kong sends X-Consumer-* headers instead",
            "approval and expiry of keys and apps, and status of developers, have no home: such keys are left out",
        ),
        _CASES,
        fails_closed=True,
    )


CONVERTERS = {"VerifyAPIKey": verify_api_key}
