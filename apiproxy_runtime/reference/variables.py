"""Every flow variable: those of the transaction, the parts of messages, and what policies set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from apiproxy_runtime.message import fields
from apiproxy_runtime.message.builtin import BUILT_IN, FAMILIES
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.reference.elements import variables_of

#: what may follow `request.`, `response.`, `message.`, `error.` or the name of a message of one's own
PARTS = {
    "content": "the body as text",
    "content.as.base64": "the body in base64",
    "content.as.url.safe.base64": "the body in the alphabet that is safe in URLs",
    "headers.count": "how many headers there are",
    "headers.names": "names of the headers",
    "headers.names.string": "names of the headers, with commas between",
    "queryparams.count": "how many query parameters there are",
    "queryparams.names": "names of the query parameters",
    "queryparams.names.string": "names of the query parameters, with commas between",
    "querystring": "the query as sent, without the question mark",
    "formparams.count": "how many form parameters there are",
    "formparams.names": "names of the form parameters",
    "formparams.names.string": "names of the form parameters, with commas between",
    "formstring": "the body of a form as sent",
    "path": "the path without query",
    "uri": "path and query",
    "url": "the whole URL",
    "verb": "the method",
    "version": "the HTTP version, `1.1`",
    "status.code": "the status, a number",
    "reason.phrase": "the reason phrase",
    "transport.message": "the message itself",
    "transportid": "`http`",
}
_OF_LISTS = {"header": "header", "queryparam": "query parameter", "formparam": "form parameter"}


class VariableEntry(Struct, frozen=True):
    """A variable. `{…}` in its name stands for any text; `policy` is the policy that sets it, if one does."""

    name: str
    meaning: str
    type: str = ""
    scope: str = ""
    writable: bool = False
    policy: str = ""

    def is_named(self, name: str) -> bool:
        """Whether `name` is this variable, or one of the family. A name that may be any text tells nobody apart."""
        if self.name.startswith("{"):
            return False
        parts = re.split(r"\{[^}]*\}", self.name)
        return re.fullmatch(".+".join(map(re.escape, parts)), name) is not None


def built_in() -> list[VariableEntry]:
    """Those of the transaction."""
    return [
        VariableEntry(each.name, each.meaning, each.type, each.scope, each.write is not None)
        for each in sorted(BUILT_IN.values(), key=lambda variable: variable.name)
    ]


def families() -> list[VariableEntry]:
    """Those whose names hold a name."""
    return [
        VariableEntry(
            re.sub(r"\((?:\[[^\]]*\]|[^()])*\)", "{…}", family.pattern.pattern).replace("\\.", "."),
            family.meaning,
            family.type,
        )
        for family in FAMILIES
    ]


def message_parts() -> list[VariableEntry]:
    """What follows the name of a message and a dot. Raises ValueError when `PARTS` has fallen behind."""
    missing = set(fields._SIMPLE) ^ set(PARTS)
    if missing:
        raise ValueError(f"PARTS should say what these mean, or no more: {missing}")
    parts = [
        VariableEntry(name, meaning, writable=fields._SIMPLE[name].write is not None)
        for name, meaning in PARTS.items()
    ]
    for kind, noun in _OF_LISTS.items():
        parts += [
            VariableEntry(f"{kind}.{{name}}", f"first value of a {noun}", writable=True),
            VariableEntry(f"{kind}.{{name}}.{{N}}", "the Nth value, from 1", writable=True),
            VariableEntry(f"{kind}.{{name}}.values", "all values"),
            VariableEntry(f"{kind}.{{name}}.values.string", "all values, with commas between"),
            VariableEntry(f"{kind}.{{name}}.values.count", "how many values there are"),
        ]
    return parts


def policy_variables(policies: Iterable[type[Policy]]) -> Iterator[VariableEntry]:
    """What policies set; `{policy}` stands for the policy's name."""
    for policy in policies:
        for name, meaning in variables_of(policy).items():
            yield VariableEntry(name, meaning, policy=policy.tag)
