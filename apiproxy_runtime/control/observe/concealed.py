"""Names of headers and parameters that logs and events of a runtime must not show.

Beside the usual names (`message.secrecy`) these are the ones that its bundles take credentials from, as in
`<APIKey ref="request.header.x-partner"/>`, and those that the environment's debug mask names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.gateway.runtime import Runtime

#: Elements of security policies whose `ref`, or text, says where a credential stands.
_CREDENTIALS = frozenset(
    [
        "AccessToken",
        "APIKey",
        "AppKey",
        "AuthorizationCode",
        "ClientId",
        "ClientSecret",
        "Code",
        "Jws",
        "Jwt",
        "PassWord",
        "Password",
        "PlainText",
        "RefreshToken",
        "SecretKey",
        "Source",
        "Token",
        "User",
        "UserName",
    ]
)
_POLICIES = frozenset(
    [
        "BasicAuthentication",
        "DecodeJWS",
        "DecodeJWT",
        "HMAC",
        "OAuthV1",
        "OAuthV2",
        "VerifyAPIKey",
        "VerifyJWS",
        "VerifyJWT",
    ]
)
_FIELD = re.compile(r"\{?(?:request|message)\.(?:header|queryparam|formparam)\.([^.{}]+)(?:\.values?.*)?\}?")


class Concealed:
    """The names for one runtime, in lower case; gathered anew after a deploy, when next asked for."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._of: object = None
        self._names: frozenset[str] = frozenset()

    def names(self) -> frozenset[str]:
        proxies = self._runtime.router.proxies
        if proxies is not self._of:
            self._of = proxies
            variables = list(self._runtime.services.environment.debug_mask.variables)
            for program in proxies.values():
                for source in program.bundle.policies.values():
                    if source.element in _POLICIES:
                        variables += _named(source.node)
            self._names = frozenset(
                match[1].lower()
                for variable in variables
                if (match := _FIELD.fullmatch(variable.strip())) is not None
            )
        return self._names


def _named(node: Node) -> Iterator[str]:
    """The flow variables that a policy takes credentials from."""
    if node.tag in _CREDENTIALS:
        yield node.attributes.get("ref", "")
        yield node.text
    for child in node.children:
        yield from _named(child)
