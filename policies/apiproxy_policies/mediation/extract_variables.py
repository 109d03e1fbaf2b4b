"""ExtractVariables: sets flow variables from parts of a message, by pattern, JSONPath or XPath."""

from __future__ import annotations

from apiproxy_policies.extraction import (
    MISSING_NAME,
    Extract,
    Extraction,
    FormParam,
    Header,
    QueryParam,
    URIPath,
    Variable,
)
from apiproxy_policies.json_payload import JSONPayload
from apiproxy_policies.xml_payload import XMLPayload
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    sequence,
    text,
)

#: A missing one of these is out of scope; any other missing source of JSON is text that was never set.
_MESSAGES = ("request", "response", "message", "error")
_AT = "Context Revision:{rev};APIProxy:{proxy};Organization:{org};Environment:{env}."


Part = URIPath | QueryParam | Header | FormParam | Variable | JSONPayload | XMLPayload


class Source(Element):
    """The message, or for JSON and XML any variable that holds such text."""

    variable: str = text(default="")
    clear_payload: bool = attribute(
        "clearPayload", BOOLEAN, default=False, doc="true: the message's body is emptied afterwards"
    )


class ExtractVariables(Policy):
    """Extract values from message parts, variables, JSON or XML into flow variables.

    The elements are worked off in document order. What does not match sets nothing: an earlier value stays.
    """

    tag = "ExtractVariables"
    family = "mediation"
    prefix = "extractvariables"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/extract-variables-policy"
    faults = fault_table(
        "steps.extractvariables",
        (
            "ExecutionFailed",
            500,
            "Failed to execute the ExtractVariables: {policy}",
            "the payload is empty, or not the JSON or XML that its Content-Type announces",
        ),
        (
            "ImmutableVariable",
            500,
            "Variable {variable} is immutable in ExtractVariables: {policy}",
            "the variable to set is read-only",
        ),
        (
            "InvalidJSONPath",
            500,
            "Invalid JSON path {path} in policy {policy}.",
            "the path leads nowhere in the payload and IgnoreUnresolvedVariables is false",
        ),
        (
            "JsonPathParsingFailure",
            500,
            "ExtractVariables {policy}: Json path parsing failed for for flow variables {variable}",
            "the source variable is not set, or does not hold JSON",
        ),
        (
            "SetVariableFailed",
            500,
            "Failed to set variable {variable} value {value} from ExtractVariables: {policy}",
            "the beginning of the name is a variable that holds a value",
        ),
        (
            "SourceMessageNotAvailable",
            500,
            "{variable} message is not available for ExtractVariable: {policy}",
            "the source is not in scope, or not set",
        ),
        (
            "UnableToCast",
            500,
            "Unable to cast value {value} as {TYPE}.",
            "the value is not of the declared type",
        ),
        (
            "UnsupportedOperation",
            500,
            "Unsupported operation on variable {variable} in ExtractVariables: {policy}",
            "a pattern is to be matched with a whole message",
        ),
        (
            "VariableResolutionFailed",
            500,
            "Failed to resolve variable {variable} in ExtractVariables: {policy}",
            "a variable in a JSONPath template is not set and IgnoreUnresolvedVariables is false",
        ),
    )
    deploy_errors = {
        "NothingToExtract": "ExtractVariables {policy}: at least one of URIPath, QueryParam, Header, FormParam, XMLPayload, JSONPayload is mandatory.",
        "NONEmptyPrefixMappedToEmptyURI": "ExtractVariables {policy}: Non-empty prefix {prefix} cannot be mapped to empty uri.",
        "DuplicatePrefix": "ExtractVariables {policy}: Duplicate prefix {prefix}.",
        "NoXPathsToEvaluate": "ExtractVariables {policy}: no xpaths to evaluate in variable {name}.",
        "EmptyXPathExpression": "ExtractVariables {policy}: XPath expression is empty in variable {name}.",
        "NoJSONPathsToEvaluate": "ExtractVariables {policy}: no jsonpaths to evaluate in variable {name}.",
        "EmptyJSONPathExpression": "ExtractVariables {policy}: JSONPath expression is empty in variable {name}.",
        "MissingName": MISSING_NAME,
        "PatternWithoutVariable": "Pattern {pattern} should have atleast one variable in ExtractVariables stepDefinition {policy}.",
        "InvalidPattern": "Pattern {pattern} is invalid in ExtractVariables stepDefinition {policy}.",
        "CannotBeConvertedToNodeset": "ExtractVariables {policy}: Result of xpath {xpath} cannot be converted to nodeset. "
        + _AT,
        "XPathCompilationFailed": "ExtractVariables {policy}: Failed to compile xpath {xpath}. " + _AT,
        "JSONPathCompilationFailed": "ExtractVariables {policy}: Failed to compile jsonpath {jsonpath}. "
        + _AT,
        "InstantiationFailed": "ExtractVariables {policy}: the policy cannot be instantiated",
    }
    variables = {"{prefix}.{name}": "what was captured under that name; without VariablePrefix just the name"}
    example = """
<ExtractVariables name="EV-Order">
  <Source>request</Source>
  <VariablePrefix>order</VariablePrefix>
  <URIPath><Pattern ignoreCase="true">/orders/{id}</Pattern></URIPath>
  <Header name="Authorization"><Pattern ignoreCase="true">Bearer {token}</Pattern></Header>
  <JSONPayload>
    <Variable name="quantity" type="integer"><JSONPath>$.lines[0].quantity</JSONPath></Variable>
  </JSONPayload>
  <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>
</ExtractVariables>"""

    source: Source | None = nested("Source", Source, doc="what to read, `message` by default")
    variable_prefix: str = child("VariablePrefix", default="", doc="put before every name, with a dot")
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: a missing source, JSON property or template variable is passed over",
    )
    parts: tuple[Part, ...] = sequence(
        URIPath,
        QueryParam,
        Header,
        FormParam,
        Variable,
        JSONPayload,
        XMLPayload,
        doc="what to extract, in document order",
    )

    def check(self, site: Site) -> None:
        if not self.parts:
            site.error(self.node, "NothingToExtract", "Add one of these elements.")

    def compile(self, site: Site) -> StepFunction:
        name = (self.source.variable if self.source is not None else "") or "message"
        clear = self.source is not None and self.source.clear_payload
        lenient = self.ignore_unresolved
        extraction = Extraction(site, self, name, self.variable_prefix, lenient)
        extracts: tuple[Extract, ...] = tuple(
            extract for part in self.parts if (extract := part.compile(extraction)) is not None
        )
        get = site.getter(name)
        of_json = any(isinstance(part, JSONPayload) for part in self.parts) and name not in _MESSAGES
        missing = "JsonPathParsingFailure" if of_json else "SourceMessageNotAvailable"

        def extract_variables(ctx: MessageContext) -> None:
            source = get(ctx)
            if source is None:
                if lenient:
                    return
                raise self.fault(missing, variable=name)
            for extract in extracts:
                extract(ctx, source)
            if clear and source.__class__ is Message:
                source.body = b""

        return extract_variables
