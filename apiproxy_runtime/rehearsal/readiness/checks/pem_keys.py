"""X023: keys with blanks before their last line."""

import re
from collections.abc import Iterator

from apiproxy_runtime.kong.convert.registry import canonical
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_POLICIES = ("VerifyJWT", "GenerateJWT", "DecodeJWT", "VerifyJWS", "GenerateJWS", "DecodeJWS")
_BLANKS = re.compile(r"^[^\S\n]+-----(?:BEGIN|END)", re.MULTILINE)
_BEHIND = re.compile(r"[^\n\s][^\S\n]*-----END")


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies():
        if canonical(policy.element) not in _POLICIES:
            continue
        for node in policy.node.walk():
            if "-----BEGIN" in node.text and (_BLANKS.search(node.text) or _BEHIND.search(node.text)):
                yield Hit(node, "a key with blanks or letters before -----END (or -----BEGIN)", policy)


CHECK = Check(
    "X023",
    "blocks",
    "keys written into policies",
    "the key is not read, and the deploy fails (known issue 364872027)",
    "Begin each of the key's lines at the left margin, or keep the key in a key value map.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/release/known-issues",
    autofix=True,
)
