"""OASValidation: checks a request or a response against an OpenAPI document of the bundle."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.openapi.document import Direction, Document, DocumentError, read_document
from apiproxy_policies.openapi.operation import Description, Strictness, compile_description
from apiproxy_policies.openapi.schema import SchemaError
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    VARIABLE,
    Element,
    Fault,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
)

Describe = Callable[[MessageContext, Direction], Description]


class AllowUnspecifiedParameters(Element):
    """Whether a request may have parameters that the document does not declare."""

    header: bool = child("Header", BOOLEAN, default=True, doc="false: only declared and common HTTP headers")
    query: bool = child("Query", BOOLEAN, default=True, doc="false: only declared query parameters")
    cookie: bool = child("Cookie", BOOLEAN, default=True, doc="false: only declared cookies")


class Options(Element):
    validate_body: bool = child(
        "ValidateMessageBody",
        BOOLEAN,
        default=False,
        doc="true: check the body with its schema; false: only that a required one is there",
    )
    allow: AllowUnspecifiedParameters | None = nested(
        "AllowUnspecifiedParameters", AllowUnspecifiedParameters
    )


class OASValidation(Policy):
    """Validate a request or response message against an OpenAPI 3.0 specification.

    The path is looked up below the proxy's base path, and with the path of the document's servers (or basePath) taken off.
    A response is checked as the answer to the request's path and verb. JSON bodies are checked with their schema, of
    others only the media type. Security requirements are not checked; the keys they name count as declared.

    Apigee supports 3.0 only; here 3.1 and Swagger 2.0 are understood as well. A request that fails gives status 400, a
    response 500, as the newer tables of the reference page have it (older ones: 500 for both).

    The time of a validation is bounded by the size of the body, and for patterns by the limit of the expression engine.
    """

    tag = "OASValidation"
    family = "mediation"
    prefix = "OASValidation"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/oas-validation-policy"
    faults = fault_table(
        "steps.oasvalidation",
        (
            "Failed",
            400,
            'OASValidation {policy} with resource "{resource}": failed with reason: "{reason}"',
            "the message does not conform; 500 for a response",
        ),
        (
            "SourceMessageNotAvailable",
            500,
            "{variable} message is not available for OASValidation: {policy}",
            "the source is not in scope, or not set",
        ),
        (
            "NonMessageVariable",
            500,
            "Variable {variable} does not resolve to a Message",
            "the source is not a message",
        ),
    )
    deploy_errors = {
        "BadResourceURL": "OASValidation {policy}: {resource} is not the URL of an OpenAPI document",
        "ResourceDoesNotExist": "OASValidation {policy}: there is no resource {resource}",
        "ResourceCompileFailed": "OASValidation {policy}: Failed to compile resource {resource}: {reason}",
    }
    variables = {
        "OASValidation.{policy}.failed": "whether the message does not conform",
        "OASValidation.{policy}.fault.cause": "what is wrong with it",
    }
    example = """
<OASValidation name="OAS-Orders">
  <Source>request</Source>
  <OASResource>oas://orders.yaml</OASResource>
  <Options>
    <ValidateMessageBody>true</ValidateMessageBody>
    <AllowUnspecifiedParameters><Query>false</Query></AllowUnspecifiedParameters>
  </Options>
</OASValidation>"""

    source: str | None = child("Source", VARIABLE, doc="message to check, `request` by default")
    resource: str = child("OASResource", default="", doc="the document, `oas://FILE`; template")
    options: Options | None = nested("Options", Options)

    def check(self, site: Site) -> None:
        resource = self.resource
        if "{" in resource:
            return
        place = self.place("OASResource")
        if not resource.startswith("oas://"):
            site.error(place, "BadResourceURL", "Write oas://FILE.", resource=resource or "(nothing)")
        elif not resource.lower().endswith((".yaml", ".yml", ".json")):
            site.error(place, "BadResourceURL", "Name a .yaml, .yml or .json file.", resource=resource)
        elif site.resource(resource) is None:
            site.error(
                place,
                "ResourceDoesNotExist",
                "Add the file to the folder resources/oas.",
                resource=resource,
            )

    def compile(self, site: Site) -> StepFunction:
        source = (self.source or "").strip() or "request"
        get, describe = site.getter(source), self._describe(site, source)
        if describe is None:
            return lambda ctx: None
        options = self.options
        allow = options.allow if options is not None else None
        strict = Strictness(
            body=options is not None and options.validate_body,
            headers=allow is not None and not allow.header,
            query=allow is not None and not allow.query,
            cookies=allow is not None and not allow.cookie,
        )

        def oas_validation(ctx: MessageContext) -> None:
            message = get(ctx)
            if message.__class__ is not Message:
                name = "SourceMessageNotAvailable" if message is None else "NonMessageVariable"
                raise self.fault(name, variable=source)
            description = describe(ctx, "request" if message.is_request else "response")
            wrong = _errors(ctx, message, description, strict)
            if wrong:
                raise self._failed(wrong, message)

        return oas_validation

    def _failed(self, wrong: list[str], message: Message) -> Fault:
        reason = f"[{', '.join(f'ERROR - {sentence}: []' for sentence in wrong)}]"
        fault = self.fault("Failed", resource=self.resource, reason=reason)
        fault.status = 400 if message.is_request else 500
        fault.variables = {f"OASValidation.{self.name}.fault.cause": reason}
        return fault

    # ---- the document

    def _describe(self, site: Site, source: str) -> Describe | None:
        """What gives the compiled document, None for one that has errors; compiled now if its name is constant."""
        if "{" in self.resource:
            return self._describe_named(site)
        document = self._read(site)
        if document is None:
            return None
        directions: tuple[Direction, ...] = ("request", "response")
        if source in directions:
            directions = tuple(each for each in directions if each == source)
        compiled: dict[Direction, Description] = {}
        try:
            for direction in directions:
                compiled[direction] = compile_description(document, direction)
        except (SchemaError, RecursionError) as error:
            self._compile_failed(site, error)
            return None
        for reference in document.dangling:
            site.warning(
                self.node,
                "UnresolvedReference",
                f"{self.resource} refers to {reference}, which is not in it; anything is allowed there",
                "Bring what is referred to into the document.",
            )

        def describe(ctx: MessageContext, direction: Direction) -> Description:
            found = compiled.get(direction)
            if found is None:
                found = compiled[direction] = compile_description(document, direction)
            return found

        return describe

    def _describe_named(self, site: Site) -> Describe:
        render = site.template(self.resource, self.node)
        compiled: dict[tuple[str, Direction], Description] = {}

        def describe(ctx: MessageContext, direction: Direction) -> Description:
            name = render(ctx)
            found = compiled.get((name, direction))
            if found is None:
                resource = site.resource(name)
                if resource is None:
                    raise self.fault("Failed", resource=name, reason="there is no such resource")
                try:
                    found = compile_description(read_document(resource.read()), direction)
                except (DocumentError, SchemaError) as error:
                    raise self.fault("Failed", resource=name, reason=error) from None
                compiled[name, direction] = found
            return found

        return describe

    def _read(self, site: Site) -> Document | None:
        resource = site.resource(self.resource)
        if resource is None:
            return None
        try:
            return read_document(resource.read())
        except DocumentError as error:
            self._compile_failed(site, error)
        return None

    def _compile_failed(self, site: Site, error: Exception) -> None:
        site.error(
            self.place("OASResource"),
            "ResourceCompileFailed",
            "Correct the document.",
            resource=self.resource,
            reason=error,
        )


def _errors(ctx: MessageContext, message: Message, description: Description, strict: Strictness) -> list[str]:
    found = description.find(ctx.base_path, ctx.path_suffix)
    if found is None:
        return [f"No API path found that matches request '{ctx.path_suffix or '/'}'."]
    path, variables = found
    verb = ctx.request.verb.upper()
    operation = description.operations[path].get(verb)
    if operation is None:
        return [f"{verb} operation not allowed on path '{path}'."]
    if message.is_request:
        return operation.request_errors(variables, message, strict)
    return operation.response_errors(message, strict)
