"""BasicAuthentication: makes the value of a Basic Authorization header, or takes one apart."""

from __future__ import annotations

import base64
import binascii

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    MessageContext,
    Node,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    one_of,
    text,
    text_of,
)

_SCHEME = "Basic "


class Reference(Element):
    """A variable: read to encode, written to decode."""

    ref: str | None = attribute("ref", doc="name of the variable")


class AssignTo(Element):
    """The variable that gets the header's value."""

    variable: str = text(default="")
    create_new: bool = attribute(
        "createNew", BOOLEAN, default=False, doc="false: a variable that is set already is left as it is"
    )


class BasicAuthentication(Policy):
    """Encode user name and password for HTTP Basic authentication, or decode them.

    With createNew="false" (the default) a variable, such as the Authorization header, that has a value keeps it. Decoding
    splits at the first colon, so passwords may hold more; the scheme is written `Basic` and one blank. With
    IgnoreUnresolvedVariables, true by default, what is not set is encoded as nothing, and a missing source sets nothing.
    """

    tag = "BasicAuthentication"
    family = "security"
    prefix = "BasicAuthentication"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/basic-authentication-policy"
    faults = fault_table(
        "steps.basicauthentication",
        (
            "InvalidBasicAuthenticationSource",
            500,
            "Source variable : {variable} for basic authentication decode policy is not valid",
            "the source is not Basic and base64 of user:password",
        ),
        (
            "UnresolvedVariable",
            500,
            "Unresolved variable : {variable}",
            "a variable is not set and IgnoreUnresolvedVariables is false",
        ),
    )
    deploy_errors = {
        "UserNameRequired": "BasicAuthentication {policy}: the ref of User is missing",
        "PasswordRequired": "BasicAuthentication {policy}: the ref of Password is missing",
        "AssignToRequired": "BasicAuthentication {policy}: AssignTo is missing",
        "SourceRequired": "BasicAuthentication {policy}: Source is missing",
    }
    variables = {"BasicAuthentication.{policy}.failed": "whether the policy failed"}
    example = """
<BasicAuthentication name="BA-Backend">
  <Operation>Encode</Operation>
  <User ref="private.user"/>
  <Password ref="private.password"/>
  <AssignTo createNew="true">request.header.Authorization</AssignTo>
</BasicAuthentication>"""

    operation: str = child("Operation", one_of("Encode", "Decode"), required=True, default="Encode")
    lenient: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=True)
    user: Reference | None = nested("User", Reference)
    password: Reference | None = nested("Password", Reference)
    assign_to: AssignTo | None = nested("AssignTo", AssignTo, doc="what Encode sets")
    source: str | None = child("Source", doc="variable that Decode reads")

    def check(self, site: Site) -> None:
        for element, name, error in (
            (self.user, "User", "UserNameRequired"),
            (self.password, "Password", "PasswordRequired"),
        ):
            if element is None or not element.ref:
                node: Node = self.node if element is None else element.node
                site.error(node, error, f'Name a variable: <{name} ref="…"/>.')
        if self.operation == "Encode" and (self.assign_to is None or not self.assign_to.variable):
            site.error(
                self.node,
                "AssignToRequired",
                "Name the variable that gets the value: <AssignTo>…</AssignTo>.",
            )
        if self.operation == "Decode" and not self.source:
            site.error(self.node, "SourceRequired", "Write <Source>request.header.authorization</Source>.")

    def compile(self, site: Site) -> StepFunction:
        user = self.user.ref if self.user is not None else None
        password = self.password.ref if self.password is not None else None
        if self.operation == "Decode":
            return self._decode(site, user or "", password or "")
        return self._encode(site, user or "", password or "")

    def _encode(self, site: Site, user: str, password: str) -> StepFunction:
        assert self.assign_to is not None
        variable, create_new = self.assign_to.variable, self.assign_to.create_new
        get_target, put = site.getter(variable), site.setter(variable)
        get_user, get_password, lenient = site.getter(user), site.getter(password), self.lenient

        def encode(ctx: MessageContext) -> None:
            name, secret = get_user(ctx), get_password(ctx)
            if not lenient and (name is None or secret is None):
                raise self.fault("UnresolvedVariable", variable=user if name is None else password)
            if create_new or get_target(ctx) is None:
                pair = f"{text_of(name)}:{text_of(secret)}".encode("utf-8", "replace")
                put(ctx, _SCHEME + base64.b64encode(pair).decode())

        return encode

    def _decode(self, site: Site, user: str, password: str) -> StepFunction:
        source, lenient = self.source or "", self.lenient
        get, put_user, put_password = site.getter(source), site.setter(user), site.setter(password)

        def decode(ctx: MessageContext) -> None:
            value = get(ctx)
            if value is None:
                if lenient:
                    return
                raise self.fault("UnresolvedVariable", variable=source)
            name, colon, secret = decoded(text_of(value)).partition(":")
            if not colon:
                raise self.fault("InvalidBasicAuthenticationSource", variable=source)
            put_user(ctx, name)
            put_password(ctx, secret)

        return decode


def decoded(value: str) -> str:
    """`user:password` of a header's value; empty when it is not of that form."""
    if not value.startswith(_SCHEME):
        return ""
    try:
        data = binascii.a2b_base64(value[len(_SCHEME) :].strip().encode("ascii"), strict_mode=True)
    except ValueError:
        return ""
    return data.decode("utf-8", "replace")
