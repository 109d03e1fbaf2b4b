"""CORS: answers preflight requests, and adds the CORS headers to every answer just before it leaves."""

from __future__ import annotations

import re

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    INTEGER,
    Fault,
    Message,
    MessageContext,
    Policy,
    Render,
    Respond,
    Site,
    StepFunction,
    child,
    fault_table,
)

PREFIX = "cross_origin_resource_sharing"
DEFAULT_METHODS = "GET, POST, HEAD, OPTIONS"
DEFAULT_HEADERS = "Origin, Accept, X-Requested-With, Content-Type, Access-Control-Request-Method, Access-Control-Request-Headers"
#: The platform's bound on the lists of header names.
LONGEST_LIST = 8192
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class CORS(Policy):
    """Add CORS headers to the responses of an API, and answer preflight requests.

    A preflight (OPTIONS with Origin and Access-Control-Request-Method) skips the rest of the request flow and the
    target, and goes on with the ProxyEndpoint's response flow. The headers of other requests are added when the
    response, or an error response, leaves. Requests without Origin get none. What the page leaves open: a preflight
    that is not allowed is answered 200 without CORS headers, which is how a browser is told no.
    """

    tag = "CORS"
    family = "security"
    prefix = "cors"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/cors-policy"
    faults = fault_table(
        "steps.cors", ("UnresolvedVariable", 500, "CORS[{policy}]: unable to resolve variable {variable}")
    )
    deploy_errors = {
        "InvalidMaxAge": "CORS[{policy}]: MaxAge must be a number",
        "MissingAllowOrigins": "CORS[{policy}]: AllowOrigins is missing",
        "InvalidHTTPMethods": "CORS[{policy}]: AllowMethods holds the invalid method {method}",
        "AllowHeadersSizeTooLarge": "CORS[{policy}]: AllowHeaders is too long",
        "ExposeHeadersSizeTooLarge": "CORS[{policy}]: ExposeHeaders is too long",
    }
    variables = {
        f"{PREFIX}.allow.credentials": "whether credentials are allowed",
        f"{PREFIX}.allow.headers": "AllowHeaders",
        f"{PREFIX}.allow.methods": "AllowMethods",
        f"{PREFIX}.allow.origin": "the request's origin if it is allowed, else empty",
        f"{PREFIX}.allow.origins.list": "AllowOrigins",
        f"{PREFIX}.expose.headers": "ExposeHeaders",
        f"{PREFIX}.max.age": "MaxAge",
        f"{PREFIX}.preflight.accepted": "whether a preflight is allowed",
        f"{PREFIX}.request.headers": "Access-Control-Request-Headers",
        f"{PREFIX}.request.method": "Access-Control-Request-Method",
        f"{PREFIX}.request.origin": "Origin",
        f"{PREFIX}.request.type": "ACTUAL or PRE_FLIGHT",
    }
    example = """
<CORS name="CORS-Shop">
  <AllowOrigins>https://shop.example, {request.header.x-partner-origin}</AllowOrigins>
  <AllowMethods>GET, PUT, POST, DELETE</AllowMethods>
  <AllowCredentials>true</AllowCredentials>
</CORS>"""

    allow_origins: str | None = child("AllowOrigins", doc="`*`, one origin or a comma list; template")
    allow_methods: str = child("AllowMethods", default=DEFAULT_METHODS, doc="`*` or a comma list; template")
    allow_headers: str = child("AllowHeaders", default=DEFAULT_HEADERS, doc="`*` or a comma list; template")
    expose_headers: str | None = child("ExposeHeaders", doc="`*` or a comma list; template")
    max_age: int = child(
        "MaxAge", INTEGER, default=1800, error="InvalidMaxAge", doc="seconds; -1 disables caching"
    )
    allow_credentials: bool | None = child("AllowCredentials", BOOLEAN, doc="header not sent when missing")
    generate_preflight: bool = child(
        "GeneratePreflightResponse", BOOLEAN, default=True, doc="false: only the variables are set"
    )
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=True)

    def check(self, site: Site) -> None:
        if not self.allow_origins:
            site.error(
                self.node,
                "MissingAllowOrigins",
                "Add <AllowOrigins>, for example <AllowOrigins>*</AllowOrigins>.",
            )
        if "{" not in self.allow_methods:
            for method in listed(self.allow_methods):
                if method != "*" and _METHOD.fullmatch(method) is None:
                    site.error(
                        self.node, "InvalidHTTPMethods", "Write a comma list of HTTP methods.", method=method
                    )
        if len(self.allow_headers) > LONGEST_LIST:
            site.error(self.node, "AllowHeadersSizeTooLarge", f"Keep it below {LONGEST_LIST} characters.")
        if self.expose_headers and len(self.expose_headers) > LONGEST_LIST:
            site.error(self.node, "ExposeHeadersSizeTooLarge", f"Keep it below {LONGEST_LIST} characters.")

    def compile(self, site: Site) -> StepFunction:
        def render(source: str | None) -> Render:
            return site.template(
                source or "", self.node, ignore_unresolved=self.ignore_unresolved, unresolved=self._unresolved
            )

        origins, methods = render(self.allow_origins), render(self.allow_methods)
        headers, exposed = render(self.allow_headers), render(self.expose_headers)
        credentials, max_age, generate = self.allow_credentials, self.max_age, self.generate_preflight

        def cors(ctx: MessageContext) -> None:
            request = ctx.request
            origin = request.headers.get("Origin")
            asked = request.headers.get("Access-Control-Request-Method")
            wanted = request.headers.get("Access-Control-Request-Headers")
            preflight = request.verb == "OPTIONS" and origin is not None and asked is not None
            allowed, expose = origins(ctx), exposed(ctx)
            origin_list = listed(allowed)
            accepted_origin = origin if origin and ("*" in origin_list or origin in origin_list) else ""
            allow_methods, allow_headers = methods(ctx), headers(ctx)
            accepted = bool(preflight and accepted_origin and permits(allow_methods, [asked or ""]))
            ctx.variables.update(
                {
                    f"{PREFIX}.allow.credentials": credentials,
                    f"{PREFIX}.allow.headers": allow_headers,
                    f"{PREFIX}.allow.methods": allow_methods,
                    f"{PREFIX}.allow.origin": accepted_origin,
                    f"{PREFIX}.allow.origins.list": allowed,
                    f"{PREFIX}.expose.headers": expose,
                    f"{PREFIX}.max.age": max_age,
                    f"{PREFIX}.preflight.accepted": accepted,
                    f"{PREFIX}.request.headers": wanted,
                    f"{PREFIX}.request.method": asked,
                    f"{PREFIX}.request.origin": origin,
                    f"{PREFIX}.request.type": "PRE_FLIGHT" if preflight else "ACTUAL",
                }
            )
            if not generate or not origin:
                return

            def add(response: Message) -> None:
                if not accepted_origin:
                    return
                response.headers.set("Access-Control-Allow-Origin", accepted_origin)
                if credentials is not None:
                    response.headers.set(
                        "Access-Control-Allow-Credentials", "true" if credentials else "false"
                    )
                if expose:
                    response.headers.set("Access-Control-Expose-Headers", expose)

            ctx.late_edits = (*ctx.late_edits, add)
            if preflight:
                response = Message.response(200)
                if accepted:
                    response.headers.set("Access-Control-Allow-Methods", allow_methods)
                    response.headers.set("Access-Control-Allow-Headers", allow_headers)
                    response.headers.set("Access-Control-Max-Age", str(max_age))
                raise Respond(response)

        return cors

    def _unresolved(self, name: str) -> Fault:
        return self.fault("UnresolvedVariable", variable=name)


def listed(text: str) -> list[str]:
    """The items of a comma list."""
    return [item.strip() for item in text.split(",") if item.strip()]


def permits(allowed: str, names: list[str]) -> bool:
    """Whether all names are in a comma list, or the list is `*`."""
    items = listed(allowed)
    return "*" in items or all(name in items for name in names)
