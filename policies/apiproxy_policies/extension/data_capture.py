"""DataCapture: values for analytics, under the names of data collectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from apiproxy_policies.namespaces import Namespaces
from apiproxy_policies.xml_payload import is_xml
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MISSING,
    Element,
    Fault,
    JsonPathSyntaxError,
    Message,
    MessageContext,
    Node,
    PatternError,
    Policy,
    Site,
    StepFunction,
    XPathFailed,
    XPathSyntaxError,
    attribute,
    child,
    children,
    compile_jsonpath,
    compile_pattern,
    compile_xpath,
    fault_table,
    many,
    message_field,
    nested,
    text,
    text_of,
    to_text,
)

#: Most captured variables of a transaction, and bytes of one value.
MOST, LONGEST = 100, 400
#: What analytics gets for a text that is not there.
NOT_SET = "Not set"
#: Finds a value in a message: None when there is none. Raises Fault.
Find = Callable[[MessageContext, Message], Any]


class CapturePattern(Element):
    """Text with the placeholder `{$}`."""

    ignore_case: bool = attribute("ignoreCase", BOOLEAN, default=False)
    pattern: str = text(default="")


class Patterns(Element):
    items: tuple[CapturePattern, ...] = many("Pattern", CapturePattern)


class NamedPatterns(Patterns):
    name: str = attribute("name", required=True, default="")


class CaptureJSON(Element):
    paths: tuple[str, ...] = children("JSONPath")


class CaptureXML(Element):
    namespaces: Namespaces | None = nested("Namespaces", Namespaces)
    paths: tuple[str, ...] = children("XPath")


class CaptureSource(Element):
    clear_payload: bool = attribute("clearPayload", BOOLEAN, default=False)
    name: str = text(default="message")


class Collect(Element):
    """Where the value comes from: a variable, or a part of a message."""

    ref: str | None = attribute("ref", default=None, doc="variable to capture")
    default: str | None = attribute("default", default=None, doc="value where nothing is found, literal")
    scope: str | None = attribute("scope", default=None)
    source: CaptureSource | None = nested("Source", CaptureSource)
    uri_path: Patterns | None = nested("URIPath", Patterns)
    query_param: NamedPatterns | None = nested("QueryParam", NamedPatterns)
    header: NamedPatterns | None = nested("Header", NamedPatterns)
    form_param: NamedPatterns | None = nested("FormParam", NamedPatterns)
    json: CaptureJSON | None = nested("JSONPayload", CaptureJSON)
    xml: CaptureXML | None = nested("XMLPayload", CaptureXML)


class Collector(Element):
    scope: str | None = attribute("scope", default=None, doc="monetization for monetization variables")
    name: str = text(default="")


class Capture(Element):
    collector: Collector | None = nested("DataCollector", Collector, required=True)
    collect: Collect | None = nested("Collect", Collect, required=True)


class DataCapture(Policy):
    """Send chosen values to analytics under the names of data collectors.

    The values end in this runtime's analytics records. A collector captured by several policies keeps the last value.
    All captures are made before the first error is raised; errors are listed in `dataCapturePolicyErrors`. A value
    longer than 400 bytes is cut, and a transaction captures 100 at most, unless ThrowExceptionOnLimit says to fail.
    Types are checked where the environment's datacollectors.json names the collector.
    """

    tag = "DataCapture"
    family = "extension"
    prefix = "datacapture"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/data-capture-policy"
    faults = fault_table(
        "steps.datacapture",
        ("DataCollectorTypeMismatch", 500, "DataCapture[{policy}]: value of {collector} is no {type}"),
        ("ExtractionFailure", 500, "DataCapture[{policy}]: extraction failed for {collector}"),
        ("UnresolvedVariable", 500, "DataCapture[{policy}]: unable to resolve variable {variable}"),
        (
            "VariableCountLimitExceeded",
            500,
            "DataCapture[{policy}]: more than {limit} variables are captured",
        ),
        (
            "VariableValueLimitExceeded",
            500,
            "DataCapture[{policy}]: value of {collector} is longer than {limit} bytes",
        ),
        ("MsgContentParsingFailed", 500, "DataCapture[{policy}]: content of {variable} cannot be parsed"),
        ("InvalidMsgContentType", 500, "DataCapture[{policy}]: content type of {variable} does not fit"),
        ("NonMsgVariable", 500, "DataCapture[{policy}]: {variable} is not of type Message"),
        ("JSONPathQueryFailed", 500, "DataCapture[{policy}]: JSONPath {path} gave no value"),
        (
            "PrivateVariableAccess",
            500,
            "DataCapture[{policy}]: private variable {variable} cannot be captured",
        ),
        ("XPathEvaluationFailed", 500, "DataCapture[{policy}]: XPath {path} gave no value"),
    )
    deploy_errors = {
        "DeploymentAssertionError": "DataCapture[{policy}]: data collector {collector} is captured twice",
        "JsonPathCompilationFailed": "DataCapture[{policy}]: JSONPath {path} does not compile",
        "XPathCompilationFailed": "DataCapture[{policy}]: XPath {path} does not compile",
        "PatternCompilationFailed": "DataCapture[{policy}]: pattern {pattern} does not compile",
        "NONEmptyPrefixMappedToEmptyURI": "DataCapture[{policy}]: prefix {prefix} has no URI",
        "DuplicatePrefix": "DataCapture[{policy}]: prefix {prefix} is declared twice",
    }
    variables = {"dataCapturePolicyErrors": "list of {errorType, policyName, dataCollector}"}
    example = """
<DataCapture name="DC-Order">
  <Capture>
    <DataCollector>dc_order_total</DataCollector>
    <Collect default="0"><JSONPayload><JSONPath>$.total</JSONPath></JSONPayload></Collect>
  </Capture>
</DataCapture>"""

    captures: tuple[Capture, ...] = many("Capture", Capture)
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)
    throw_on_limit: bool = child("ThrowExceptionOnLimit", BOOLEAN, default=False)

    def check(self, site: Site) -> None:
        seen: set[str] = set()
        for capture in self.captures:
            name = _collector(capture)
            if name in seen:
                site.error(
                    capture.node,
                    "DeploymentAssertionError",
                    "Capture each collector once in a policy.",
                    collector=name,
                )
            seen.add(name)

    def compile(self, site: Site) -> StepFunction:
        known = site.environment.data_collectors
        captures = []
        for capture in self.captures:
            name = _collector(capture)
            kind = known[name].type if name in known else "STRING"
            if capture.collect is not None and name:
                captures.append((name, kind, name in known, *self._compile_collect(site, capture.collect)))

        def data_capture(ctx: MessageContext) -> None:
            captured = dict(ctx.analytics.get("captured", {}))
            faults: list[tuple[Fault, str]] = []
            for name, kind, typed, find, default in captures:
                try:
                    value = find(ctx)
                except Fault as fault:
                    faults.append((fault, name))
                    continue
                if value is None:
                    value = default if default is not None else (NOT_SET if kind == "STRING" else None)
                content = None if value is None else text_of(value)
                if content is not None and len(content.encode()) > LONGEST:
                    faults.append(
                        (self.fault("VariableValueLimitExceeded", collector=name, limit=LONGEST), name)
                    )
                    if self.throw_on_limit:
                        continue
                    content = content.encode()[:LONGEST].decode("utf-8", "ignore")
                if typed and content is not None and not fits(content, kind):
                    faults.append((self.fault("DataCollectorTypeMismatch", collector=name, type=kind), name))
                    continue
                if name not in captured and len(captured) >= MOST:
                    faults.append((self.fault("VariableCountLimitExceeded", limit=MOST), name))
                    continue
                captured[name] = content
            ctx.analytics = {**ctx.analytics, "captured": captured}
            self._report(ctx, faults)

        return data_capture

    def _report(self, ctx: MessageContext, faults: list[tuple[Fault, str]]) -> None:
        """List the errors, and raise the first that is more than a limit quietly kept."""
        if not faults:
            return
        errors = list(ctx.variables.get("dataCapturePolicyErrors") or [])
        errors += [
            {
                "errorType": _ERROR_TYPES.get(fault.name, fault.name),
                "policyName": self.name,
                "dataCollector": name,
            }
            for fault, name in faults
        ]
        ctx.variables["dataCapturePolicyErrors"] = errors
        for fault, _ in faults:
            if self.throw_on_limit or not fault.name.endswith("LimitExceeded"):
                raise fault

    def _compile_collect(
        self, site: Site, collect: Collect
    ) -> tuple[Callable[[MessageContext], Any], str | None]:
        default, lenient = collect.default, self.ignore_unresolved or collect.default is not None
        if collect.ref is not None:
            ref = collect.ref.strip()
            get = site.getter(ref)

            def by_ref(ctx: MessageContext) -> Any:
                if ref.startswith("private."):
                    raise self.fault("PrivateVariableAccess", variable=ref)
                value = get(ctx)
                if value is None and not lenient:
                    raise self.fault("UnresolvedVariable", variable=ref)
                return value

            return by_ref, default
        name = (collect.source.name if collect.source is not None else "message").strip() or "message"
        clear = collect.source is not None and collect.source.clear_payload
        get_message = site.getter(name)
        finds = self._finds(site, collect, name, lenient)

        def by_message(ctx: MessageContext) -> Any:
            message = get_message(ctx)
            if message.__class__ is not Message:
                if message is None and lenient:
                    return None
                raise self.fault("NonMsgVariable", variable=name)
            for find in finds:
                value = find(ctx, message)
                if value is not None:
                    if clear:
                        message.body = b""
                    return value
            return None

        return by_message, default

    def _finds(self, site: Site, collect: Collect, name: str, lenient: bool) -> list[Find]:
        finds: list[Find] = []
        if collect.uri_path is not None:
            finds += self._patterns(
                site, collect.uri_path, lambda ctx, m: ctx.path_suffix if m.is_request else None, True
            )
        if collect.query_param is not None:
            finds += self._patterns(
                site, collect.query_param, _parameter(collect.query_param.name, "queryparam")
            )
        if collect.header is not None:
            finds += self._patterns(site, collect.header, _parameter(collect.header.name, "header"))
        if collect.form_param is not None:
            finds += self._patterns(
                site, collect.form_param, _parameter(collect.form_param.name, "formparam")
            )
        if collect.json is not None:
            finds += [
                self._jsonpath(site, collect.json.node, path, name, lenient) for path in collect.json.paths
            ]
        if collect.xml is not None:
            namespaces = collect.xml.namespaces.read(site) if collect.xml.namespaces is not None else {}
            finds += [
                self._xpath(site, collect.xml.node, path, namespaces, name, lenient)
                for path in collect.xml.paths
            ]
        return finds

    def _patterns(self, site: Site, patterns: Patterns, get: Find, path: bool = False) -> list[Find]:
        finds: list[Find] = []
        for item in patterns.items:
            try:
                compiled = compile_pattern(
                    item.pattern.strip().replace("{$}", "{value}"), path=path, ignore_case=item.ignore_case
                )
            except PatternError as error:
                site.error(
                    item.node, "PatternCompilationFailed", f"Mend the pattern: {error}.", pattern=item.pattern
                )
                continue

            def find(ctx: MessageContext, message: Message, match: Any = compiled.match) -> Any:
                value = get(ctx, message)
                found = match(text_of(value)) if value is not None else None
                return None if found is None else found.get("value")

            finds.append(find)
        return finds

    def _jsonpath(self, site: Site, node: Node, source: str, name: str, lenient: bool) -> Find:
        try:
            fixed = compile_jsonpath(source.strip()) if "{" not in source else None
        except JsonPathSyntaxError as error:
            site.error(node, "JsonPathCompilationFailed", f"Mend the path: {error}.", path=source)
            return lambda ctx, message: None
        render = site.template(source.strip(), node)

        def find(ctx: MessageContext, message: Message) -> Any:
            if "json" not in message.content_type():
                if lenient:
                    return None
                raise self.fault("InvalidMsgContentType", variable=name)
            try:
                value = (fixed or compile_jsonpath(render(ctx))).find(message.json())
            except (ValueError, RecursionError, JsonPathSyntaxError):
                raise self.fault("MsgContentParsingFailed", variable=name) from None
            if value is MISSING or value == []:
                if lenient:
                    return None
                raise self.fault("JSONPathQueryFailed", path=source)
            return value if isinstance(value, str) else to_text(value)

        return find

    def _xpath(
        self, site: Site, node: Node, source: str, namespaces: dict[str, str], name: str, lenient: bool
    ) -> Find:
        try:
            evaluate = compile_xpath(source.strip(), namespaces, kind="string")
        except XPathSyntaxError as error:
            site.error(node, "XPathCompilationFailed", f"Mend the path: {error}.", path=source)
            return lambda ctx, message: None

        def find(ctx: MessageContext, message: Message) -> Any:
            if not is_xml(message.content_type()):
                if lenient:
                    return None
                raise self.fault("InvalidMsgContentType", variable=name)
            try:
                value = evaluate(message.xml())
            except (ValueError, SyntaxError, XPathFailed):
                raise self.fault("MsgContentParsingFailed", variable=name) from None
            if value is None and not lenient:
                raise self.fault("XPathEvaluationFailed", path=source)
            return value

        return find


_ERROR_TYPES = {
    "VariableValueLimitExceeded": "MaxValueSizeLimitReached",
    "VariableCountLimitExceeded": "MaxVariableCountLimitReached",
    "DataCollectorTypeMismatch": "TypeMismatch",
}
_WHOLE = re.compile(r"[+-]?[0-9]+")


def _collector(capture: Capture) -> str:
    return capture.collector.name.strip() if capture.collector is not None else ""


def _parameter(name: str, kind: str) -> Find:
    """A header or parameter of a message; `name.2` is its second value, `name.values` all of them."""
    from_message = f"{kind}.{name}"

    def get(ctx: MessageContext, message: Message) -> Any:
        part = message_field(from_message)
        return part.read(message) if part is not None else None

    return get


def fits(content: str, kind: str) -> bool:
    """Whether a value is of a data collector's type."""
    if kind in ("INTEGER", "LONG"):
        return _WHOLE.fullmatch(content) is not None
    if kind in ("FLOAT", "DOUBLE"):
        try:
            float(content)
        except ValueError:
            return False
        return True
    if kind == "BOOLEAN":
        return content.lower() in ("true", "false")
    if kind in ("DATE", "DATETIME"):
        return re.match(r"\d{4}-\d{2}-\d{2}", content) is not None or _WHOLE.fullmatch(content) is not None
    return True
