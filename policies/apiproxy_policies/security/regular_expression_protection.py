"""RegularExpressionProtection: refuses messages whose parts match a threatening pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from apiproxy_policies.namespaces import Namespaces
from apiproxy_policies.xml_payload import is_xml
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MISSING,
    PAYLOAD,
    BoundedRegex,
    Element,
    JavaRegexError,
    JsonPathSyntaxError,
    Message,
    MessageContext,
    Policy,
    RegexTimeout,
    Site,
    StepFunction,
    XPathSyntaxError,
    attribute,
    child,
    compile_bounded,
    compile_jsonpath,
    compile_xpath,
    fault_table,
    many,
    nested,
    one_of,
    text,
    text_of,
    to_text,
)

#: Gives the texts to search, or None when the part is not there.
Texts = Callable[[MessageContext, Message], Iterable[str] | None]
XPathKind = Literal["string", "nodeset", "boolean", "number", "node"]
_KINDS = one_of("string", "nodeset", "boolean", "number", "node", ignore_case=True)


class PatternElement(Element):
    value: str = text(PAYLOAD, default="", doc="Java regular expression, searched anywhere in the text")
    ignore_case: bool = attribute("ignoreCase", BOOLEAN, default=False)


class Part(Element):
    """Patterns for the path of the request."""

    patterns: tuple[PatternElement, ...] = many("Pattern", PatternElement)


class NamedPart(Part):
    """Patterns for a parameter, header or variable."""

    name: str = attribute("name", required=True, default="")


class XPathPart(Part):
    expression: str = child("Expression", default="")
    kind: XPathKind = child("Type", _KINDS, default="string")


class XMLPayload(Element):
    namespaces: Namespaces | None = nested("Namespaces", Namespaces)
    xpaths: tuple[XPathPart, ...] = many("XPath", XPathPart)


class JSONPathPart(Part):
    expression: str = child("Expression", default="")


class JSONPayload(Element):
    escape_slash: bool = attribute("escapeSlashCharacter", BOOLEAN, default=False)
    paths: tuple[JSONPathPart, ...] = many("JSONPath", JSONPathPart)


class RegularExpressionProtection(Policy):
    """Reject messages whose parts match threat patterns.

    Patterns are Java regular expressions, found anywhere in the text and case-sensitive unless they say otherwise. A
    pattern that takes longer than a fifth of a second on a text is ExecutionFailed, so that no message can stall
    others. A parameter or header that is not there is passed over; a variable is not, unless unresolved variables are
    ignored.
    """

    tag = "RegularExpressionProtection"
    family = "security"
    prefix = "regularexpressionprotection"
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/regular-expression-protection"
    )
    faults = fault_table(
        "steps.regexprotection",
        (
            "ThreatDetected",
            500,
            "Regular Expression Threat Detected in {policy}: regex: {regex} input: {input}",
        ),
        (
            "ExecutionFailed",
            500,
            "Failed to execute the RegularExpressionProtection StepDefinition {policy}. Reason: {reason}",
        ),
        ("VariableResolutionFailed", 500, "Failed to resolve variable {variable}"),
        ("NonMessageVariable", 500, "Variable {variable} does not resolve to a Message"),
        (
            "SourceMessageNotAvailable",
            500,
            "{variable} message is not available for RegularExpressionProtection StepDefinition {policy}",
        ),
    )
    deploy_errors = {
        "NothingToEnforce": (
            "RegularExpressionProtection {policy}: at least one of URIPath, QueryParam, Header, FormParam, XMLPayload,"
            " JSONPayload is mandatory"
        ),
        "NoPatternsToEnforce": "RegularExpressionProtection {policy}: No patterns to enforce in {element}",
        "EmptyXPathExpression": "RegularExpressionProtection {policy}: Empty XPath expression",
        "EmptyJSONPathExpression": "RegularExpressionProtection {policy}: Empty JSONPath expression",
        "DuplicatePrefix": "RegularExpressionProtection {policy}: Duplicate prefix {prefix}",
        "NONEmptyPrefixMappedToEmptyURI": (
            "RegularExpressionProtection {policy}: Non-empty prefix {prefix} cannot be mapped to empty uri"
        ),
        "InvalidRegularExpression": "RegularExpressionProtection {policy}: Invalid Regular Expression {regex}, Context {context}",
        "CannotBeConvertedToNodeset": (
            "RegularExpressionProtection {policy}: Result of xpath {xpath} cannot be converted to nodeset. Context {context}"
        ),
        "XPathCompilationFailed": "RegularExpressionProtection {policy}: Failed to compile xpath {xpath}. Context {context}",
        "JSONPathCompilationFailed": (
            "RegularExpressionProtection {policy}: Failed to compile jsonpath {path}. Context {context}"
        ),
    }
    example = """
<RegularExpressionProtection name="REP-Sql">
  <QueryParam name="query"><Pattern>[\\s]*(?i)((delete)|(exec)|(drop\\s*table)|(insert)|(update))</Pattern></QueryParam>
</RegularExpressionProtection>"""

    source: str = child(
        "Source", default="message", doc="message to judge; the message of the moment by default"
    )
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)
    uri_path: Part | None = nested("URIPath", Part, doc="patterns for the path")
    query_params: tuple[NamedPart, ...] = many("QueryParam", NamedPart)
    headers: tuple[NamedPart, ...] = many("Header", NamedPart)
    form_params: tuple[NamedPart, ...] = many("FormParam", NamedPart)
    variables_: tuple[NamedPart, ...] = many("Variable", NamedPart)
    xml: XMLPayload | None = nested("XMLPayload", XMLPayload)
    json: JSONPayload | None = nested("JSONPayload", JSONPayload)

    def check(self, site: Site) -> None:
        parts = (self.query_params, self.headers, self.form_params, self.variables_)
        if self.uri_path is None and self.xml is None and self.json is None and not any(parts):
            site.error(
                self.node,
                "NothingToEnforce",
                "Add a <QueryParam>, <Header> or <JSONPayload> with a <Pattern>.",
            )

    def compile(self, site: Site) -> StepFunction:
        tests: list[tuple[Texts, list[BoundedRegex]]] = []

        def add(part: Part, texts: Texts | None) -> None:
            patterns = [regex for item in part.patterns if (regex := self._pattern(site, item)) is not None]
            if not part.patterns:
                site.error(part.node, "NoPatternsToEnforce", "Add a <Pattern>.", element=part.node.tag)
            elif texts is not None and patterns:
                tests.append((texts, patterns))

        if self.uri_path is not None:
            add(self.uri_path, _uri_path)
        for part in self.query_params:
            add(part, _query(part.name))
        for part in self.headers:
            add(part, _header(part.name))
        for part in self.form_params:
            add(part, _form(part.name))
        for part in self.variables_:
            add(part, self._variable(site, part.name))
        if self.xml is not None:
            namespaces = self.xml.namespaces.read(site) if self.xml.namespaces is not None else {}
            for xpath in self.xml.xpaths:
                add(xpath, self._xpath(site, xpath, namespaces))
        if self.json is not None:
            for path in self.json.paths:
                add(path, self._jsonpath(site, path))
        name = self.source.strip() or "message"
        get = site.getter(name)

        def protect(ctx: MessageContext) -> None:
            message = get(ctx)
            if message is None:
                raise self.fault("SourceMessageNotAvailable", variable=name)
            if message.__class__ is not Message:
                raise self.fault("NonMessageVariable", variable=name)
            for texts, patterns in tests:
                for content in texts(ctx, message) or ():
                    for regex in patterns:
                        try:
                            found = regex.search(content)
                        except RegexTimeout as late:
                            raise self.fault("ExecutionFailed", reason=str(late)) from None
                        if found is not None:
                            raise self.fault("ThreatDetected", regex=regex.pattern, input=content)

        return protect

    def _pattern(self, site: Site, item: PatternElement) -> BoundedRegex | None:
        source = item.node.text.strip()
        try:
            return compile_bounded(f"(?i){source}" if item.ignore_case else source)
        except JavaRegexError as error:
            site.error(
                item.node, "InvalidRegularExpression", f"Mend the pattern: {error}.", regex=source, context=""
            )
            return None

    def _variable(self, site: Site, name: str) -> Texts:
        get = site.getter(name)

        def texts(ctx: MessageContext, message: Message) -> Iterable[str] | None:
            value = get(ctx)
            if value is None:
                if self.ignore_unresolved:
                    return None
                raise self.fault("VariableResolutionFailed", variable=name)
            return [text_of(value)]

        return texts

    def _xpath(self, site: Site, part: XPathPart, namespaces: dict[str, str]) -> Texts | None:
        expression = part.expression.strip()
        if not expression:
            site.error(part.node, "EmptyXPathExpression", "Write the path in <Expression>.")
            return None
        try:
            find = compile_xpath(expression, namespaces, kind=part.kind)
        except XPathSyntaxError as error:
            kind = (
                "CannotBeConvertedToNodeset"
                if type(error).__name__ == "NotANodeset"
                else "XPathCompilationFailed"
            )
            site.error(part.node, kind, f"Mend the path: {error}.", xpath=expression, context="")
            return None

        def texts(ctx: MessageContext, message: Message) -> Iterable[str] | None:
            if not is_xml(message.content_type()) or not message.body:
                return None
            try:
                value = find(message.xml())
            except (ValueError, SyntaxError) as error:
                raise self.fault("ExecutionFailed", reason=str(error)) from None
            return None if value is None else [text_of(value)]

        return texts

    def _jsonpath(self, site: Site, part: JSONPathPart) -> Texts | None:
        expression = part.expression.strip()
        if not expression:
            site.error(part.node, "EmptyJSONPathExpression", "Write the path in <Expression>.")
            return None
        try:
            path = compile_jsonpath(expression)
        except JsonPathSyntaxError as error:
            site.error(
                part.node,
                "JSONPathCompilationFailed",
                f"Mend the path: {error}.",
                path=expression,
                context="",
            )
            return None

        def texts(ctx: MessageContext, message: Message) -> Iterable[str] | None:
            if "json" not in message.content_type() or not message.body:
                return None
            try:
                value = path.find(message.json())
            except (ValueError, RecursionError) as error:
                raise self.fault("ExecutionFailed", reason=str(error)) from None
            if value is MISSING:
                return None
            return [to_text(value) if not isinstance(value, str) else value]

        return texts


def _uri_path(ctx: MessageContext, message: Message) -> Iterable[str] | None:
    return [ctx.path_suffix] if message.is_request else None


def _query(name: str) -> Texts:
    return lambda ctx, message: message.query.values(name) if message.is_request else None


def _form(name: str) -> Texts:
    return lambda ctx, message: message.form.values(name) if message.is_request else None


def _header(name: str) -> Texts:
    def texts(ctx: MessageContext, message: Message) -> Iterable[str] | None:
        value = message.headers.get(name)
        return None if value is None else [value]

    return texts
